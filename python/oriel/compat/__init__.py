"""Runs scripts that import onnxruntime on Oriel, unchanged.

`python -m oriel.compat script.py args...`, or `PYTHONPATH=$(python -m oriel.compat --path) python script.py`.
"""

import os
import sys


def shim_path():
    """The folder that holds the package `onnxruntime` over Oriel."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim")


def install():
    """Makes `import onnxruntime` mean Oriel in this process. RuntimeError where onnxruntime itself is imported
    already."""
    loaded = sys.modules.get("onnxruntime")
    if loaded is not None and not getattr(loaded, "__oriel__", False):
        raise RuntimeError("onnxruntime is imported already")
    if shim_path() not in sys.path:
        sys.path.insert(0, shim_path())
