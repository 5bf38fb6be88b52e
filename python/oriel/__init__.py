"""Oriel: runs ONNX models. The faces are modules of their own, e.g. oriel.ort."""

__version__ = "0.1.0"
