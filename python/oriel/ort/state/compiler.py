"""Rewriting models for later sessions. No provider of this build makes EPContext nodes: the result is the model,
optimised."""

import os

from ... import _core
from .enums import GraphOptimizationLevel, OrtCompileApiFlags
from .faults import fault
from .options import SessionOptions


class OrtExternalInitializerInfo:
    """A part of a file that holds an initializer. Read-only."""

    __slots__ = ("_filepath", "_offset", "_size")

    def __init__(self, filepath, file_offset, byte_size):
        self._filepath, self._offset, self._size = os.fspath(filepath), int(file_offset), int(byte_size)

    @property
    def filepath(self):
        return self._filepath

    @property
    def file_offset(self):
        return self._offset

    @property
    def byte_size(self):
        return self._size


class OrtEpContextData:
    """What a provider stores beside a compiled model. Providers of this build store nothing."""

    def __init__(self):
        raise TypeError("OrtEpContextData: No constructor defined!")

    @property
    def size(self):
        return 0

    def read(self, offset=0, length=None):
        return b""


class OrtEpContextDataBuffer:
    """Where a callback puts what a provider stored. Providers of this build ask for nothing."""

    def __init__(self):
        raise TypeError("OrtEpContextDataBuffer: No constructor defined!")

    @property
    def is_allocated(self):
        return False

    @property
    def max_size(self):
        return 0

    @property
    def size(self):
        return 0

    def allocate(self, size):
        raise RuntimeError("there is no buffer to allocate")

    def write(self, data, offset=0):
        raise RuntimeError("there is no buffer to write to")


class ModelCompiler:
    """The engine's side of oriel.ort.ModelCompiler."""

    def __init__(self, options, model, is_path, embed, external_file, external_threshold, flags, level, locate):
        if not isinstance(options, SessionOptions):
            raise TypeError(f"sess_options is a {type(options).__name__}, expected SessionOptions")
        if not isinstance(level, GraphOptimizationLevel):
            raise TypeError(f"expected a GraphOptimizationLevel, got {type(level).__name__}")
        if is_path and not os.path.exists(model):
            raise fault(_core.InvalidArgument, f'Input model path does not exist: "{model}"')
        self._path, self._bytes = (model, None) if is_path else ("", model)
        self._external_file, self._threshold = external_file, external_threshold
        self._flags, self._level, self._locate = int(flags), min(int(level), 4), locate

    def _write(self, to):
        if self._flags & OrtCompileApiFlags.ERROR_IF_NO_NODES_COMPILED:
            raise fault(
                _core.Fail,
                "Unable to compile any nodes. Check that the session EPs support compilation and "
                "can execute at least one subgraph in the model.",
            )
        if to and self._flags & OrtCompileApiFlags.ERROR_IF_OUTPUT_FILE_EXISTS and os.path.exists(to):
            raise fault(
                _core.Fail,
                f"Failed to generate EP context model since the file '{to}' exists already. "
                "Please remove the EP context model if you want to re-generate it.",
            )
        return _core.rewrite_model(
            self._path,
            self._bytes,
            self._level,
            to,
            self._external_file,
            self._threshold,
            self._located if self._locate else None,
        )

    def _located(self, name, value, part):
        info = self._locate(name, value, None if part is None else OrtExternalInitializerInfo(*part))
        return None if info is None else (info.filepath, info.file_offset, info.byte_size)

    def compile_to_file(self, path):
        """Writes the model; "" stands for the model's own path with `_ctx` before its extension."""
        if not path:
            if not self._path:
                raise fault(_core.InvalidArgument, "Output model path is empty")
            stem, extension = os.path.splitext(self._path)
            path = f"{stem}_ctx{extension or '.onnx'}"
        self._write(path)

    def compile_to_bytes(self):
        """The model as bytes."""
        return self._write("")

    def compile_to_stream(self, write):
        """Calls write(bytes). Fail with the text of what `write` raises."""
        content = self._write("")
        try:
            write(content)
        except Exception as error:
            raise fault(_core.Fail, f"{type(error).__name__}: {error}") from error

    def set_ep_context_data_write_func(self, write_func):
        """Accepted; never called, because no provider of this build stores data beside a model."""
        if not callable(write_func):
            raise TypeError(f"expected a callable, got {type(write_func).__name__}")

    def clear_ep_context_data_write_func(self):
        """The counterpart of set_ep_context_data_write_func()."""
