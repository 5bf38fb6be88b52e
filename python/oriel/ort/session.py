"""InferenceSession: a model that is ready to run."""

import os

from .. import _core
from .options import SessionOptions


class NodeArg:
    """Name, type and shape of an input or output. Symbolic dimensions are strings, unknown ones None."""

    def __init__(self, name, type, shape):  # noqa: A002
        self.name = name
        self.type = type
        self.shape = shape

    def __repr__(self):
        return f"NodeArg(name='{self.name}', type='{self.type}', shape={self.shape})"


class ModelMetadata:
    """What a model's author wrote about it."""

    def __init__(self, info):
        self.__dict__.update(info)


def get_available_providers():
    """Providers of this build, in order of priority."""
    return _core.available_providers()


def get_all_providers():
    """As get_available_providers()."""
    return _core.available_providers()


def get_device():
    """The kind of device of this build."""
    return "CPU"


def _requests(providers, provider_options):
    """Providers as (name, options of strings), from the forms that onnxruntime accepts."""
    names, options = [], []
    for p in providers or []:
        name, settings = p if isinstance(p, (tuple, list)) else (p, {})
        names.append(name)
        options.append({str(k): str(v) for k, v in (settings or {}).items()})
    if provider_options:
        if len(provider_options) != len(names):
            raise ValueError("'providers' and 'provider_options' should be the same length if both are given.")
        options = [{str(k): str(v) for k, v in (o or {}).items()} for o in provider_options]
    known = _core.available_providers()
    for name in names:
        if name not in known:
            raise ValueError(f"Provider {name} is not available; available providers: {', '.join(known)}")
    return list(zip(names, options))


class InferenceSession:
    """A model that is ready to run.

    path_or_bytes: a path, or a serialised ModelProto. sess_options: SessionOptions. providers: names (or pairs of name and
    options) in order of priority; without them only the CPU provider is used.
    """

    def __init__(self, path_or_bytes, sess_options=None, providers=None, provider_options=None, **kwargs):
        options = sess_options if sess_options is not None else SessionOptions()
        if isinstance(path_or_bytes, (str, os.PathLike)):
            self._path, self._bytes = os.fspath(path_or_bytes), None
        elif isinstance(path_or_bytes, (bytes, bytearray, memoryview)):
            self._path, self._bytes = "", bytes(path_or_bytes)
        else:
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}'")
        self._options = options
        self._session = self._make(_requests(providers, provider_options))

    def _make(self, requests):
        o = self._options
        level = min(int(o.graph_optimization_level), 4)
        folder = o._config.get("session.model_external_initializers_file_folder_path", "")
        return _core.Session(
            path=self._path,
            bytes=self._bytes,
            folder=folder,
            level=level,
            threads=int(o.intra_op_num_threads),
            providers=requests,
            dims_by_name=o._dims_by_name,
            dims_by_denotation=o._dims_by_denotation,
            config=o._config,
        )

    def get_inputs(self):
        return [NodeArg(*i) for i in self._session.inputs()]

    def get_outputs(self):
        return [NodeArg(*o) for o in self._session.outputs()]

    def get_overridable_initializers(self):
        return [NodeArg(*i) for i in self._session.overridable()]

    def get_modelmeta(self):
        return ModelMetadata(self._session.model_info())

    def get_providers(self):
        names = [name for name, _ in self._session.providers()]
        return names if "CPUExecutionProvider" in names else [*names, "CPUExecutionProvider"]

    def get_provider_options(self):
        return {name: options for name, options in self._session.providers()}

    def run(self, output_names, input_feed, run_options=None):
        """Runs the model. output_names: names in the order wanted, or None for all. input_feed: values by name."""
        return self._session.run(output_names, input_feed)
