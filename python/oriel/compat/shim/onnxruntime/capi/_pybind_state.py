"""Exceptions, enumerations, options and functions of devices."""

from .onnxruntime_pybind11_state import *  # noqa: F401, F403
