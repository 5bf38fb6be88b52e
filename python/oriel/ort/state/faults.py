"""Exceptions raised on this side of the engine, worded as the engine words its own."""

from ... import _core

_NUMBERS = {
    _core.Fail: (1, "FAIL"),
    _core.InvalidArgument: (2, "INVALID_ARGUMENT"),
    _core.NotImplemented: (9, "NOT_IMPLEMENTED"),
    _core.ModelLoadCanceled: (12, "MODEL_LOAD_CANCELED"),
}


def fault(kind, fact):
    """An exception of that class: "[ONNXRuntimeError] : number : NAME : fact"."""
    number, name = _NUMBERS[kind]
    return kind(f"[ONNXRuntimeError] : {number} : {name} : {fact}")
