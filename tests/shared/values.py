"""Compares what sessions gave with what was expected: tensors, sequences, maps, and nothing."""

import numpy as np


def difference(expected, actual, wrong):
    """How the outputs differ, in one line; None where they agree.

    `wrong(expected, actual)` marks the elements that differ too much, of two arrays of numbers of one type and shape.
    """
    if len(expected) != len(actual):
        return f"{len(actual)} outputs, expected {len(expected)}"
    for i, (e, a) in enumerate(zip(expected, actual)):
        found = _differ(e, a, wrong)
        if found:
            return f"output {i}: {found}"
    return None


def wide(array):
    """Numbers in the widest type of their kind."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _differ(e, a, wrong):
    if e is None or a is None:
        return None if a is e else f"{_kind(a)}, expected {_kind(e)}"
    if isinstance(e, (list, tuple, dict)) or isinstance(a, (list, tuple, dict)):
        if _kind(e) != _kind(a):
            return f"{_kind(a)}, expected {_kind(e)}"
        if isinstance(e, dict):
            if set(e) != set(a):
                return f"keys {sorted(a)[:5]}, expected {sorted(e)[:5]}"
            pairs = [(e[k], a[k]) for k in e]
        else:
            pairs = list(zip(e, a))
        return next((f"item {i}: {found}" for i, (x, y) in enumerate(pairs) if (found := _differ(x, y, wrong))), None)
    # Keys and numbers of maps have types of Python.
    typed = isinstance(e, np.ndarray)
    e, a = np.asarray(e), np.asarray(a)
    if e.shape != a.shape:
        return f"shape {a.shape}, expected {e.shape}"
    if e.dtype.kind in "OUST" or a.dtype.kind in "OUST":
        same = np.asarray(e.astype(str) == a.astype(str))
        return None if same.all() else f"{(~same).sum()} of {same.size} strings differ: {a[~same].flat[0]!r}, expected {e[~same].flat[0]!r}"
    if e.dtype != a.dtype and typed:
        return f"type {a.dtype}, expected {e.dtype}"
    with np.errstate(all="ignore"):
        marked = np.asarray(wrong(e, a))
    return _describe(e, a, marked) if marked.any() else None


def _describe(e, a, wrong):
    at = np.unravel_index(int(np.argmax(wrong)), wrong.shape) if wrong.ndim else ()
    place = f" at {tuple(int(i) for i in at)}" if at else ""
    with np.errstate(all="ignore"):
        gaps = np.where(wrong, np.abs(wide(a) - wide(e)), 0)
    most = f", by up to {np.nanmax(gaps):.3g}" if np.isfinite(gaps).any() else ""
    return f"{int(wrong.sum())} of {wrong.size} values differ{most}: {a[at]}{place}, expected {e[at]} ({e.dtype.name}{list(e.shape)})"


def _kind(value):
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a map"
    return f"{len(value)} items" if isinstance(value, (list, tuple)) else "a tensor"
