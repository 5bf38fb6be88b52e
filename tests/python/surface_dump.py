"""Prints the public surface of the onnxruntime that is importable here, as JSON: which modules, names, members and
parameters.

Run by test_surface.py once on onnxruntime itself and once on Oriel's package of that name.
"""

import enum
import importlib
import inspect
import json
import re
import sys

MODULES = [
    "onnxruntime",
    "onnxruntime.backend",
    "onnxruntime.backend.backend",
    "onnxruntime.backend.backend_rep",
    "onnxruntime.capi._pybind_state",
    "onnxruntime.capi.build_and_package_info",
    "onnxruntime.capi.convert_npz_to_onnx_adapter",
    "onnxruntime.capi.onnxruntime_inference_collection",
    "onnxruntime.capi.onnxruntime_pybind11_state",
    "onnxruntime.capi.onnxruntime_validation",
    "onnxruntime.datasets",
]
SPECIAL = ("__init__", "__array__", "__dlpack__", "__dlpack_device__", "__iter__", "__len__", "__getitem__", "__bool__")


def split_parameters(text):
    """The parameters of a signature as text, parted at commas outside of brackets of any kind."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{<") - (c in ")]}>")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    parts.append(text[start:].strip())
    return [p for p in parts if p]


def documented_overloads(function, name):
    """Signatures that an extension module writes into docstrings: [[[parameter, has a default], ...], ...]."""
    found = []
    for line in (function.__doc__ or "").splitlines():
        match = re.match(rf"(?:\d+\. )?{re.escape(name)}\((.*)\) -> ", line.strip())
        if match:
            parameters = [p for p in split_parameters(match.group(1)) if p not in ("*", "/") and not p.startswith("*")]
            found.append([[p.split(":")[0].strip(), "=" in p] for p in parameters])
    unique = []
    for overload in found:
        if overload not in unique and overload:
            unique.append(overload)
    return unique


def describe_function(function, name):
    overloads = documented_overloads(function, name)
    if overloads:
        return {"kind": "function", "overloads": overloads}
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return {"kind": "function"}
    parameters = [[p.name, str(p.kind), p.default is not p.empty] for p in signature.parameters.values()]
    return {"kind": "function", "parameters": parameters}


def describe_member(owner, name):
    try:
        value = inspect.getattr_static(owner, name)
    except AttributeError:
        return {"kind": "data"}
    is_static = isinstance(value, staticmethod)
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        return {"kind": "property", "settable": value.fset is not None}
    if inspect.isdatadescriptor(value):
        return {"kind": "property"}
    return {**describe_function(value, name), "static": is_static} if callable(value) else {"kind": "data"}


def describe(value, name):
    if inspect.ismodule(value):
        return {"kind": "module"}
    if inspect.isclass(value):
        if hasattr(value, "__members__"):
            return {"kind": "enum", "values": {n: int(v) for n, v in value.__members__.items()}}
        if issubclass(value, BaseException):
            return {"kind": "exception", "bases": [b.__name__ for b in value.__mro__[1:]]}
        names = [n for n in dir(value) if n[0] != "_" or n in SPECIAL]
        return {"kind": "class", "members": {n: describe_member(value, n) for n in names}}
    if isinstance(value, enum.Enum):
        return {"kind": "data"}
    return describe_function(value, name) if callable(value) else {"kind": "data"}


def main():
    surface = {}
    for name in MODULES:
        module = importlib.import_module(name)
        surface[name] = {n: describe(getattr(module, n), n) for n in dir(module) if n[0] != "_"}
    json.dump(surface, sys.stdout)


if __name__ == "__main__":
    main()
