"""Products of matrices: MatMul, Gemm, Einsum, their integer forms, Det and Fourier transforms."""

import numpy as np
from draw import is_float


def _batch(draw):
    return draw.broadcast(2, 0, 3, zero=0.02) if draw.chance(0.6) else [(), ()]


def _inner(draw):
    return draw.pick([0, 1, 2, 3, 7, 8, 16, 17, 31, 33, 64, 65]) if draw.chance(0.5) else draw.integer(1, 65)


def _fit(shape, limit=12000):
    shape = list(shape)
    while np.prod(shape[:-2], dtype=np.int64) * max(1, shape[-1] * shape[-2]) > limit and len(shape) > 2 and max(shape[:-2]) > 1:
        shape.pop(0)
    return shape


def matmul_shapes(draw, zero=True):
    """Shapes of two operands of a matrix product, vectors among them."""
    m, k, n = draw.dim(large=0.4), _inner(draw), draw.dim(large=0.4)
    if not zero:
        m, k, n = max(m, 1), max(k, 1), max(n, 1)
    kind = draw.integer(0, 9)
    if kind == 0:
        return [k], [k, n]
    if kind == 1:
        return [m, k], [k]
    if kind == 2:
        return [k], [k]
    a, b = _batch(draw)
    a, b = [min(d, 4) for d in a], [min(d, 4) for d in b]
    if not zero:
        a, b = [max(d, 1) for d in a], [max(d, 1) for d in b]
    return _fit(a + [m, k]), _fit(b + [k, n])


def matmul(s):
    s.choose_version("MatMul")
    a, b = matmul_shapes(s.draw)
    dtype = s.draw.type(s.types("MatMul"), weight=0.7)
    s.tolerance, s.absolute = 1e-5, 2e-5
    s.output(s.call("MatMul", {"A": s.draw.array(dtype, a, -3, 3), "B": s.draw.array(dtype, b, -3, 3)}))


def gemm(s):
    s.choose_version("Gemm")
    draw = s.draw
    dtype = draw.type(s.types("Gemm"), weight=0.7)
    m, k, n = draw.dim(large=0.4), _inner(draw), draw.dim(large=0.4)
    ta, tb = draw.integer(0, 1), draw.integer(0, 1)
    c = draw.pick([(m, n), (n,), (1, n), (m, 1), (1, 1), (1,), ()])
    attributes = {"transA": ta or None, "transB": tb or None}
    if is_float(dtype):
        attributes.update(alpha=draw.maybe(draw.uniform(-2, 2)), beta=draw.maybe(draw.pick([0.0, 1.0, draw.uniform(-2, 2)])))
    bias = draw.array(dtype, c) if s.opset < 11 or draw.chance(0.7) else None
    s.tolerance, s.absolute = 1e-5, 4e-5
    a, b = draw.array(dtype, (k, m) if ta else (m, k), -3, 3), draw.array(dtype, (n, k) if tb else (k, n), -3, 3)
    s.output(s.call("Gemm", {"A": a, "B": b, "C": bias}, attributes))


def einsum(s):
    s.choose_version("Einsum")
    draw = s.draw
    letters = draw.sample("ijklmn", draw.integer(2, 5))
    sizes = {c: draw.integer(1, 7) for c in letters}
    dtype = draw.type([t for t in s.types("Einsum") if t in ("float32", "float64", "int32", "int64")])
    terms = []
    for _ in range(draw.integer(1, 3)):
        terms.append("".join(draw.sample(letters, draw.integer(1, min(4, len(letters))))))
    if draw.chance(0.15) and len(terms[0]) >= 1:
        terms[0] += terms[0][0]
    used = sorted(set("".join(terms)))
    ellipsis = draw.chance(0.2)
    lead = draw.shape(0, 2, zero=0, limit=12) if ellipsis else ()
    equation = ",".join(("..." if ellipsis else "") + t for t in terms)
    if draw.chance(0.8):
        out = draw.sample(used, draw.integer(0, len(used)))
        equation += "->" + ("..." if ellipsis else "") + "".join(out)
    if draw.chance(0.2):
        equation = equation.replace(",", " , ").replace("->", " -> ")
    s.tolerance, s.absolute = 1e-5, 1e-6 * float(np.prod([sizes[c] for c in used])) ** 0.5
    s.label = f"Einsum({equation})"
    s.output(s.call("Einsum", {f"x{i}": draw.array(dtype, tuple(lead) + tuple(sizes[c] for c in t), -2, 2) for i, t in enumerate(terms)}, {"equation": equation}))


def matmul_integer(s):
    s.choose_version("MatMulInteger")
    draw = s.draw
    a, b = matmul_shapes(draw, zero=False)
    ta, tb = draw.pick(["uint8", "int8"]), draw.pick(["uint8", "int8"])
    za = draw.maybe(draw.array(ta, draw.pick([(), (1,)]), 0, 5))
    zb = draw.maybe(draw.array(tb, draw.pick([(), (b[-1],)]) if len(b) == 2 else (), 0, 5))
    x, y = draw.array(ta, a, -128, 255), draw.array(tb, b, -128, 255)
    s.output(s.call("MatMulInteger", {"A": x, "B": y, "za": za if zb is None else za if za is not None else np.zeros((), ta), "zb": zb}))


def det(s):
    s.choose_version("Det")
    n = s.draw.integer(1, 5)
    s.tolerance = 1e-4
    s.output(s.call("Det", {"X": s.draw.array(s.draw.pick(["float32", "float64"]), s.draw.shape(0, 2) + (n, n))}))


def fourier(s):
    op = s.draw.pick(["DFT", "STFT", "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix"])
    s.choose_version(op)
    draw = s.draw
    s.tolerance, s.absolute = 2e-5, 1e-6
    if op == "DFT":
        lead = draw.shape(1, 3, zero=0, limit=200)
        inverse = draw.maybe(draw.integer(0, 1))
        onesided = draw.maybe(1, 0.3) if not inverse else None
        complex_ = 2 if inverse or (not onesided and draw.chance(0.5)) else 1
        rank = len(lead) + 2
        signal = tuple(lead) + (draw.integer(1, 33),)
        axis = draw.integer(1, rank - 2) if draw.chance(0.6) else None
        length = draw.maybe(np.array(draw.integer(1, 20), np.int64), 0.3)
        operands = {"x": draw.array("float32", signal + (complex_,)), "length": length, "axis": None if axis is None else np.array(axis, np.int64)}
        return s.output(s.call(op, operands, {"inverse": inverse, "onesided": onesided}))
    if op == "STFT":
        length, frame, step = draw.integer(20, 65), draw.integer(4, 16), draw.integer(1, 8)
        window = draw.maybe(draw.array("float32", (frame,), 0, 1))
        operands = {"x": draw.array("float32", (draw.integer(1, 2), length, 1)), "step": np.array(step, np.int64), "window": window,
                    "length": np.array(frame, np.int64) if window is None or draw.chance(0.5) else None}  # fmt: skip
        return s.output(s.call(op, operands, {"onesided": draw.maybe(draw.integer(0, 1))}))
    if op == "MelWeightMatrix":
        operands = [np.array(draw.integer(2, 12), np.int64), np.array(draw.pick([16, 32, 64]), np.int64), np.array(draw.pick([8000, 16000]), np.int64),
                    np.array(draw.uniform(0, 200), np.float32), np.array(draw.uniform(2000, 4000), np.float32)]  # fmt: skip
        return s.output(s.call(op, {f"x{i}": x for i, x in enumerate(operands)}, {"output_datatype": draw.maybe(draw.pick([1, 11]))}))
    attributes = {"periodic": draw.maybe(draw.integer(0, 1)), "output_datatype": draw.maybe(draw.pick([1, 11]))}
    s.output(s.call(op, {"size": np.array(draw.integer(2, 33), draw.pick(["int32", "int64"]))}, attributes))


FAMILY = {matmul: 4, gemm: 3, einsum: 3, matmul_integer: 1.5, det: 0.5, fourier: 1.5}
