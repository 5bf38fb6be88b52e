"""Modules that client programs reach for by their inner names."""

from . import _pybind_state, onnxruntime_inference_collection, onnxruntime_pybind11_state, onnxruntime_validation  # noqa: F401
