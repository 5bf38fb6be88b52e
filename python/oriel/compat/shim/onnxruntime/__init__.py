"""The package onnxruntime over oriel.ort."""

import os as _os
import sys as _sys

try:
    import oriel.ort as _ort
except ModuleNotFoundError as _error:
    if _error.name != "oriel":
        raise
    # PYTHONPATH may name this folder alone: Oriel lies above it.
    _sys.path.append(_os.path.abspath(_os.path.join(_os.path.dirname(__file__), *[_os.pardir] * 4)))
    import oriel.ort as _ort

from oriel.ort import *  # noqa: E402, F401, F403

from . import capi  # noqa: E402, F401

__version__ = _ort.__version__
__oriel__ = True
version = __version__
package_name = "onnxruntime"
cuda_version = ""
import_capi_exception = None
