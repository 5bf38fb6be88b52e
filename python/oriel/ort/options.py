"""Options of sessions. Options of runs are a class of the engine: setting `terminate` reaches runs under way."""

import os

from .._core import NotImplemented as NotImplementedByEngine
from .._core import OrtValue as _Value
from .._core import RunOptions  # noqa: F401
from .enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel


def _boolean(value):
    if not isinstance(value, (bool, int)):
        raise TypeError(f"expected a bool, got {type(value).__name__}")
    return bool(value)


def _integer(value):
    if isinstance(value, str) or not hasattr(value, "__index__"):
        raise TypeError(f"expected an int, got {type(value).__name__}")
    return value.__index__()


def _text(value):
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"expected a str, got {type(value).__name__}")
    return os.fspath(value)


def _member(kind):
    def convert(value):
        try:
            return kind(_integer(value))
        except ValueError as error:
            raise TypeError(str(error)) from None

    return convert


_ATTRIBUTES = {
    "enable_cpu_mem_arena": (_boolean, True),
    "enable_mem_pattern": (_boolean, True),
    "enable_mem_reuse": (_boolean, True),
    "enable_profiling": (_boolean, False),
    "execution_mode": (_member(ExecutionMode), ExecutionMode.ORT_SEQUENTIAL),
    "execution_order": (_member(ExecutionOrder), ExecutionOrder.DEFAULT),
    "graph_optimization_level": (_member(GraphOptimizationLevel), GraphOptimizationLevel.ORT_ENABLE_ALL),
    "inter_op_num_threads": (_integer, 0),
    "intra_op_num_threads": (_integer, 0),
    "log_severity_level": (_integer, -1),
    "log_verbosity_level": (_integer, 0),
    "logid": (_text, ""),
    "optimized_model_filepath": (_text, ""),
    "profile_file_prefix": (_text, "onnxruntime_profile_"),
    "use_deterministic_compute": (_boolean, False),
    "use_per_session_threads": (_boolean, True),
}


class SessionOptions:
    """How a session is made. Attributes as in onnxruntime; a value of the wrong type is a TypeError.

    intra_op_num_threads: slots that a run may use; 0 takes the processors of this process. graph_optimization_level: a
    GraphOptimizationLevel. enable_profiling writes a trace to a file whose name begins with profile_file_prefix.
    optimized_model_filepath: where the optimised model is saved; "" does not.
    """

    def __init__(self):
        put = super().__setattr__
        for name, (_, default) in _ATTRIBUTES.items():
            put(name, default)
        put("_config", {})
        put("_dims_by_name", [])
        put("_dims_by_denotation", [])
        put("_initializers", {})
        put("_providers", [])

    def __setattr__(self, name, value):
        if name not in _ATTRIBUTES:
            raise AttributeError(f"'SessionOptions' object has no attribute '{name}'")
        try:
            super().__setattr__(name, _ATTRIBUTES[name][0](value))
        except TypeError as error:
            raise TypeError(f"SessionOptions.{name}: {error}") from None

    def add_session_config_entry(self, key, value):
        """Sets a configuration entry: both strings."""
        self._config[_text(key)] = _text(value)

    def get_session_config_entry(self, key):
        """The value of a configuration entry; RuntimeError where it was not set."""
        if key not in self._config:
            raise RuntimeError(f"SessionOptions does not have configuration with key: {key}")
        return self._config[key]

    def add_free_dimension_override_by_name(self, name, value):
        """Fixes the symbolic dimension of that name to a number of elements."""
        self._dims_by_name.append((_text(name), _integer(value)))

    def add_free_dimension_override_by_denotation(self, denotation, value):
        """Fixes every dimension of that denotation to a number of elements; a fixed name goes first."""
        self._dims_by_denotation.append((_text(denotation), _integer(value)))

    def add_initializer(self, name, ort_value):
        """Replaces the initializer of that name, whose type and shape the value must have."""
        value = getattr(ort_value, "_ortvalue", ort_value)
        if not isinstance(value, _Value):
            raise TypeError(f"add_initializer wants an OrtValue, got {type(ort_value).__name__}")
        if not value.is_tensor():
            raise ValueError(f"the value for initializer {name} is no tensor")
        self._initializers[_text(name)] = value

    def add_external_initializers(self, names, ort_values):
        """Values for initializers whose data would be read from external files; RuntimeError for lists of other lengths."""
        if len(names) != len(ort_values):
            raise RuntimeError("Expecting names and ort_values lists to have equal length")
        for name, value in zip(names, ort_values):
            self.add_initializer(name, value)

    def add_provider(self, name, options):
        """Appends a provider, for sessions that are made without `providers`."""
        self._providers.append((_text(name), {_text(k): _text(v) for k, v in options.items()}))

    def add_provider_for_devices(self, ep_devices, provider_options):
        """add_provider() for the provider of these devices (of get_ep_devices()), which must be one."""
        names = {device.ep_name for device in ep_devices}
        if len(names) != 1:
            raise ValueError(f"the devices belong to {len(names)} providers, expected one")
        self.add_provider(names.pop(), provider_options)

    def has_providers(self):
        """Whether a provider was added."""
        return bool(self._providers)

    def register_custom_ops_library(self, path):
        """Custom operator libraries need a C ABI that this version does not have: NotImplemented."""
        raise NotImplementedByEngine(
            f"[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : {_text(path)}: custom operator libraries wait for the C ABI"
        )
