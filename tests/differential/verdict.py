"""How far what the engines gave for one case may lie apart."""

import numpy as np
import values

# What rounding a result to its type may differ by, relative to the value.
ROUNDING = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-6, "float64": 1e-6, "float8_e4m3fn": 0.13, "float8_e4m3fnuz": 0.13, "float8_e5m2": 0.26, "float8_e5m2fnuz": 0.26}


def difference(expected, actual, case, factor=1):
    """How the outputs differ, in one line; None where they agree within `factor` times what the case allows."""

    def wrong(e, a):
        if e.dtype.kind == "b" or (e.dtype.kind in "iu" and not case.steps):
            return e != a
        if e.dtype.kind in "iu":
            return np.abs(values.wide(e) - values.wide(a)) > case.steps
        x, y = values.wide(e), values.wide(a)
        scale = np.abs(x[np.isfinite(x)]).max(initial=0.0)
        rounding = ROUNDING.get(e.dtype.name, 1e-6)
        bound = max(case.tolerance, rounding) * np.abs(x) + (case.tolerance + (rounding if case.tolerance else 0)) * scale + case.absolute
        near = np.abs(x - y) <= factor * bound + 1e-300
        return ~(near | (x == y) | (np.isnan(x) & np.isnan(y)))

    return values.difference(expected, actual, wrong)
