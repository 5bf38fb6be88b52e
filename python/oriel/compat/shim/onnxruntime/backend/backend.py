"""OnnxRuntimeBackend: models prepared and run through the onnx package's backend interface. Needs the onnx package."""

import os
import unittest

from onnx import ModelProto, helper  # noqa: F401
from onnx.backend.base import Backend
from onnx.checker import check_model

from oriel.ort import InferenceSession, SessionOptions, get_available_providers, get_device

from .backend_rep import OnnxRuntimeBackendRep, apply_options

# What does not write files.
_SESSION_OPTIONS = (
    "enable_cpu_mem_arena enable_mem_pattern enable_mem_reuse execution_mode execution_order graph_optimization_level "
    "inter_op_num_threads intra_op_num_threads log_severity_level log_verbosity_level logid use_deterministic_compute "
    "use_per_session_threads"
).split()


class OnnxRuntimeBackend(Backend):
    """The backend. Models are paths, bytes, ModelProtos, sessions, or what prepare() returned."""

    allowReleasedOpsetsOnly = os.getenv("ALLOW_RELEASED_ONNX_OPSET_ONLY", "1") == "1"  # noqa: N815

    @classmethod
    def is_compatible(cls, model, device=None, **kwargs):
        """Whether the device is there; the model is not looked at."""
        return cls.supports_device(get_device() if device is None else device)

    @classmethod
    def is_opset_supported(cls, model):
        """(whether all operator sets of the model are released, why not)."""
        if not cls.allowReleasedOpsetsOnly:
            return True, ""
        for opset in model.opset_import:
            domain = opset.domain or "ai.onnx"
            if (domain, opset.version) not in helper.OP_SET_ID_VERSION_MAP:
                return False, (
                    f"only released onnx opsets are supported, got domain '{domain}' version '{opset.version}'; set "
                    "ALLOW_RELEASED_ONNX_OPSET_ONLY=0 to try"
                )
        return True, ""

    @classmethod
    def supports_device(cls, device):
        """Whether this build has devices of that kind ("CPU")."""
        return ("GPU" if device == "CUDA" else device) in get_device().split("-")

    @classmethod
    def prepare(cls, model, device=None, **kwargs):
        """An OnnxRuntimeBackendRep. kwargs: session options; RuntimeError for those that write files."""
        if isinstance(model, OnnxRuntimeBackendRep):
            return model
        if isinstance(model, InferenceSession):
            return OnnxRuntimeBackendRep(model)
        if not isinstance(model, (str, bytes)):
            content = model.SerializeToString()
            check_model(content)
            supported, why = cls.is_opset_supported(model)
            if not supported:
                raise unittest.SkipTest(why)
            model = content
        options = apply_options(SessionOptions(), kwargs, _SESSION_OPTIONS)
        excluded = os.getenv("ORT_ONNX_BACKEND_EXCLUDE_PROVIDERS", "").split(",")
        providers = [name for name in get_available_providers() if name not in excluded]
        session = InferenceSession(model, options, providers=providers)
        session.disable_fallback()
        if device is not None and not cls.supports_device(device):
            raise RuntimeError(f"Incompatible device expected '{device}', got '{get_device()}'")
        return OnnxRuntimeBackendRep(session)

    @classmethod
    def run_model(cls, model, inputs, device=None, **kwargs):
        """Prepares and runs."""
        return cls.prepare(model, device, **kwargs).run(inputs, **kwargs)

    @classmethod
    def run_node(cls, node, inputs, device=None, outputs_info=None, **kwargs):
        """NotImplementedError: models run as a whole."""
        raise NotImplementedError("single nodes are not run; run a model")


is_compatible = OnnxRuntimeBackend.is_compatible
prepare = OnnxRuntimeBackend.prepare
run = OnnxRuntimeBackend.run_model
supports_device = OnnxRuntimeBackend.supports_device
