"""The package onnxruntime over oriel.ort.

Its pure-Python helpers (quantization, tools, transformers) are onnxruntime's own: they are taken from an installed
onnxruntime, whose native module is not loaded, and run on Oriel.
"""

import importlib.machinery as _machinery
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

from . import capi  # noqa: E402, F401
from .capi import onnxruntime_validation  # noqa: E402, F401
from .capi._names import public_names as _public_names  # noqa: E402

globals().update(_public_names(_ort))

_HERE = _os.path.dirname(_os.path.abspath(__file__))
_HELPERS = ("quantization", "tools", "transformers")

__version__ = _ort.__version__
__author__ = "Oriel"
__oriel__ = True
version = __version__
package_name = "onnxruntime"
cuda_version = ""
import_capi_exception = None


def preload_dlls(cuda=True, cudnn=True, msvc=True, directory=None):
    """This build has no CUDA libraries to load."""


def print_debug_info():
    """Prints which build this is."""
    print(f"{package_name} version: {__version__}")
    print(f"build info: {get_build_info()}")  # noqa: F821
    print(f"device: {get_device()}, providers: {get_available_providers()}")  # noqa: F821
    print(f"Python version: {_sys.version}")


def _installed_helpers():
    """The folder of an installed onnxruntime, or None."""
    elsewhere = [p for p in _sys.path if _os.path.abspath(p or _os.curdir) != _os.path.dirname(_HERE)]
    spec = _machinery.PathFinder.find_spec("onnxruntime", elsewhere)
    return next(iter(spec.submodule_search_locations), None) if spec and spec.submodule_search_locations else None


class _MissingHelpers:
    """Says what is missing where a helper package is imported and no onnxruntime is installed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        package, _, helper = name.partition(".")
        if package == "onnxruntime" and helper in _HELPERS and __path__ == [_HERE]:
            raise ModuleNotFoundError(
                f"{name} is a pure-Python part of the onnxruntime package that Oriel takes from there: install "
                "onnxruntime beside Oriel and run again with oriel.compat",
                name=name,
            )


_installed = _installed_helpers()
if _installed is not None:
    __path__.append(_installed)
_sys.meta_path.append(_MissingHelpers)
