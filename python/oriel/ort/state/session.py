"""The engine's sessions and bindings under onnxruntime's inner names, on which InferenceSession and IOBinding stand."""

import atexit
import json
import os

from ... import _core
from . import logger
from .devices import OrtDevice, cpu_memory_info, get_ep_devices
from .enums import ExecutionMode, GraphOptimizationLevel
from .environment import get_all_providers, get_available_providers, get_version_string, global_threads
from .faults import fault
from .options import SessionOptions
from .values import OrtValue, OrtValueVector, as_list

atexit.register(_core.finish_background_work)


class NodeArg:
    """Name, type and shape of an input or output. Read-only.

    type: as in "tensor(float)", "seq(tensor(int64))". shape: a list with an int for a fixed dimension, its name for a
    symbolic one and None for an unknown one. A dimension that is not known has the name that the model declares. Empty for scalars, sequences and maps, and where the rank is unknown.
    """

    __slots__ = ("_name", "_type", "_shape")

    def __init__(self, name, type, shape):  # noqa: A002
        self._name, self._type, self._shape = name, type, shape or ()

    @property
    def name(self):
        return self._name

    @property
    def type(self):
        return self._type

    @property
    def shape(self):
        return list(self._shape)

    def __repr__(self):
        return f"NodeArg(name='{self.name}', type='{self.type}', shape={self.shape})"


class ModelMetadata:
    """What a model's author wrote about it.

    Texts: producer_name, graph_name, domain, description, graph_description. version: an int. custom_metadata_map: a
    dict of texts.
    """

    __slots__ = (
        "producer_name",
        "graph_name",
        "domain",
        "description",
        "graph_description",
        "version",
        "custom_metadata_map",
    )

    def __init__(self, info):
        for name, value in info.items():
            setattr(self, name, value)


class OrtEpAssignedNode:
    """An original node and what it calls. Read-only."""

    __slots__ = ("_name", "_domain", "_op_type")

    def __init__(self, name, domain, op_type):
        self._name, self._domain, self._op_type = name, domain, op_type

    @property
    def name(self):
        return self._name

    @property
    def domain(self):
        return self._domain

    @property
    def op_type(self):
        return self._op_type


class OrtEpAssignedSubgraph:
    """Nodes that one provider runs."""

    __slots__ = ("_ep_name", "_nodes")

    def __init__(self, ep_name, nodes):
        self._ep_name, self._nodes = ep_name, nodes

    @property
    def ep_name(self):
        return self._ep_name

    def get_nodes(self):
        return list(self._nodes)


class SessionObjectInitializer:
    """What sessions were given to start from; nothing is needed."""


def get_session_initializer():
    """A SessionObjectInitializer."""
    return SessionObjectInitializer()


# Session options that a model's metadata may bring, and how they are read.
_CONFIG_LEVELS = {int(level) for level in GraphOptimizationLevel}


def _apply_model_config(options, text):
    """Sets options from the JSON text that a model has under `ort_config`. RuntimeError where it says nonsense."""

    def wrong(fact):
        return RuntimeError(
            f"Could not finalize session options while constructing the inference session. Error Message: {fact}"
        )

    try:
        config = json.loads(text)
    except ValueError as error:
        raise wrong(f"Json stored in the `ort_config` key cannot be parsed. Error message: {error}") from None
    settings = config.get("session_options") if isinstance(config, dict) else None
    if not isinstance(settings, dict):
        return
    for name, value in settings.items():
        if name in (
            "intra_op_num_threads",
            "inter_op_num_threads",
            "execution_mode",
            "graph_optimization_level",
            "enable_profiling",
        ):
            if isinstance(value, bool) or not isinstance(value, int):
                raise wrong(f"{name} option in the model file must be an integer")
        if name in ("intra_op_num_threads", "inter_op_num_threads"):
            setattr(options, name, value)
        elif name == "enable_profiling":
            options.enable_profiling = bool(value)
        elif name == "execution_mode":
            if value not in (0, 1):
                raise wrong(f"Unsupported execution_mode value in ORT config: {value}")
            options.execution_mode = ExecutionMode(value)
        elif name == "graph_optimization_level":
            if value not in _CONFIG_LEVELS:
                raise wrong(f"Unsupported graph_optimization_level value in ORT config: {value}")
            options.graph_optimization_level = GraphOptimizationLevel(value)


class InferenceSession:
    """A model of the engine: InferenceSession(options, path or bytes, is it a path, read the model's configuration),
    then initialize_session(). `engine` is the engine's own object."""

    def __init__(self, options, model, is_path, read_config_from_model):
        if not isinstance(options, SessionOptions):
            raise TypeError(f"sess_options is a {type(options).__name__}, expected SessionOptions")
        self._path, self._bytes = (os.fspath(model), None) if is_path else ("", model)
        self._options = options._copy()
        self.engine = None
        is_ort = self._path.endswith(".ort") if is_path else model[4:8] == b"ORTM"
        if options._config.get("session.load_model_format", "ORT" if is_ort else "ONNX").upper() == "ORT":
            raise fault(_core.NotImplemented, "models in ORT format are not read; convert from the ONNX model instead")
        if read_config_from_model:
            text = _core.model_info(self._path, self._bytes)["custom_metadata_map"].get("ort_config")
            if text is not None:
                _apply_model_config(self._options, text)

    def initialize_session(self, providers, provider_options, disabled_optimizers):
        """Loads and compiles. Unknown providers are RuntimeErrors; providers that are not in this build are passed
        over. `disabled_optimizers` names passes of onnxruntime, which this engine does not have."""
        o = self._options
        requests = self._requests(list(providers), list(provider_options))
        threads = o.intra_op_num_threads
        if not o.use_per_session_threads:
            if global_threads["intra_op"] is None:
                raise RuntimeError(
                    "When the session is not configured to use per session threadpools, the sizes of the global one "
                    "must be set: call set_global_thread_pool_sizes()"
                )
            threads = global_threads["intra_op"]
        try:
            self.engine = _core.Session(
                path=self._path,
                bytes=self._bytes,
                folder=o._config.get("session.model_external_initializers_file_folder_path", ""),
                level=min(int(o.graph_optimization_level), 4),
                threads=max(threads, 0),
                providers=requests,
                dims_by_name=o._dims_by_name,
                dims_by_denotation=o._dims_by_denotation,
                config=o._config,
                initializers=o._initializers,
                external_files=o._external_files,
                optimized_model_path=o.optimized_model_filepath,
                profile_prefix=o.profile_file_prefix if o.enable_profiling else "",
                cancel=o._cancel,
            )
        except _core.Fail as error:
            if o._cancel.terminate and "canceled" in str(error):
                raise fault(_core.ModelLoadCanceled, "Session initialization canceled.") from None
            raise
        self._describe()

    def _requests(self, names, settings):
        o = self._options
        if not names:
            if o._providers:
                return list(o._providers)
            return [(name, {}) for name in self._chosen()] if o._policy is not None else []
        unknown = next((n for n in names if n not in get_all_providers()), None)
        if unknown is not None:
            raise RuntimeError(f"Unknown Provider Type: {unknown}")
        settings += [{} for _ in names[len(settings) :]]
        return [(n, s) for n, s in zip(names, settings) if n in get_available_providers()]

    def _chosen(self):
        devices = get_ep_devices()
        if callable(self._options._policy):
            info = _core.model_info(self._path, self._bytes)
            metadata = {**info["custom_metadata_map"], "model_file": self._path, "producer_name": info["producer_name"]}
            devices = self._options._policy(devices, metadata, {"ort_version": get_version_string()}, 8)
            if not devices:
                raise RuntimeError("the provider selection delegate chose no device")
        return list(dict.fromkeys(device.ep_name for device in devices))

    def _describe(self):
        engine = self.engine
        self._inputs = [NodeArg(*i) for i in engine.inputs()]
        self._outputs = [NodeArg(*i) for i in engine.outputs()]
        o = self._options
        if not logger.enabled(logger.INFO, o.log_severity_level):
            return
        logger.log(
            logger.INFO,
            f"Session successfully initialized: providers {self.get_providers()}",
            o.logid,
            o.log_severity_level,
        )
        if logger.enabled(logger.VERBOSE, o.log_severity_level):
            for step in engine.steps():
                what = step.get("kernel", "executor")
                logger.log(
                    logger.VERBOSE,
                    f'{step["op"]} "{step["name"]}": {step["device"]} {what}',
                    o.logid,
                    o.log_severity_level,
                )

    @property
    def session_options(self):
        """The session's own options: a copy of those given, with what the model's configuration changed."""
        return self._options

    @property
    def inputs_meta(self):
        return self._inputs

    @property
    def outputs_meta(self):
        return self._outputs

    @property
    def overridable_initializers(self):
        return [NodeArg(*i) for i in self.engine.overridable()]

    @property
    def model_meta(self):
        return ModelMetadata(self.engine.model_info())

    @property
    def get_profiling_start_time_ns(self):
        return self.engine.profiling_start_ns()

    @property
    def input_meminfos(self):
        return [cpu_memory_info() for _ in self.inputs_meta]

    @property
    def output_meminfos(self):
        return [cpu_memory_info() for _ in self.outputs_meta]

    @property
    def input_epdevices(self):
        first = self.get_providers()[0]
        device = next(d for d in get_ep_devices() if d.ep_name == first)
        return [device for _ in self.inputs_meta]

    def get_providers(self):
        """Names in order of priority; the CPU provider comes last where it was not asked for."""
        return list(self.get_provider_options())

    def get_provider_options(self):
        """A dict of options (texts) by provider, in order of priority."""
        options = dict(self.engine.providers())
        options.setdefault("CPUExecutionProvider", {})
        return options

    def run(self, output_names, input_feed, run_options):
        """Outputs as arrays, lists and dicts."""
        return self.engine.run(output_names, input_feed, run_options)

    def run_async(self, output_names, input_feed, callback, user_data, run_options):
        """run() in the background; callback(results, user_data, error text)."""
        self.engine.run_async(output_names, input_feed, callback, user_data, run_options)

    def run_with_ort_values(self, input_feed, output_names, run_options):
        """OrtValues in, an OrtValueVector out."""
        return OrtValueVector(self.engine.run(output_names, input_feed, run_options, True))

    def run_with_ortvaluevector(self, run_options, feed_names, feeds, fetch_names, fetches, fetch_devices):
        """From one OrtValueVector into another: values that `fetches` holds already are written in place."""
        if len(feed_names) != len(feeds):
            raise RuntimeError(f"{len(feed_names)} names for {len(feeds)} feeds")
        if len(fetches) not in (0, len(fetch_names)):
            raise RuntimeError(f"{len(fetch_names)} names for {len(fetches)} fetches")
        made = self.engine.run(list(fetch_names), dict(zip(feed_names, feeds)), run_options, True)
        for i, value in enumerate(made):
            if i < len(fetches):
                fetches[i].update_inplace(value)
            else:
                fetches.append(value)

    def run_with_iobinding(self, io_binding, run_options):
        """Runs with what is bound. RuntimeError for all that goes wrong."""
        try:
            self.engine.run_with_iobinding(io_binding._binding, run_options)
        except (_core.InvalidArgument, _core.Fail, _core.NotImplemented, _core.RuntimeException) as error:
            raise RuntimeError(f"Error in execution: {str(error).split(' : ', 3)[-1]}") from None

    def end_profiling(self):
        """Ends profiling and returns the name of the file that it wrote; "" without profiling."""
        return self.engine.end_profiling()

    def create_ortvalue_from_shape_and_type(self, shape, element_type, device):
        """A tensor for this session's inputs and outputs."""
        return OrtValue.ortvalue_from_shape_and_type([int(d) for d in shape], element_type, device)

    def create_ortvalue_from_shape_and_onnx_type(self, shape, element_type, device):
        """The same, by an ONNX number."""
        return OrtValue.ortvalue_from_shape_and_onnx_type([int(d) for d in shape], element_type, device)

    def get_provider_graph_assignment_info(self):
        """Which provider runs which of the model's own nodes, each node in a sub-graph of its own. Fail unless the
        session was made with the entry session.record_ep_graph_assignment_info set to "1"."""
        if self._options._config.get("session.record_ep_graph_assignment_info") != "1":
            raise fault(
                _core.Fail,
                "Session configuration entry 'session.record_ep_graph_assignment_info' must be "
                'set to "1" to retrieve EP graph assignment information.',
            )
        operators = self.engine.original_operators()
        assigned = {}
        open_steps = list(self.engine.steps())
        while open_steps:
            step = open_steps.pop(0)
            for body in step.get("bodies", ()):
                open_steps.extend(body)
            for name in step.get("origins", ()) if step["provider"] else ():
                assigned.setdefault(name, step["provider"])
        subgraphs = []
        for name, provider in assigned.items():
            domain, _, op = operators.get(name, "").rpartition(".")
            subgraphs.append(OrtEpAssignedSubgraph(provider, [OrtEpAssignedNode(name, domain, op)]))
        return subgraphs

    def get_tuning_results(self):
        """Nothing is tuned at run time: an empty list."""
        return []

    def set_tuning_results(self, results, error_on_invalid):
        """Results of tuning belong to providers that tune; those of this build do not. RuntimeError for any result
        where `error_on_invalid`; else they are passed over."""
        for i, result in enumerate(results):
            name = result["ep"]
            fact = (
                f"Invalid TuningResults (index={i}). {name} does not support TunableOp."
                if name in self.get_providers()
                else f"Cannot find execution provider {name}"
            )
            if error_on_invalid:
                raise RuntimeError(f"Error in execution: {fact}")
            logger.log(logger.WARNING, fact, self._options.logid, self._options.log_severity_level)

    def set_ep_dynamic_options(self, options):
        """Providers of this build have no options that change after creation; given ones are logged and passed over."""
        if not options:
            raise RuntimeError("No options were provided")
        logger.log(
            logger.WARNING,
            f"dynamic options without a provider that reads them: {sorted(options)}",
            self._options.logid,
            self._options.log_severity_level,
        )

    def release_captured_graph(self, graph_annotation_id):
        """Runs are not captured: nothing to release."""

    def is_webgpu_graph_capture_enabled(self):
        return False

    def webgpu_context_id(self):
        return -1


class SessionIOBinding:
    """Inputs and outputs of a session, bound by name ahead of its runs. RuntimeError for unknown inputs."""

    def __init__(self, session):
        if not isinstance(session, InferenceSession):
            raise TypeError(f"expected an InferenceSession of this module, got {type(session).__name__}")
        self._binding = _core.IoBinding(session.engine)

    @staticmethod
    def _plainly(call, *arguments):
        try:
            call(*arguments)
        except (_core.InvalidArgument, _core.NotImplemented) as error:
            raise RuntimeError(str(error)) from None

    @staticmethod
    def _require_cpu(device):
        if not isinstance(device, OrtDevice):
            raise TypeError(f"expected an OrtDevice, got {type(device).__name__}")
        if device.device_type() != OrtDevice.cpu():
            raise RuntimeError(
                f"memory of device type {device.device_type()} is not available in this build; available: 0 (CPU)"
            )

    def bind_input(self, name, *what):
        """bind_input(name, array) or bind_input(name, device, element type, shape, address)."""
        if len(what) == 1:
            self._plainly(self._binding.bind_input, name, what[0])
            return
        device, element_type, shape, address = what
        self._require_cpu(device)
        self._plainly(self._binding.bind_input_at, name, address, [int(d) for d in shape], element_type)

    def bind_ortvalue_input(self, name, value):
        self._plainly(self._binding.bind_input, name, value)

    def bind_output(self, name, device, *memory):
        """bind_output(name, device), in memory that each run allocates, or with (element type, shape, address)."""
        self._require_cpu(device)
        if not memory:
            self._plainly(self._binding.bind_output, name)
            return
        element_type, shape, address = memory
        self._plainly(self._binding.bind_output_at, name, address, [int(d) for d in shape], element_type)

    def bind_ortvalue_output(self, name, value):
        self._plainly(self._binding.bind_output_value, name, value)

    def synchronize_inputs(self):
        """Memory of the CPU needs no waiting."""

    def synchronize_outputs(self):
        """Memory of the CPU needs no waiting."""

    def get_outputs(self):
        """What the last run made, in the order of binding."""
        return OrtValueVector(self._binding.outputs())

    def copy_outputs_to_cpu(self):
        """Copies of what the last run made, as arrays."""
        return as_list(self._binding.outputs())

    def clear_binding_inputs(self):
        self._binding.clear_inputs()

    def clear_binding_outputs(self):
        self._binding.clear_outputs()
