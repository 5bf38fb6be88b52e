"""InferenceSession: a model that is ready to run."""

import atexit
import os

from .. import _core
from .environment import warn
from .options import SessionOptions
from .values import IOBinding, OrtMemoryInfo, OrtValue
from .devices import get_ep_devices
from .enums import OrtAllocatorType, OrtMemType

# Providers of onnxruntime that this build lacks: asking for one is a warning, asking for any other name an error.
_ELSEWHERE = (
    "NvTensorRTRTXExecutionProvider TensorrtExecutionProvider CUDAExecutionProvider MIGraphXExecutionProvider "
    "ROCMExecutionProvider DnnlExecutionProvider VitisAIExecutionProvider QNNExecutionProvider NnapiExecutionProvider "
    "VSINPUExecutionProvider JsExecutionProvider CoreMLExecutionProvider ArmNNExecutionProvider ACLExecutionProvider "
    "DmlExecutionProvider RknpuExecutionProvider WebNNExecutionProvider WebGpuExecutionProvider XnnpackExecutionProvider "
    "CANNExecutionProvider AzureExecutionProvider TvmExecutionProvider"
).split()

atexit.register(_core.finish_background_work)


class NodeArg:
    """Name, type and shape of an input or output.

    type: as in "tensor(float)", "seq(tensor(int64))". shape: a list with an int for a fixed dimension, its name for a symbolic
    one and None for an unknown one; None where the rank is unknown.
    """

    def __init__(self, name, type, shape):  # noqa: A002
        self.name = name
        self.type = type
        self.shape = shape

    def __repr__(self):
        return f"NodeArg(name='{self.name}', type='{self.type}', shape={self.shape})"


class ModelMetadata:
    """What a model's author wrote about it.

    Texts: producer_name, graph_name, domain, description, graph_description. version: an int. custom_metadata_map: a dict of
    texts.
    """

    def __init__(self, info):
        self.__dict__.update(info)


class OrtEpAssignedNode:
    """An original node and what it calls."""

    def __init__(self, name, domain, op_type):
        self.name = name
        self.domain = domain
        self.op_type = op_type


class OrtEpAssignedSubgraph:
    """The nodes that one provider runs."""

    def __init__(self, ep_name, nodes):
        self.ep_name = ep_name
        self._nodes = nodes

    def get_nodes(self):
        return self._nodes


def check_and_normalize_provider_args(providers, provider_options, available_provider_names):
    """Providers as (names, options of strings), from names or pairs of name and options. Throws ValueError."""
    if providers is None:
        return [], []
    if isinstance(providers, str):
        raise ValueError("'providers' is a list of names, not a name")
    if provider_options is not None:
        if len(providers) != len(provider_options):
            raise ValueError("'providers' and 'provider_options' should be the same length if both are given.")
        if not all(isinstance(p, str) for p in providers):
            raise ValueError("Only string values for 'providers' are supported if 'provider_options' is given.")
        if not all(isinstance(o, dict) for o in provider_options):
            raise ValueError("'provider_options' values must be dicts.")
        pairs = list(zip(providers, provider_options))
    else:
        pairs = []
        for p in providers:
            if isinstance(p, str):
                pairs.append((p, {}))
            elif isinstance(p, (tuple, list)) and len(p) == 2 and isinstance(p[0], str) and isinstance(p[1], dict):
                pairs.append(tuple(p))
            else:
                raise ValueError("'providers' values must be either strings or (string, dict) tuples.")
    chosen = {}
    for name, options in pairs:
        if name in chosen:
            warn(f"Duplicate provider '{name}' encountered, ignoring.", stacklevel=5)
            continue
        if name not in available_provider_names:
            if name not in _ELSEWHERE:
                raise RuntimeError(f"Unknown Provider Type: {name}")
            available = ", ".join(available_provider_names)
            warn(f"Specified provider '{name}' is not in available provider names. Available: {available}", stacklevel=5)
            continue
        chosen[name] = {str(k): str(v) for k, v in options.items()}
    return list(chosen), list(chosen.values())


class InferenceSession:
    """A model that is ready to run.

    path_or_bytes: a path, or a serialised ModelProto. sess_options: SessionOptions. providers: names (or pairs of name and
    options) in order of priority; without them only the CPU provider is used. A provider that cannot be had leads to the CPU
    provider with a warning, unless `enable_fallback=0` is given.

    Raises TypeError for other kinds of arguments; NoSuchFile; InvalidProtobuf (not an ONNX model); InvalidGraph and
    InvalidArgument (the model contradicts itself); NotImplemented (nobody defines an operator: the message names it); EPFail
    (a provider refuses an option); Fail (no memory). Any number of threads may run one session at once.
    """

    def __init__(self, path_or_bytes, sess_options=None, providers=None, provider_options=None, **kwargs):
        if isinstance(path_or_bytes, (str, os.PathLike)):
            self._path, self._bytes = os.fspath(path_or_bytes), None
        elif isinstance(path_or_bytes, (bytes, bytearray, memoryview)):
            self._path, self._bytes = "", bytes(path_or_bytes)
        else:
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}'")
        if sess_options is not None and not isinstance(sess_options, SessionOptions):
            raise TypeError(f"sess_options is a {type(sess_options).__name__}, expected SessionOptions")
        self._options = sess_options if sess_options is not None else SessionOptions()
        self._enable_fallback = int(kwargs.get("enable_fallback", 1)) == 1
        self._session = None
        try:
            self._create(providers, provider_options)
        except (ValueError, RuntimeError) as error:
            if not self._enable_fallback:
                raise
            warn(f"{error} when using {providers}; falling back to ['CPUExecutionProvider']")
            self._create(["CPUExecutionProvider"], None)

    def _create(self, providers, provider_options):
        o = self._options
        names, settings = check_and_normalize_provider_args(providers, provider_options, _core.available_providers())
        requests = list(zip(names, settings)) if providers else [(n, s) for n, s in o._providers]
        session = _core.Session(
            path=self._path,
            bytes=self._bytes,
            folder=o._config.get("session.model_external_initializers_file_folder_path", ""),
            level=min(int(o.graph_optimization_level), 4),
            threads=o.intra_op_num_threads,
            providers=requests,
            dims_by_name=o._dims_by_name,
            dims_by_denotation=o._dims_by_denotation,
            config=o._config,
            initializers=o._initializers,
            optimized_model_path=o.optimized_model_filepath,
            profile_prefix=o.profile_file_prefix if o.enable_profiling else "",
        )
        self._session = session
        self._inputs = [NodeArg(*i) for i in session.inputs()]
        self._required = frozenset(i.name for i in self._inputs if not i.type.startswith("optional("))

    def set_providers(self, providers=None, provider_options=None):
        """Makes the session anew with other providers; where that fails, the session stays as it was."""
        self._create(providers, provider_options)

    def enable_fallback(self):
        """Lets creation fall back to the CPU provider."""
        self._enable_fallback = True

    def disable_fallback(self):
        """Makes errors of providers errors of the session."""
        self._enable_fallback = False

    def get_session_options(self):
        """The options that the session was made with."""
        return self._options

    def get_inputs(self):
        """The inputs that a run has to be given, as NodeArgs in the model's order."""
        return list(self._inputs)


    def get_outputs(self):
        """The outputs as NodeArgs, in the order in which run(None, ...) returns them."""
        return [NodeArg(*o) for o in self._session.outputs()]

    def get_overridable_initializers(self):
        """Initializers that a run may be given as inputs, as NodeArgs; left out, they keep the model's values."""
        return [NodeArg(*i) for i in self._session.overridable()]

    def get_modelmeta(self):
        """A ModelMetadata."""
        return ModelMetadata(self._session.model_info())

    def get_providers(self):
        """Names of the session's providers in order of priority; the CPU provider comes last where it was not asked for."""
        return list(self.get_provider_options())

    def get_provider_options(self):
        """A dict of options (texts) by provider, in order of priority."""
        options = dict(self._session.providers())
        options.setdefault("CPUExecutionProvider", {})
        return options

    def get_provider_graph_assignment_info(self):
        """Which provider runs which of the model's own nodes."""
        by_provider = {}
        open_steps = list(self._session.steps())
        while open_steps:
            step = open_steps.pop(0)
            for body in step.get("bodies", ()):
                open_steps.extend(body)
            if step["provider"]:
                domain, _, op = step["op"].rpartition(".")
                nodes = by_provider.setdefault(step["provider"], [])
                nodes.extend(OrtEpAssignedNode(name, domain, op) for name in step["origins"] or [step["name"]])
        return [OrtEpAssignedSubgraph(name, nodes) for name, nodes in by_provider.items()]

    def get_input_memory_infos(self):
        """One OrtMemoryInfo an input: where it is read without a copy."""
        return [OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, OrtMemType.DEFAULT) for _ in self._inputs]

    def get_output_memory_infos(self):
        """One OrtMemoryInfo an output: where it is made."""
        return [OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, OrtMemType.DEFAULT) for _ in self._session.outputs()]

    def get_input_epdevices(self):
        """One OrtEpDevice an input: that of the first provider."""
        first = self.get_providers()[0]
        device = next(d for d in get_ep_devices() if d.ep_name == first)
        return [device for _ in self._inputs]

    def create_ortvalue_from_shape_and_type(self, shape, element_type, device_type, device_id=0, vendor_id=-1):
        """OrtValue.ortvalue_from_shape_and_type()."""
        return OrtValue.ortvalue_from_shape_and_type(shape, element_type, device_type, device_id, vendor_id)

    def _feeds(self, input_feed):
        missing = [name for name in self._required if name not in input_feed]
        if missing:
            raise ValueError(f"Required inputs ({sorted(missing)}) are missing from input feed ({list(input_feed)}).")
        return {name: getattr(value, "_ortvalue", value) for name, value in input_feed.items()}

    @staticmethod
    def _names(output_names):
        if isinstance(output_names, str):
            raise TypeError("output_names is a list of names, not a name")
        return output_names

    def run(self, output_names, input_feed, run_options=None):
        """Runs the model and returns a list of outputs.

        output_names: names in the order wanted; None (or an empty list) for all in the model's order. input_feed: values by
        name: numpy arrays of the input's element type and rank (read in place where C-contiguous), OrtValues, lists for
        sequences, dicts for maps. run_options: a RunOptions or None.

        Outputs are arrays (lists and dicts for sequences and maps) whose memory is the caller's. Raises ValueError where a
        required input is missing; InvalidArgument for unknown names, for a type, rank or dimension that the model does
        not admit, saying what was expected, and for values that an operator cannot take; Fail where memory runs out
        or the run was told to terminate.
        """
        return self._session.run(self._names(output_names), self._feeds(input_feed), run_options)

    def run_async(self, output_names, input_feed, callback, user_data, run_options=None):
        """Runs in the background, then calls callback(results, user_data, error text) on a thread of the engine.

        The text is empty where the run succeeded. Unknown names raise before this returns; other errors come as the text.
        """
        self._session.run_async(self._names(output_names), self._feeds(input_feed), callback, user_data, run_options)

    def run_with_ort_values(self, output_names, input_dict_ort_values, run_options=None):
        """As run(), with OrtValues in and out: input_dict_ort_values by name, a list of OrtValues back."""
        feeds = self._feeds(input_dict_ort_values)
        return [OrtValue(v) for v in self._session.run(self._names(output_names), feeds, run_options, True)]

    def run_with_ortvaluevector(self, run_options, feed_names, feeds, fetch_names, fetches, fetch_devices):
        """As run_with_ort_values(), from and into an OrtValueVector; `fetches` must be empty. Devices are the CPU."""
        if len(feed_names) != len(feeds):
            raise ValueError(f"{len(feed_names)} names for {len(feeds)} feeds")
        if len(fetches) != 0:
            raise ValueError("fetches must be empty: values that exist are bound with io_binding()")
        values = self._feeds(dict(zip(feed_names, feeds)))
        for value in self._session.run(self._names(fetch_names), values, run_options, True):
            fetches.push_back(value)

    def io_binding(self):
        """A binding of inputs and outputs to this session."""
        return IOBinding(self)

    def run_with_iobinding(self, iobinding, run_options=None):
        """Runs with what is bound; bound outputs are written in place. Errors of arguments are RuntimeErrors here."""
        try:
            self._session.run_with_iobinding(iobinding._iobinding, run_options)
        except (_core.InvalidArgument, _core.Fail) as error:
            raise RuntimeError(f"Error in execution: {error}") from None

    def end_profiling(self):
        """Ends profiling and returns the name of the file that it wrote; "" without profiling."""
        return self._session.end_profiling()

    def get_profiling_start_time_ns(self):
        """When profiling began, in nanoseconds of the monotonic clock; 0 without profiling."""
        return self._session.profiling_start_ns()
