"""Quantisation, and operators on quantised values."""

import numpy as np
from draw import np_type

BYTES = ("uint8", "int8")


def scale_of(draw, shape=(), low=0.02, high=0.2):
    return draw.rng.uniform(low, high, shape).astype(np.float32)


def _blocks(s, op, shape):
    """(scale's shape, attributes) of one of the three granularities."""
    draw = s.draw
    if int(np.prod(shape)) < 2 or s.opset < 13 or draw.chance(0.5):
        return (), {}
    axis = draw.integer(0, len(shape) - 1)
    if s.opset < 21 or draw.chance(0.6):
        return (shape[axis],), {"axis": axis if axis != 1 or draw.chance(0.5) else None}
    block = draw.pick([b for b in (1, 2, 3, 4, 8, 16, 32) if b <= shape[axis] and shape[axis] % b == 0])
    full = list(shape)
    full[axis] = shape[axis] // block
    if int(np.prod(full)) < 2:
        return (), {}
    return tuple(full), {"axis": axis, "block_size": block}


def quantise(s):
    op = s.draw.pick(["QuantizeLinear", "DequantizeLinear"])
    s.choose_version(op)
    draw = s.draw
    shape = draw.shape(zero=0)
    scale_shape, attributes = _blocks(s, op, shape)
    if scale_shape == () and len(shape) == 0 and s.opset >= 13:
        scale_shape = ()
    real = draw.type([t for t in s.types(op, 0 if op[0] == "Q" else min(1, 1)) if t in ("float32", "float16")] or ["float32"], weight=0.8)
    scale = draw.rng.uniform(0.05, 0.3, scale_shape).astype(real)
    if op == "QuantizeLinear":
        narrow = draw.type([t for t in s.types(op, 2) if t not in ("float4e2m1", "int32")], favourite="uint8", weight=0.4)
        zero = draw.maybe(draw.array(narrow, scale_shape, -5 if not narrow.startswith("float8") else 0, 9 if not narrow.startswith("float8") else 0), 0.8)
        if narrow in ("int4", "uint4") or zero is None:
            zero = draw.array(narrow, scale_shape, 0, 3) if narrow in ("int4", "uint4") else zero
        s.steps = 1
        x = draw.array(real, shape, -12, 12)
        names = s.call(op, {"x": x, "scale": scale, "zero": zero}, attributes)
        if narrow in ("int4", "uint4"):
            if s.opset < 21:
                s.opset = 21
            names = s.call("Cast", {"x": names[0]}, {"to": 3})
        return s.output(names)
    narrow = draw.type(s.types(op, 0), favourite="uint8", weight=0.4)
    if narrow.startswith("float"):
        x, zero = draw.array(narrow, shape, -8, 8), draw.maybe(np.zeros(scale_shape, np_type(narrow)))
    elif narrow == "int32":
        x, zero = draw.array(narrow, shape, -1000, 1000), None
    else:
        x, zero = draw.array(narrow, shape, -1000, 1000), draw.maybe(draw.array(narrow, scale_shape, -9, 9), 0.8)
    s.tolerance = 1e-6
    s.output(s.call(op, {"x": x, "scale": scale, "zero": zero}, attributes))


def dynamic(s):
    s.choose_version("DynamicQuantizeLinear")
    s.steps, s.tolerance = 1, 1e-6
    s.output(s.call("DynamicQuantizeLinear", {"x": s.draw.array("float32", s.draw.shape(zero=0), s.draw.pick([-5, 0, 1]), s.draw.pick([2, 6]))}, outputs=3))


def matmul(s):
    s.choose_version("QLinearMatMul")
    from families.products import matmul_shapes

    draw = s.draw
    a, b = matmul_shapes(draw, zero=False)
    if len(a) < 2 or len(b) < 2:
        a, b = [draw.integer(1, 9), 8], [8, draw.integer(1, 17)]
    types = [draw.pick(BYTES) for _ in "aby"]
    columns = (b[-1],) if len(b) == 2 and draw.chance(0.4) else ()
    s.steps = 1
    inner = a[-1]
    operands = {
        "a": draw.array(types[0], a, -128, 255), "sa": scale_of(draw), "za": draw.array(types[0], (), 0, 120),
        "b": draw.array(types[1], b, -128, 255), "sb": scale_of(draw, columns), "zb": draw.array(types[1], columns, 0, 9),
        "sy": scale_of(draw, (), 0.5, 1) * np.float32(max(1.0, inner**0.5)), "zy": draw.array(types[2], (), 0, 100),
    }  # fmt: skip
    s.constant_share = 0.6
    s.output(s.call("QLinearMatMul", operands))


def conv(s):
    op = s.draw.pick(["QLinearConv", "ConvInteger"])
    s.choose_version(op)
    from families.neural import conv_operands

    draw = s.draw
    x, w, attributes = conv_operands(draw)
    tx, tw = draw.pick(BYTES), draw.pick(BYTES)
    out = w.shape[0]
    x, w = draw.array(tx, x.shape, -128, 255), draw.array(tw, w.shape, -128, 255)
    s.constant_share = 0.6
    if op == "ConvInteger":
        return s.output(s.call(op, {"x": x, "w": w, "zx": draw.maybe(draw.array(tx, (), 0, 9)), "zw": None}, attributes))
    s.steps = 1
    channels = (out,) if draw.chance(0.5) else ()
    zero = draw.array(tw, channels, 0, 0 if channels else 9)
    operands = {
        "x": x, "sx": scale_of(draw), "zx": draw.array(tx, (), 0, 120), "w": w, "sw": scale_of(draw, channels), "zw": zero,
        "sy": scale_of(draw, (), 2, 5), "zy": draw.array(tx, (), 0, 100), "B": draw.maybe(draw.array("int32", (out,), -500, 500)),
    }  # fmt: skip
    s.output(s.call(op, operands, attributes))


def chain(s):
    """Floats between quantised values: what passes may compute on bytes."""
    draw = s.draw
    s.opset = draw.integer(13, 26)
    byte = draw.pick(BYTES)
    unit = float(draw.uniform(0.02, 0.1))

    def pair(value, scale, zero):
        quantised = s.node("QuantizeLinear", [value, s.operand(np.float32(scale), True), s.operand(np.array(zero, byte), True)])[0]
        return s.node("DequantizeLinear", [quantised, s.operand(np.float32(scale), True), s.operand(np.array(zero, byte), True)])[0]

    zero = draw.integer(0, 60)
    kind = draw.pick(["unary", "binary", "conv", "matmul", "pool", "concat", "move", "softmax"])
    s.label = f"quantised {kind}"
    shape = draw.shape(3, 4, zero=0, limit=2000)
    x = pair(s.operand(draw.array("float32", shape, -4, 4), False), unit, zero)
    out_scale = unit * draw.uniform(0.8, 3)
    if kind == "unary":
        op = draw.pick(["Relu", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "HardSwish", "Gelu", "Abs", "Neg", "Exp", "Elu"])
        if op not in ("Clip",):
            s.schema(op)
        y = s.node(op, [x] + ([np.float32(0), np.float32(3)] if op == "Clip" else []))[0]
    elif kind == "binary":
        other = pair(s.operand(draw.array("float32", draw.split_shape(shape), -4, 4), draw.chance(0.4)), unit * 1.3, draw.integer(0, 30))
        y = s.node(draw.pick(["Add", "Mul", "Sub"]), [x, other])[0]
        out_scale *= 2
    elif kind == "conv":
        from families.neural import conv_operands

        data, w, attributes = conv_operands(draw)
        if 0 in data.shape:
            data = data.reshape(0, *data.shape[1:])
        x = pair(s.operand(data, False), unit, zero)
        weight = draw.array("int8", w.shape, -127, 127)
        per = draw.chance(0.5)
        scales = scale_of(draw, (w.shape[0],) if per else (), 0.005, 0.02)
        zeros = np.zeros(scales.shape, np.int8)
        dequantised = s.node("DequantizeLinear", [s.operand(weight, True), s.operand(scales, True), s.operand(zeros, True)], {"axis": 0})[0]
        bias = []
        if draw.chance(0.5):
            factors = (scales.astype(np.float64) * np.float32(unit)).astype(np.float32)
            raw = draw.array("int32", (w.shape[0],), -300, 300)
            bias = [s.node("DequantizeLinear", [s.operand(raw, True), s.operand(factors, True)], {"axis": 0})[0]]
        y = s.node("Conv", [x, dequantised] + bias, attributes)[0]
        if draw.chance(0.5):
            y = s.node("Relu", [y])[0]
        out_scale = 0.3
    elif kind == "matmul":
        k = shape[-1]
        weight = draw.array("int8", (k, draw.dim(zero=0)), -127, 127)
        y = s.node("MatMul", [x, s.node("DequantizeLinear", [s.operand(weight, True), s.operand(np.float32(0.01), True), s.operand(np.int8(0), True)])[0]])[0]
        out_scale = 0.3
    elif kind == "pool":
        if len(shape) != 4:
            shape = (1, 3, 8, 9)
            x = pair(s.operand(draw.array("float32", shape, -4, 4), False), unit, zero)
        op = draw.pick(["MaxPool", "AveragePool", "GlobalAveragePool"])
        y = s.node(op, [x], {} if op.startswith("G") else {"kernel_shape": [min(2, shape[2]), min(2, shape[3])]})[0]
    elif kind == "concat":
        other = pair(s.operand(draw.array("float32", shape, -4, 4), False), unit if draw.chance(0.5) else unit * 1.7, zero)
        y = s.node("Concat", [x, other], {"axis": draw.axis(len(shape))})[0]
    elif kind == "softmax":
        y = s.node("Softmax", [x], {"axis": draw.pick([-1, 1])})[0]
        out_scale = 1 / 255
    else:
        y = s.node("Transpose", [x], {"perm": draw.permutation(len(shape))})[0]
        out_scale = unit if draw.chance(0.5) else out_scale
    quantised = s.node("QuantizeLinear", [y, s.operand(np.float32(out_scale), True), s.operand(np.array(draw.integer(0, 40), byte), True)])[0]
    s.steps = 2
    s.output([quantised])


FAMILY = {quantise: 4, dynamic: 1, matmul: 1.5, conv: 2, chain: 4}
