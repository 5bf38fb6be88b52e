"""Oriel's package onnxruntime has the names, members and parameters of onnxruntime itself, but for the exceptions
here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DUMP = Path(__file__).with_name("surface_dump.py")

BLOCKWISE = "packs weights for onnxruntime's own quantiser; Oriel has no counterpart"
IMPORTED = "something of another package or of the interpreter that the module happens to import"
# What Oriel lacks: (module or None for any, name or class.member) -> why.
MISSING = {
    **{
        (None, f"quantize_{kind}"): BLOCKWISE
        for kind in (
            "matmul_2bits",
            "matmul_4bits",
            "matmul_8bits",
            "matmul_bnb4",
            "qdq_matmul_2bits",
            "qdq_matmul_4bits",
        )
    },
    (None, "pack_fp4_weights_for_cuda_moe_gemm"): BLOCKWISE,
    **{
        (None, name): IMPORTED
        for name in (
            "Any",
            "IntEnum",
            "Sequence",
            "collections",
            "contextlib",
            "linecache",
            "np",
            "ort",
            "os",
            "packaging",
            "platform",
            "typing",
            "version",
            "warnings",
            "weakref",
        )
    },
}
# Where Oriel's differ: (class.member or function) -> why.
DIFFERENT = {
    "OrtValueVector.__init__": "a list of Python, which takes its first items",
    "OrtEpAssignedNode.__init__": "made by sessions alone",
    "OrtEpAssignedSubgraph.__init__": "made by sessions alone",
    "ModelMetadata.__init__": "made by sessions alone",
    "NodeArg.__init__": "made by sessions alone",
    "OrtArenaCfg.__init__": "one constructor for four numbers and for a dict",
    "OrtDevice.__init__": "one constructor with and without a vendor",
    "OrtValue.__dlpack__": "takes the protocol's keywords, stream among them, as they come",
    "SessionIOBinding.bind_input": "one function for arrays and addresses",
    "SessionIOBinding.bind_output": "one function with and without an address",
}


def dump(arguments, **environment):
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def surfaces():
    """(onnxruntime's surface, Oriel's)."""
    import oriel

    pytest.importorskip("onnxruntime")
    home = str(Path(oriel.__file__).parents[1])
    return dump([str(DUMP)], PYTHONPATH=""), dump(["-m", "oriel.compat", str(DUMP)], PYTHONPATH=home)


def excused(module, name):
    return (None, name) in MISSING or (module, name) in MISSING


def positional(overload):
    """Parameters of an overload without the object itself; names like arg0 stand for any."""
    return [p for p in overload if p[0] not in ("self", "cls")]


def fits(wanted, given):
    """Whether what may be passed to `wanted` may be passed to `given`."""
    if "parameters" in wanted and "parameters" in given:
        plain = [[p[0], p[2]] for p in wanted["parameters"] if "VAR" not in p[1]]
        own = [[p[0], p[2]] for p in given["parameters"] if "VAR" not in p[1]]
        return own[: len(plain)] == plain and all(optional for _, optional in own[len(plain) :])
    if "overloads" not in wanted:
        return True
    if "parameters" in given:
        own = [[p[0], p[2]] for p in given["parameters"] if p[0] not in ("self", "cls") and "VAR" not in p[1]]
        anything = any("VAR_POSITIONAL" in p[1] for p in given["parameters"])
        candidates = [own]
    elif "overloads" in given:
        candidates, anything = [positional(o) for o in given["overloads"]], False
    else:
        return True
    for overload in map(positional, wanted["overloads"]):
        required = [p for p in overload if not p[1]]
        if not any(
            len([p for p in c if not p[1]]) <= len(required) and (anything or len(c) >= len(overload))
            for c in candidates
        ):
            return False
    return True


def differences(module, name, wanted, given):
    """Sentences about what is not alike."""
    if wanted["kind"] in ("enum", "exception"):
        return [] if wanted == given else [f"{module}.{name}: {wanted} against {given}"]
    if wanted["kind"] == "function":
        alike = given["kind"] == "function" and fits(wanted, given)
        return [] if alike or name in DIFFERENT else [f"{module}.{name}: {wanted} against {given}"]
    if wanted["kind"] != "class":
        return []
    if given["kind"] != "class":
        return [f"{module}.{name}: a class against a {given['kind']}"]
    found = []
    for member, description in wanted["members"].items():
        own = given["members"].get(member)
        full = f"{name}.{member}"
        if own is None:
            found += [] if excused(module, full) else [f"{module}.{full} is missing"]
        elif description["kind"] == "function":
            if (own["kind"] != "function" or not fits(description, own)) and full not in DIFFERENT:
                found.append(f"{module}.{full}: {description} against {own}")
        elif description["kind"] == "property" and own["kind"] not in ("property", "data"):
            found.append(f"{module}.{full}: a property against a {own['kind']}")
    return found


def test_every_name_is_there(surfaces):
    theirs, ours = surfaces
    missing = [
        f"{module}.{name}"
        for module, names in theirs.items()
        for name in names
        if name not in ours[module] and not excused(module, name)
    ]
    assert missing == []


def test_members_and_parameters_fit(surfaces):
    theirs, ours = surfaces
    found = []
    for module, names in theirs.items():
        for name, wanted in names.items():
            if name in ours[module] and not excused(module, name) and wanted["kind"] != "module":
                found += differences(module, name, wanted, ours[module][name])
    assert found == []


def test_exceptions_to_the_rule_are_needed(surfaces):
    theirs, ours = surfaces
    for module, name in MISSING:
        lists = [(theirs[m], ours[m]) for m in theirs if module in (None, m)]
        assert any(name in one and name not in other for one, other in lists) or name in ("version",), (
            f"{name} is no exception"
        )


def test_the_comparison_finds_faults(surfaces):
    theirs, _ = surfaces
    wanted = {
        "kind": "function",
        "parameters": [["a", "POSITIONAL_OR_KEYWORD", False], ["b", "POSITIONAL_OR_KEYWORD", True]],
    }
    assert not fits(wanted, {"kind": "function", "parameters": wanted["parameters"][:1]})
    assert fits(wanted, wanted)
    overloaded = {"kind": "function", "overloads": [[["self", False], ["arg0", False], ["arg1", False]]]}
    one = {
        "kind": "function",
        "parameters": [["self", "POSITIONAL_OR_KEYWORD", False], ["x", "POSITIONAL_OR_KEYWORD", False]],
    }
    assert not fits(overloaded, one)
    session = theirs["onnxruntime"]["InferenceSession"]
    broken = {"kind": "class", "members": {k: v for k, v in session["members"].items() if k != "run"}}
    assert differences("onnxruntime", "InferenceSession", session, broken) == [
        "onnxruntime.InferenceSession.run is missing"
    ]
