"""Operators of the domain com.microsoft."""

import numpy as np
from families.quantised import scale_of

MS = "com.microsoft"


def _float(s, op, operands, attributes=None, outputs=1, tolerance=1e-5):
    s.tolerance, s.absolute = max(s.tolerance, tolerance), 1e-6
    s.opset = s.draw.integer(13, 21)
    s.output(s.node(op, operands, attributes, outputs, domain=MS))


def activation(s):
    op = s.draw.pick(["Gelu", "FastGelu", "BiasGelu", "QuickGelu", "BiasAdd"])
    draw = s.draw
    shape = draw.shape(1)
    x = draw.array("float32", shape, -5, 5)
    if op == "BiasGelu":
        return _float(s, op, [x, draw.array("float32", shape[-1:])])
    if op == "FastGelu":
        return _float(s, op, [x, draw.maybe(draw.array("float32", shape[-1:]))], tolerance=1e-4)
    if op == "QuickGelu":
        return _float(s, op, [x], {"alpha": draw.maybe(draw.uniform(0.5, 2))})
    return _float(s, "Gelu", [x])


def norm(s):
    op = s.draw.pick(["SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "SimplifiedLayerNormalization"])
    draw = s.draw
    shape = (draw.integer(1, 3), draw.integer(1, 9), draw.pick([1, 4, 8, 16, 17, 33, 64]))
    x, last = draw.array("float32", shape), shape[-1:]
    epsilon = {"epsilon": 1e-3}
    if op == "SimplifiedLayerNormalization":
        s.opset = draw.integer(13, 21)
        s.tolerance = 1e-4
        return s.output(s.node(op, [x, draw.array("float32", last)], {"axis": -1, **epsilon}))
    skip = draw.array("float32", shape)
    if op.startswith("SkipS"):
        operands = [x, skip, draw.array("float32", last), draw.maybe(draw.array("float32", last))]
    else:
        operands = [x, skip, draw.array("float32", last), draw.maybe(draw.array("float32", last)), draw.maybe(draw.array("float32", last))]
    outputs = [True] if draw.chance(0.5) else [True, False, False, True]
    _float(s, op, operands, epsilon, outputs, 1e-4)


def fused(s):
    op = s.draw.pick(["FusedMatMul", "FusedConv", "Inverse", "TransposeMatMul", "FusedGemm"])
    draw = s.draw
    if op == "Inverse":
        n = draw.integer(1, 5)
        return _float(s, op, [(draw.array("float32", draw.shape(0, 2, zero=0) + (n, n)) + 5 * np.eye(n)).astype(np.float32)], tolerance=1e-4)
    if op == "FusedConv":
        from families.neural import conv_operands

        x, w, attributes = conv_operands(draw)
        attributes["activation"] = draw.maybe(draw.pick(["Relu", "Tanh", "Sigmoid"]), 0.8)
        bias = draw.array("float32", (w.shape[0],))
        return _float(s, op, [s.operand(x, False), w, bias], attributes)
    m, k, n = draw.integer(1, 20), draw.integer(1, 33), draw.integer(1, 20)
    ta, tb = draw.integer(0, 1), draw.integer(0, 1)
    if op == "FusedGemm":
        attributes = {"transA": ta, "transB": tb, "activation": draw.pick(["Relu", "Tanh", "Sigmoid", "LeakyRelu"]), "alpha": draw.maybe(0.5)}
        attributes["activation_alpha"] = 0.1 if attributes["activation"] == "LeakyRelu" else None
        return _float(s, op, [draw.array("float32", (k, m) if ta else (m, k)), draw.array("float32", (n, k) if tb else (k, n)), draw.maybe(draw.array("float32", (n,)))], attributes)
    lead = tuple(draw.shape(0, 2, zero=0, limit=20))
    a, b = lead + ((k, m) if ta else (m, k)), lead + ((n, k) if tb else (k, n))
    _float(s, op, [draw.array("float32", a), draw.array("float32", b)], {"transA": ta, "transB": tb, "alpha": draw.maybe(draw.uniform(-2, 2))})


def bytes_(s):
    op = s.draw.pick(["QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearGlobalAveragePool", "QLinearAveragePool", "QLinearConcat", "QGemm", "QLinearSoftmax",
                      "QLinearWhere", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QuantizeLinear", "DequantizeLinear"])  # fmt: skip
    draw = s.draw
    byte = draw.pick(["uint8", "int8"])
    s.steps = 1
    s.constant_share = 0.5
    point = lambda: draw.array(byte, (), 0, 60)  # noqa: E731
    data = lambda shape: s.operand(draw.array(byte, shape, -128, 255), False)  # noqa: E731
    if op in ("QLinearAdd", "QLinearMul"):
        a, b = draw.broadcast(2)
        return _float(s, op, [data(a), scale_of(draw), point(), data(b), scale_of(draw), point(), scale_of(draw, (), 0.2, 0.5), point()])
    if op in ("QLinearSigmoid", "QLinearLeakyRelu"):
        return _float(s, op, [data(draw.shape()), s.operand(scale_of(draw), True), s.operand(point(), True), s.operand(scale_of(draw), True), s.operand(point(), True)],
                      {"alpha": draw.maybe(0.2)} if op.endswith("Relu") else {})  # fmt: skip
    if op in ("QLinearGlobalAveragePool", "QLinearAveragePool"):
        last = draw.chance(0.3)
        shape = (draw.integer(1, 2), draw.integer(2, 9), draw.integer(2, 9), draw.integer(2, 9))
        attributes = {"channels_last": 1 if last else None}
        if op == "QLinearAveragePool":
            attributes.update(kernel_shape=[2, 2], strides=draw.maybe([draw.integer(1, 2), draw.integer(1, 2)]), pads=draw.maybe([draw.integer(0, 1) for _ in "abcd"]), count_include_pad=draw.maybe(1))
        return _float(s, op, [data(shape), scale_of(draw), point(), scale_of(draw), point()], attributes)
    if op == "QLinearConcat":
        shape = draw.shape(1, 4, zero=0)
        operands = [s.operand(scale_of(draw), True), s.operand(point(), True)]
        for _ in range(draw.integer(1, 3)):
            operands += [data(shape), s.operand(scale_of(draw), True), s.operand(point(), True)]
        return _float(s, op, operands, {"axis": draw.axis(len(shape))})
    if op == "QGemm":
        m, k, n = draw.integer(1, 9), draw.integer(1, 33), draw.integer(1, 20)
        ta, tb = draw.integer(0, 1), draw.integer(0, 1)
        operands = [data((k, m) if ta else (m, k)), scale_of(draw), point(), s.operand(draw.array("int8", (n, k) if tb else (k, n), -100, 100), True), scale_of(draw), np.int8(0),
                    draw.maybe(draw.array("int32", (n,))), scale_of(draw, (), 1, 3), point()]  # fmt: skip
        if draw.chance(0.3):
            operands = operands[:7]
        return _float(s, op, operands, {"transA": ta, "transB": tb, "alpha": draw.maybe(0.5)})
    if op == "QLinearSoftmax":
        shape = draw.shape(2, 4, zero=0)
        zero = np.array(0 if byte == "uint8" else -128, byte)
        return _float(s, op, [data(shape), scale_of(draw), point(), np.float32(1 / 255), zero], {"axis": draw.axis(len(shape)), "opset": 13})
    if op == "QLinearWhere":
        c, a, b = draw.broadcast(3)
        return _float(s, op, [draw.array("bool", c), data(a), scale_of(draw), point(), data(b), scale_of(draw), point(), scale_of(draw), point()])
    m, k, n = draw.integer(1, 9), draw.integer(1, 33), draw.integer(1, 20)
    columns = (n,) if draw.chance(0.4) else ()
    if op == "DynamicQuantizeMatMul":
        weight = draw.pick(["int8", "uint8"])
        return _float(s, op, [draw.array("float32", (m, k)), s.operand(draw.array(weight, (k, n), -100, 200), True), scale_of(draw, columns), draw.maybe(draw.array(weight, columns, 0, 5)),
                              draw.maybe(draw.array("float32", (n,)))], tolerance=1e-3)  # fmt: skip
    if op == "MatMulIntegerToFloat":
        weight = draw.pick(["int8", "uint8"])
        return _float(s, op, [data((m, k)), s.operand(draw.array(weight, (k, n), -100, 200), True), scale_of(draw), scale_of(draw, columns), draw.maybe(point()), draw.maybe(draw.array(weight, columns, 0, 5)),
                              draw.maybe(draw.array("float32", (n,)))])  # fmt: skip
    shape = draw.shape(zero=0)
    kind = draw.pick([byte, "uint16", "int16"])
    if op == "QuantizeLinear":
        return _float(s, op, [draw.array("float32", shape, -9, 9), scale_of(draw), draw.array(kind, (), 0, 9)])
    _float(s, op, [draw.array(kind, shape), scale_of(draw), draw.array(kind, (), 0, 9)])


def nbits(s):
    draw = s.draw
    bits, block = draw.pick([4, 4, 8]), draw.pick([16, 32])
    m, k, n = draw.integer(1, 5), draw.pick([16, 32, 48, 40, 65]), draw.integer(1, 17)
    blocks = -(-k // block)
    packed = draw.array("uint8", (n, blocks, block * bits // 8), 0, 255)
    zero = draw.array("uint8", (n * -(-blocks * bits // 8),), 0, 255)
    operands = [draw.array("float32", (m, k)), s.operand(packed, True), s.operand(scale_of(draw, (n * blocks,)), True), s.operand(zero, True) if draw.chance(0.5) else None]
    _float(s, "MatMulNBits", operands, {"K": k, "N": n, "bits": bits, "block_size": block}, tolerance=1e-4)


def attention(s):
    op = s.draw.pick(["MultiHeadAttention", "Attention", "GroupQueryAttention", "RotaryEmbedding", "EmbedLayerNormalization"])
    draw = s.draw
    batch, heads, size = draw.integer(1, 2), draw.integer(1, 3), draw.pick([8, 16])
    length, total, hidden = draw.integer(1, 7), draw.integer(1, 9), 0
    hidden = heads * size
    s.constant_share = 0.2
    s.symbolic = s.symbolic and op in ("MultiHeadAttention", "RotaryEmbedding")
    if op == "MultiHeadAttention":
        operands = [draw.array("float32", (batch, length, hidden)), draw.array("float32", (batch, total, hidden)), draw.array("float32", (batch, total, hidden)),
                    draw.maybe(draw.array("float32", (3 * hidden,)), 0.3)]  # fmt: skip
        return _float(s, op, operands, {"num_heads": heads, "scale": draw.maybe(0.3)})
    if op == "Attention":
        operands = [draw.array("float32", (batch, length, hidden)), s.operand(draw.array("float32", (hidden, 3 * hidden), -1, 1), True), s.operand(draw.array("float32", (3 * hidden,)), True)]
        return _float(s, op, operands, {"num_heads": heads, "unidirectional": draw.maybe(1)})
    if op == "GroupQueryAttention":
        groups = draw.pick([g for g in (1, heads) if heads % g == 0])
        kv = groups * size
        past, capacity = 0, length
        operands = [draw.array("float32", (batch, length, hidden)), draw.array("float32", (batch, length, kv)), draw.array("float32", (batch, length, kv)),
                    draw.array("float32", (batch, groups, past, size)), draw.array("float32", (batch, groups, past, size)),
                    np.full((batch,), length - 1, np.int32), np.array(capacity, np.int32)]  # fmt: skip
        return _float(s, op, operands, {"num_heads": heads, "kv_num_heads": groups, "scale": draw.maybe(0.3)}, 3)
    if op == "RotaryEmbedding":
        flat = draw.chance(0.5)
        shape = (batch, length, hidden) if flat else (batch, heads, length, size)
        positions = draw.array("int64", (batch, length), 0, 11) if draw.chance(0.6) else np.array([draw.integer(0, 3)], np.int64)
        operands = [draw.array("float32", shape), positions, draw.array("float32", (12, size // 2)), draw.array("float32", (12, size // 2))]
        return _float(s, op, operands, {"interleaved": draw.maybe(draw.integer(0, 1))})
    words = 9
    ids = draw.array("int32", (batch, length), 0, words - 1)
    table = lambda n: s.operand(draw.array("float32", (n, hidden)), True)  # noqa: E731
    operands = [ids, draw.array("int32", (batch, length), 0, 1), table(words), table(12), table(2), s.operand(draw.array("float32", (hidden,)), True), s.operand(draw.array("float32", (hidden,)), True)]
    _float(s, op, operands, {"epsilon": 1e-3}, 2, 1e-4)


FAMILY = {activation: 2, norm: 2, fused: 3, bytes_: 6, nbits: 1, attention: 3}
