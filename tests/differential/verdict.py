"""Compares what the engines gave for one case."""

import numpy as np

# What rounding a result to its type may differ by, relative to the value.
ROUNDING = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-6, "float64": 1e-6, "float8_e4m3fn": 0.13, "float8_e4m3fnuz": 0.13, "float8_e5m2": 0.26, "float8_e5m2fnuz": 0.26}


def difference(expected, actual, case, factor=1):
    """How the outputs differ, in one line; None where they agree within `factor` times what the case allows."""
    if len(expected) != len(actual):
        return f"{len(actual)} outputs, expected {len(expected)}"
    for i, (e, a) in enumerate(zip(expected, actual)):
        found = _differ(e, a, case, factor)
        if found:
            return f"output {i}: {found}"
    return None


def _differ(e, a, case, factor):
    if e is None or a is None:
        return None if a is e else f"{_kind(a)}, expected {_kind(e)}"
    if isinstance(e, (list, dict)) or isinstance(a, (list, dict)):
        if type(e) is not type(a) or len(e) != len(a):
            return f"{_kind(a)}, expected {_kind(e)}"
        if isinstance(e, dict):
            if set(e) != set(a):
                return f"keys {sorted(a)[:5]}, expected {sorted(e)[:5]}"
            pairs = [(e[k], a[k]) for k in e]
        else:
            pairs = list(zip(e, a))
        return next((found for x, y in pairs if (found := _differ(x, y, case, factor))), None)
    scalar = not isinstance(e, np.ndarray)
    e, a = np.asarray(e), np.asarray(a)
    if e.shape != a.shape:
        return f"shape {a.shape}, expected {e.shape}"
    if e.dtype.kind in "OUST" or a.dtype.kind in "OUST":
        same = np.asarray(e.astype(str) == a.astype(str))
        return None if same.all() else f"{(~same).sum()} of {same.size} strings differ: {a[~same].flat[0]!r}, expected {e[~same].flat[0]!r}"
    if e.dtype != a.dtype and not scalar:
        return f"type {a.dtype}, expected {e.dtype}"
    if e.dtype.kind in "iub":
        limit = case.steps if e.dtype.kind != "b" else 0
        gap = np.abs(e.astype(np.float64) - a.astype(np.float64)) if limit else (e != a)
        wrong = np.asarray(gap > limit)
        return None if not wrong.any() else _describe(e, a, wrong)
    wide = np.complex128 if e.dtype.kind == "c" else np.float64
    name = e.dtype.name
    with np.errstate(all="ignore"):
        x, y = e.astype(wide), a.astype(wide)
        finite = np.abs(x[np.isfinite(x)])
        scale = finite.max(initial=0.0)
        rounding = ROUNDING.get(name, 1e-6)
        bound = max(case.tolerance, rounding) * np.abs(x) + (case.tolerance + (rounding if case.tolerance else 0)) * scale + case.absolute
        near = np.abs(x - y) <= factor * bound + 1e-300
        wrong = ~(near | (x == y) | (np.isnan(x) & np.isnan(y)))
    return None if not wrong.any() else _describe(e, a, wrong)


def _describe(e, a, wrong):
    at = np.unravel_index(int(np.argmax(wrong)), wrong.shape) if wrong.ndim else ()
    place = f" at {tuple(int(i) for i in at)}" if at else ""
    return f"{int(wrong.sum())} of {wrong.size} values differ, {a[at]}{place}, expected {e[at]} ({e.dtype.name}{list(e.shape)})"


def _kind(value):
    return "nothing" if value is None else f"{len(value)} items" if isinstance(value, (list, dict)) else "a tensor"
