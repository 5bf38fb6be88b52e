"""Options of sessions. Options of runs are a class of the engine: setting `terminate` reaches runs under way."""

import os

from ... import _core
from .devices import OrtEpDevice
from .enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel, OrtExecutionProviderDevicePolicy
from .environment import get_all_providers, get_available_providers
from .faults import fault


def _boolean(value):
    if isinstance(value, str) or not hasattr(type(value), "__bool__") and value is not None:
        raise TypeError(f"expected a bool, got {type(value).__name__}")
    return bool(value)


def _integer(value):
    if isinstance(value, str) or not hasattr(value, "__index__"):
        raise TypeError(f"expected an int, got {type(value).__name__}")
    value = value.__index__()
    if not -(2**31) <= value < 2**31:
        raise TypeError(f"expected an int of 32 bits, got {value}")
    return value


def _text(value):
    if not isinstance(value, str):
        raise TypeError(f"expected a str, got {type(value).__name__}")
    return value


def _path(value):
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"expected a path, got {type(value).__name__}")
    return os.fspath(value)


def _member(kind):
    def convert(value):
        if not isinstance(value, kind):
            raise TypeError(f"expected a {kind.__name__}, got {type(value).__name__}")
        return value

    return convert


class _Option:
    """An attribute of SessionOptions: how a value is taken, and its default."""

    def __init__(self, convert, default):
        self._convert, self._default = convert, default

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, options, owner=None):
        return self if options is None else options._values.get(self._name, self._default)

    def __set__(self, options, value):
        try:
            options._values[self._name] = self._convert(value)
        except TypeError as error:
            raise TypeError(f"SessionOptions.{self._name}: {error}") from None


class SessionOptions:
    """How a session is made. Attributes as in onnxruntime; a value of the wrong type is a TypeError.

    intra_op_num_threads: slots that a run may use; 0 takes the processors of this process. graph_optimization_level: a
    GraphOptimizationLevel. enable_profiling writes a trace to a file whose name begins with profile_file_prefix.
    optimized_model_filepath: where the optimised model is saved; "" does not. Accepted without an effect, because the
    engine has one way: enable_cpu_mem_arena, enable_mem_pattern, enable_mem_reuse, execution_mode, execution_order,
    inter_op_num_threads, use_deterministic_compute (results do not depend on it).
    """

    __slots__ = (
        "_values",
        "_config",
        "_dims_by_name",
        "_dims_by_denotation",
        "_initializers",
        "_external_files",
        "_providers",
        "_policy",
        "_cancel",
    )

    enable_cpu_mem_arena = _Option(_boolean, True)
    enable_mem_pattern = _Option(_boolean, True)
    enable_mem_reuse = _Option(_boolean, True)
    enable_profiling = _Option(_boolean, False)
    execution_mode = _Option(_member(ExecutionMode), ExecutionMode.ORT_SEQUENTIAL)
    execution_order = _Option(_member(ExecutionOrder), ExecutionOrder.DEFAULT)
    graph_optimization_level = _Option(_member(GraphOptimizationLevel), GraphOptimizationLevel.ORT_ENABLE_ALL)
    inter_op_num_threads = _Option(_integer, 0)
    intra_op_num_threads = _Option(_integer, 0)
    log_severity_level = _Option(_integer, -1)
    log_verbosity_level = _Option(_integer, 0)
    logid = _Option(_text, "")
    optimized_model_filepath = _Option(_path, "")
    profile_file_prefix = _Option(_path, "onnxruntime_profile_")
    use_deterministic_compute = _Option(_boolean, False)
    use_per_session_threads = _Option(_boolean, True)

    def __init__(self):
        self._values = {}
        self._config = {}
        self._dims_by_name = []
        self._dims_by_denotation = []
        self._initializers = {}
        self._external_files = {}
        self._providers = []
        self._policy = None
        self._cancel = _core.RunOptions()

    def _copy(self):
        """Options of their own for a session; the cancellation flag stays shared."""
        copy = SessionOptions()
        for name in self.__slots__:
            value = getattr(self, name)
            setattr(copy, name, value.copy() if isinstance(value, (dict, list)) else value)
        return copy

    def add_session_config_entry(self, key, value):
        """Sets a configuration entry: both strings."""
        key, value = _text(key), _text(value)
        if not 0 < len(key) <= 1024:
            raise RuntimeError("Config key is empty or longer than maximum length 1024")
        if len(value) > 8192:
            raise RuntimeError("Config value is longer than maximum length: 8192")
        self._config[key] = value

    def get_session_config_entry(self, key):
        """The value of a configuration entry; RuntimeError where it was not set."""
        if _text(key) not in self._config:
            raise RuntimeError(f"SessionOptions does not have configuration with key: {key}")
        return self._config[key]

    def add_free_dimension_override_by_name(self, name, value):
        """Fixes the symbolic dimension of that name to a number of elements."""
        self._dims_by_name.append((_text(name), _integer(value)))

    def add_free_dimension_override_by_denotation(self, denotation, value):
        """Fixes every dimension of that denotation to a number of elements; a fixed name goes first."""
        self._dims_by_denotation.append((_text(denotation), _integer(value)))

    def add_initializer(self, name, ort_value):
        """Replaces the initializer of that name, whose type and shape the value must have. RuntimeError for a name
        given twice."""
        value = getattr(ort_value, "_ortvalue", ort_value)
        if not isinstance(value, _core.OrtValue):
            raise RuntimeError(f"The provided Python object must be an OrtValue, got {type(ort_value).__name__}")
        if not value.is_tensor():
            raise RuntimeError(f"the value for initializer {name} is no tensor")
        if _text(name) in self._initializers:
            raise RuntimeError(f"An OrtValue for this name has already been added: {name}")
        self._initializers[name] = value

    def add_external_initializers(self, names, ort_values):
        """Values for initializers whose data would be read from external files; RuntimeError for lists of other
        lengths."""
        if len(names) != len(ort_values):
            raise RuntimeError("Expecting names and ort_values lists to have equal length")
        for name, value in zip(names, ort_values):
            self.add_initializer(name, value)

    def add_external_initializers_from_files_in_memory(self, file_names, buffers, lengths):
        """Contents of external data files, by the names that the model has for them: bytes, of which `lengths`
        count."""
        if not len(file_names) == len(buffers) == len(lengths):
            raise RuntimeError("Expecting names, buffers and lengths lists to have equal length")
        for name, buffer, length in zip(file_names, buffers, lengths):
            content = memoryview(buffer).cast("B")
            if _integer(length) < 0 or length > len(content):
                raise RuntimeError(f"the contents of {name} have {len(content)} bytes, not {length}")
            self._external_files[_text(name)] = bytes(content[:length])

    def add_provider(self, name, options):
        """Appends a provider, for sessions that are made without `providers`. RuntimeError for a name that nobody
        knows, InvalidArgument for a provider that is not in this build."""
        if not all(isinstance(text, str) for pair in options.items() for text in pair):
            raise TypeError("add_provider: names and values of options are strings")
        if _text(name) not in get_all_providers():
            raise RuntimeError(f"Unknown Provider Type: {name}")
        if name not in get_available_providers():
            raise fault(
                _core.InvalidArgument,
                f"Failed to add provider of type '{name}' to SessionOptions. Provider configuration is not supported.",
            )
        self._providers.append((name, dict(options)))

    def add_provider_for_devices(self, ep_devices, provider_options):
        """add_provider() for the provider of these devices (of get_ep_devices()), which must be one."""
        if not all(isinstance(device, OrtEpDevice) for device in ep_devices):
            raise TypeError("add_provider_for_devices wants OrtEpDevices")
        names = {device.ep_name for device in ep_devices}
        if len(names) != 1:
            raise fault(
                _core.InvalidArgument,
                f"All OrtEpDevice values in ep_devices must have the same execution provider: {len(names)} are given",
            )
        self.add_provider(names.pop(), provider_options)

    def has_providers(self):
        """Whether a provider was added, or a policy that chooses them set."""
        return bool(self._providers) or self._policy is not None

    def set_provider_selection_policy(self, policy):
        """Lets sessions that are made without providers choose them; all policies choose the CPU's, in order of
        priority."""
        if not isinstance(policy, OrtExecutionProviderDevicePolicy):
            raise TypeError(f"expected an OrtExecutionProviderDevicePolicy, got {type(policy).__name__}")
        self._policy = policy

    def set_provider_selection_policy_delegate(self, delegate):
        """The same by delegate(devices, model's metadata, runtime's metadata, most that it may choose), which returns
        devices."""
        if not callable(delegate):
            raise TypeError(f"expected a callable, got {type(delegate).__name__}")
        self._policy = delegate

    def set_load_cancellation_flag(self, is_cancel):
        """True stops the making of sessions with these options, also one that is under way: ModelLoadCanceled."""
        self._cancel.terminate = bool(is_cancel)

    def set_ep_context_data_read_func(self, read_func, max_data_size):
        """Accepted; never called, because no provider of this build reads compiled models."""
        if not callable(read_func):
            raise TypeError(f"expected a callable, got {type(read_func).__name__}")
        _integer(max_data_size)

    def clear_ep_context_data_read_func(self):
        """The counterpart of set_ep_context_data_read_func()."""

    def register_custom_ops_library(self, path):
        """Custom operator libraries need a C ABI that this version does not have: NotImplemented; Fail where there is
        no file."""
        if not os.path.exists(_path(path)):
            raise fault(
                _core.Fail,
                f"Failed to load library {path} with error: {path}: cannot open shared object "
                "file: No such file or directory",
            )
        raise fault(_core.NotImplemented, f"{path}: custom operator libraries wait for the C ABI")


_default_options = SessionOptions()


def get_default_session_options():
    """What sessions without options are made with."""
    return _default_options
