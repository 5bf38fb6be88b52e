"""What onnxruntime has in its extension module."""

import sys as _sys
import types as _types

from oriel.ort import state as _state

from ._names import public_names as _public_names

globals().update(_public_names(_state))


class _KernelDef:
    """A kernel in onnxruntime's terms; this engine lists none."""


class _OpSchema:
    """An operator's schema; the onnx package lists them."""


def _submodule(name, **contents):
    module = _types.ModuleType(f"{__name__}.{name}")
    vars(module).update(contents)
    _sys.modules[module.__name__] = module
    return module


opkernel = _submodule("opkernel", KernelDef=_KernelDef)
schemadef = _submodule("schemadef", OpSchema=_OpSchema)
