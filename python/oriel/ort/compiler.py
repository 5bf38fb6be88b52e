"""ModelCompiler: writes models for later sessions."""

import os

from . import state
from .values import OrtValue


def make_get_initializer_location_func_wrapper(get_initializer_location_func):
    """The function with OrtValue in the place of the engine's own class."""

    def wrapper(initializer_name, initializer_value, external_info):
        return get_initializer_location_func(initializer_name, OrtValue(initializer_value), external_info)

    return wrapper


class ModelCompiler:
    """Writes a model as sessions with these options would start from it: optimised as far as the level says.

    No provider of this build makes EPContext nodes, so nothing is compiled ahead, and ERROR_IF_NO_NODES_COMPILED always
    fails. external_initializers_file_path: a file beside the output for initializers of
    external_initializers_size_threshold bytes or more. get_initializer_location_func(name, OrtValue,
    OrtExternalInitializerInfo or None) returns where an initializer's bytes lie, or None to write them into the model;
    it excludes external_initializers_file_path (ValueError).
    """

    def __init__(
        self,
        sess_options,
        input_model_path_or_bytes,
        embed_compiled_data_into_model=False,
        external_initializers_file_path=None,
        external_initializers_size_threshold=1024,
        flags=state.OrtCompileApiFlags.NONE,
        graph_optimization_level=state.GraphOptimizationLevel.ORT_DISABLE_ALL,
        get_initializer_location_func=None,
    ):
        model = input_model_path_or_bytes
        is_path = isinstance(model, (str, os.PathLike))
        if not is_path and not isinstance(model, bytes):
            raise TypeError(f"Unable to load from type '{type(model)}'")
        if is_path:
            model = os.fspath(model)
        if not model:
            raise ValueError("Input model path is empty" if is_path else "Input model bytes array is empty")
        external = external_initializers_file_path or ""
        if not isinstance(external, (str, os.PathLike)):
            raise TypeError(f"Output external initializer filepath is of unexpected type '{type(external)}'")
        locate = get_initializer_location_func
        if locate is not None:
            if external:
                raise ValueError(
                    "Cannot initialize ModelCompiler with both `external_initializers_file_path` "
                    "and `get_initializer_location_func`"
                )
            locate = make_get_initializer_location_func_wrapper(locate)
        self._model_compiler = state.ModelCompiler(
            sess_options,
            model,
            is_path,
            embed_compiled_data_into_model,
            os.fspath(external),
            external_initializers_size_threshold,
            flags,
            graph_optimization_level,
            locate,
        )

    def compile_to_file(self, output_model_path=None):
        """Writes the model to a file; without a path, beside the input as `<name>_ctx.onnx`."""
        if output_model_path and not isinstance(output_model_path, (str, os.PathLike)):
            raise TypeError(f"Output model's filepath is of unexpected type '{type(output_model_path)}'")
        self._model_compiler.compile_to_file(os.fspath(output_model_path) if output_model_path else "")

    def compile_to_bytes(self):
        """The model as bytes."""
        return self._model_compiler.compile_to_bytes()

    def compile_to_stream(self, write_function):
        """Calls write_function(bytes); Fail with its text where it raises."""
        self._model_compiler.compile_to_stream(write_function)

    def set_ep_context_data_write_func(self, write_func):
        """Accepted; never called, because no provider of this build stores data beside a model."""
        self._model_compiler.set_ep_context_data_write_func(write_func)

    def clear_ep_context_data_write_func(self):
        """The counterpart of set_ep_context_data_write_func()."""
        self._model_compiler.clear_ep_context_data_write_func()
