"""Functions of the whole process: versions, providers, seeds, threads, allocators, plug-in libraries."""

import os

from ... import __version__ as _oriel_version
from ... import _core
from .devices import OrtArenaCfg, OrtMemoryInfo
from .faults import fault

_VERSION = "1.31.1"

# onnxruntime's providers in its order of priority.
_ALL_PROVIDERS = [
    f"{name}ExecutionProvider"
    for name in (
        "NvTensorRTRTX Tensorrt CUDA MIGraphX OpenVINO Dnnl VitisAI QNN Nnapi VSINPU Js CoreML ACL Dml Rknpu "
        "WebNN WebGpu Xnnpack CANN Azure CPU "
    ).split()
]

# Threads of sessions with use_per_session_threads off; None until set_global_thread_pool_sizes().
global_threads = {"intra_op": None}


def get_version_string():
    """The version of onnxruntime whose interface this module follows."""
    return _VERSION


def get_build_info():
    """What this build is."""
    return f"ORT Build Info: Oriel {_oriel_version}, interface of onnxruntime {_VERSION}, build type=Release"


def has_collective_ops():
    """Whether operators across processes are built in: they are not."""
    return False


def get_available_providers():
    """Providers of this build, in order of priority."""
    return _core.available_providers()


def get_all_providers():
    """Providers that onnxruntime knows, in order of priority; most are not in this build."""
    return list(_ALL_PROVIDERS)


def get_device():
    """The kind of device of this build."""
    return "CPU"


def set_seed(seed):
    """Seeds random operators without a seed of their own, in sessions that are made from now on."""
    if isinstance(seed, str) or not hasattr(seed, "__index__"):
        raise TypeError(f"a seed is a number, got {type(seed).__name__}")
    _core.set_seed(seed.__index__())


def set_global_thread_pool_sizes(intra_op_num_threads=0, inter_op_num_threads=0):
    """How many threads runs of sessions with use_per_session_threads off may use; 0 takes the processors of this
    process."""
    for name, value in (("intra_op_num_threads", intra_op_num_threads), ("inter_op_num_threads", inter_op_num_threads)):
        if isinstance(value, str) or not hasattr(value, "__index__"):
            raise TypeError(f"{name} is a number, got {type(value).__name__}")
    global_threads["intra_op"] = max(intra_op_num_threads.__index__(), 0)


def disable_telemetry_events():
    """There is no telemetry."""


def enable_telemetry_events():
    """There is no telemetry, and this does not start any."""


def create_and_register_allocator(mem_info, arena_cfg):
    """Accepted for memory of the CPU: the engine has one allocator, which every session uses."""
    if not isinstance(mem_info, OrtMemoryInfo):
        raise TypeError(f"expected an OrtMemoryInfo, got {type(mem_info).__name__}")
    if arena_cfg is not None and not isinstance(arena_cfg, OrtArenaCfg):
        raise TypeError(f"expected an OrtArenaCfg or None, got {type(arena_cfg).__name__}")


def create_and_register_allocator_v2(provider_type, mem_info, options, arena_cfg):
    """As create_and_register_allocator(), for a provider of this build; RuntimeError for another."""
    if provider_type not in get_available_providers():
        raise RuntimeError(
            "Error when creating and registering allocator in create_and_register_allocator_v2: "
            f"{provider_type} is not in this build"
        )
    create_and_register_allocator(mem_info, arena_cfg)


def register_execution_provider_library(registration_name, library_path):
    """Plug-in provider libraries need onnxruntime's C ABI, which this version does not have: NotImplemented; Fail where
    there is no file."""
    if not os.path.exists(library_path):
        raise fault(
            _core.Fail,
            f"Failed to load library {library_path} with error: {library_path}: cannot open shared "
            "object file: No such file or directory",
        )
    raise fault(
        _core.NotImplemented,
        f"{registration_name} ({library_path}): execution provider libraries wait for the C ABI of plug-in providers",
    )


def unregister_execution_provider_library(registration_name):
    """Fail: no library is ever registered."""
    raise fault(_core.Fail, f"Execution provider library: {registration_name} was not registered.")


def get_all_operator_schema():
    """Schemas of operators are the onnx package's business: an empty list."""
    return []


def get_all_opkernel_def():
    """Kernels of this engine have no definitions in onnxruntime's terms: an empty list."""
    return []


def get_registered_ep_kernel_defs(ep_name):
    """As get_all_opkernel_def(), for a provider of this build; RuntimeError for another."""
    if ep_name not in get_available_providers():
        raise RuntimeError(f"No devices found for EP '{ep_name}'.")
    return []
