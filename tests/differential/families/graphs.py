"""Random small graphs: typed values, shared values, constants, symbols, and patterns that passes and fusion look for."""

import numpy as np
from sketch import Name, NotDefined

SMOOTH = ["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "LeakyRelu", "Softplus", "Erf", "Exp", "Elu", "HardSigmoid", "Identity", "Softsign", "Sin", "Cos", "Selu", "HardSwish"]


class Graph:
    """Values of a graph in the making, with the shapes that they have."""

    def __init__(self, s):
        self.s, self.draw = s, s.draw
        self.values = []

    def add(self, name, shape, dtype="float32"):
        self.values.append((name, tuple(shape), dtype))
        return name

    def feed(self, shape, dtype="float32", low=-1, high=1):
        return self.add(self.s.operand(self.draw.array(dtype, shape, low, high), False), shape, dtype)

    def constant(self, shape, low=-1, high=1, dtype="float32"):
        return self.s.operand(self.draw.array(dtype, shape, low, high), True)

    def pick(self, dtype="float32", ranks=range(7)):
        found = [v for v in self.values if v[2] == dtype and len(v[1]) in ranks and np.prod(v[1]) <= 20000]
        if not found:
            raise NotDefined("no operand")
        if self.draw.chance(0.5):
            return found[-1]
        return self.draw.pick(found)

    def node(self, op, operands, attributes, shape, dtype="float32"):
        return self.add(self.s.node(op, operands, attributes)[0], shape, dtype)


def axes_node(g, op, x, axes, extra, shape):
    """A node whose axes are an attribute or an operand, as the version has it."""
    if "axes" in g.s.schema(op).attributes:
        return g.node(op, [x], {**extra, "axes": axes}, shape)
    return g.node(op, [x, g.s.operand(np.array(axes, np.int64), True)], extra, shape)


def smooth(g):
    x, shape, _ = g.pick()
    op = g.draw.pick(SMOOTH)
    g.s.schema(op)
    if op == "Exp":
        x = g.s.node("Tanh", [x])[0]
    g.node(op, [x], {}, shape)


def binary(g):
    x, shape, _ = g.pick()
    op = g.draw.pick(["Add", "Sub", "Mul", "Max", "Min"])
    if op in ("Max", "Min") and g.s.opset < 8:
        op = "Add"
    others = [v for v in g.values if v[2] == "float32" and v[1] == shape]
    if g.draw.chance(0.5):
        y = g.draw.pick(others)[0]
    else:
        y = g.constant(g.draw.split_shape(shape))
    pair = [x, y] if g.draw.chance(0.6) else [y, x]
    g.node(op, pair, {}, shape)


def divide(g):
    x, shape, _ = g.pick()
    g.node("Div", [x, g.constant(g.draw.split_shape(shape), 0.5, 2)], {}, shape)


def transpose(g):
    x, shape, dtype = g.pick()
    perm = g.draw.permutation(len(shape))
    moved = [shape[p] for p in perm]
    y = g.node("Transpose", [x], {"perm": perm} if perm else {}, moved)
    if g.draw.chance(0.4) and perm:
        back = list(np.argsort(perm)) if g.draw.chance(0.6) else g.draw.permutation(len(perm))
        if g.draw.chance(0.5):
            y = g.node("Relu", [y], {}, moved)
        g.node("Transpose", [y], {"perm": [int(p) for p in back]}, [moved[p] for p in back])


def reshape(g):
    from families.movement import factor

    x, shape, _ = g.pick()
    count = int(np.prod(shape, dtype=np.int64))
    if count == 0:
        raise NotDefined("empty")
    target = factor(g.draw, count, g.draw.integer(1, 4))
    written = list(target)
    if g.draw.chance(0.5):
        written[g.draw.integer(0, len(target) - 1)] = -1
    g.node("Reshape", [x, g.s.operand(np.array(written, np.int64), True)], {}, target)


def shape_reshape(g):
    """Reshape to dimensions that Shape, Gather and Concat compute."""
    x, shape, _ = g.pick(ranks=range(2, 6))
    s = g.s
    if 0 in shape:
        raise NotDefined("empty")
    dims = s.node("Shape", [x])[0]
    first = s.node("Gather", [dims, s.operand(np.array(0, np.int64), True)], {"axis": 0})[0]
    if "axes" in s.schema("Unsqueeze").attributes:
        first = s.node("Unsqueeze", [first], {"axes": [0]})[0]
    else:
        first = s.node("Unsqueeze", [first, s.operand(np.array([0], np.int64), True)])[0]
    target = s.node("Concat", [first, s.operand(np.array([-1], np.int64), True)], {"axis": 0})[0]
    g.node("Reshape", [x, target], {}, [shape[0], int(np.prod(shape[1:]))])


def unsqueeze(g):
    x, shape, _ = g.pick(ranks=range(5))
    at = g.draw.integer(0, len(shape))
    y = axes_node(g, "Unsqueeze", x, [at], {}, shape[:at] + (1,) + shape[at:])
    if g.draw.chance(0.4):
        axes_node(g, "Squeeze", y, [at], {}, shape)


def concat(g):
    x, shape, _ = g.pick(ranks=range(1, 6))
    axis = g.draw.integer(0, len(shape) - 1)
    same = [v for v in g.values if v[2] == "float32" and len(v[1]) == len(shape) and all(a == b or i == axis for i, (a, b) in enumerate(zip(v[1], shape)))]
    parts = [g.draw.pick(same) for _ in range(g.draw.integer(1, 3))]
    out = list(shape)
    out[axis] = sum(p[1][axis] for p in parts)
    if np.prod(out) > 20000:
        raise NotDefined("large")
    g.node("Concat", [p[0] for p in parts], {"axis": axis}, out)


def split(g):
    x, shape, _ = g.pick(ranks=range(1, 6))
    axes = [i for i, d in enumerate(shape) if d >= 2]
    if not axes:
        raise NotDefined("narrow")
    axis = g.draw.pick(axes)
    low = g.draw.integer(1, shape[axis] - 1)
    sizes = [low, shape[axis] - low]
    s = g.s
    if s.opset < 13:
        names = s.node("Split", [x], {"axis": axis, "split": sizes}, 2)
    else:
        names = s.node("Split", [x, s.operand(np.array(sizes, np.int64), True)], {"axis": axis}, 2)
    for name, size in zip(names, sizes):
        g.add(name, shape[:axis] + (size,) + shape[axis + 1 :])


def slice_(g):
    x, shape, _ = g.pick(ranks=range(1, 6))
    axis = g.draw.integer(0, len(shape) - 1)
    if shape[axis] < 1:
        raise NotDefined("empty")
    start = g.draw.integer(0, shape[axis] - 1)
    end = g.draw.integer(start + 1, shape[axis])
    out = shape[:axis] + (end - start,) + shape[axis + 1 :]
    if g.s.opset < 10:
        return g.node("Slice", [x], {"starts": [start], "ends": [end], "axes": [axis]}, out)
    operand = lambda v: g.s.operand(np.array([v], np.int64), True)  # noqa: E731
    g.node("Slice", [x, operand(start), operand(end), operand(axis)], {}, out)


def reduce(g):
    x, shape, _ = g.pick(ranks=range(1, 6))
    if 0 in shape:
        raise NotDefined("empty")
    op = g.draw.pick(["ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2", "ReduceSumSquare", "ReduceMin"])
    axes = sorted(g.draw.sample(range(len(shape)), g.draw.integer(1, len(shape))))
    keep = g.draw.integer(0, 1)
    out = [1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes]
    axes_node(g, op, x, axes, {"keepdims": keep}, out)


def matmul(g):
    x, shape, _ = g.pick(ranks=range(2, 5))
    n = g.draw.dim(zero=0)
    s, draw = g.s, g.draw
    bias = draw.chance(0.5)
    if len(shape) == 2 and draw.chance(0.5):
        tb = draw.integer(0, 1)
        w = g.constant((n, shape[1]) if tb else (shape[1], n))
        y = s.node("Gemm", [x, w, g.constant((n,))], {"transB": tb})[0]
    else:
        y = s.node("MatMul", [x, g.constant((shape[-1], n))])[0]
        if bias:
            y = s.node("Add", [y, g.constant((n,))] if draw.chance(0.5) else [g.constant((n,)), y])[0]
    if draw.chance(0.4):
        y = s.node(draw.pick(["Relu", "Sigmoid", "Tanh"]), [y])[0]
    g.add(y, shape[:-1] + (n,))
    s.tolerance = max(s.tolerance, 1e-4)


def product(g):
    """A product of two values that runs bring."""
    x, shape, _ = g.pick(ranks=range(2, 5))
    perm = list(range(len(shape)))
    perm[-1], perm[-2] = perm[-2], perm[-1]
    y = g.s.node("Transpose", [x], {"perm": perm})[0]
    scores = g.s.node("MatMul", [x, y])[0]
    scaled = g.s.node("Mul", [scores, g.s.operand(np.float32(0.125), True)])[0]
    out = shape[:-1] + (shape[-2],)
    g.add(scaled, out)
    if g.draw.chance(0.7):
        p = g.s.node("Softmax", [scaled], {"axis": len(shape) - 1})[0]
        g.add(p, out)
        g.node("MatMul", [p, x], {}, shape)


def heads(g):
    """Attention as models spell it: three products, split into heads, softmax, together again."""
    s, draw = g.s, g.draw
    x, shape, _ = g.pick(ranks=[3])
    b, t, e = shape
    if 0 in shape:
        raise NotDefined("empty")
    h, d = draw.integer(1, 3), draw.pick([2, 4, 8])

    def part(perm):
        y = s.node("MatMul", [x, g.constant((e, h * d))])[0]
        if draw.chance(0.5):
            y = s.node("Add", [y, g.constant((h * d,))])[0]
        y = s.node("Reshape", [y, s.operand(np.array([0, 0, h, d], np.int64), True)])[0]
        return s.node("Transpose", [y], {"perm": perm})[0]

    q, k, v = part([0, 2, 1, 3]), part([0, 2, 3, 1]), part([0, 2, 1, 3])
    scores = s.node("MatMul", [q, k])[0]
    scale = float(d) ** 0.5
    scores = s.node("Div", [scores, s.operand(np.float32(scale), True)])[0] if draw.chance(0.5) else s.node("Mul", [scores, s.operand(np.float32(1 / scale), True)])[0]
    if draw.chance(0.4):
        mask = np.where(draw.array("bool", draw.pick([(t, t), (b, 1, 1, t), (1, 1, t, t)])), np.float32(0), np.float32(-1e4)).astype(np.float32)
        scores = s.node("Add", [scores, s.operand(mask)])[0]
    p = s.node("Softmax", [scores], {"axis": 3 if s.opset < 13 else -1})[0]
    y = s.node("Transpose", [s.node("MatMul", [p, v])[0]], {"perm": [0, 2, 1, 3]})[0]
    y = s.node("Reshape", [y, s.operand(np.array([0, 0, h * d], np.int64), True)])[0]
    g.add(y, (b, t, h * d))
    s.tolerance = max(s.tolerance, 1e-4)


def conv(g):
    """Convolution with what stands around it in models: pad, normalisation, activation, residual."""
    s, draw = g.s, g.draw
    x, shape, _ = g.pick(ranks=[4, 3])
    if 0 in shape or min(shape[2:]) < 1:
        raise NotDefined("empty")
    c, spatial = shape[1], list(shape[2:])
    k = draw.pick([1, 3, 5, 2])
    pad = k // 2
    stride = draw.pick([1, 1, 2])
    depthwise = draw.chance(0.3)
    out = c if depthwise or draw.chance(0.3) else draw.pick([1, 3, 8, 16, 17, 24])
    group = c if depthwise else 1
    if draw.chance(0.15) and pad and s.opset >= 11:
        pads = [0, 0] + [pad] * len(spatial)
        x = s.node("Pad", [x, s.operand(np.array(pads * 2, np.int64), True)])[0]
        pads_attr = [0] * (2 * len(spatial))
    else:
        pads_attr = [pad] * (2 * len(spatial))
    sizes = [(d + 2 * pad - k) // stride + 1 for d in spatial]
    if min(sizes) < 1:
        raise NotDefined("small")
    operands = [x, g.constant((out, c // group) + (k,) * len(spatial))] + ([g.constant((out,))] if draw.chance(0.5) else [])
    y = s.node("Conv", operands, {"pads": pads_attr, "strides": [stride] * len(spatial), "group": group})[0]
    result = (shape[0], out, *sizes)
    if draw.chance(0.2):
        g.add(y, result)
    if draw.chance(0.5):
        y = s.node("BatchNormalization", [y, g.constant((out,)), g.constant((out,)), g.constant((out,)), g.constant((out,), 0.2, 2)])[0]
    if draw.chance(0.3):
        same = [v for v in g.values if v[1] == result]
        y = s.node("Add", [y, draw.pick(same)[0] if same else g.constant((1, out) + (1,) * len(spatial))])[0]
    if draw.chance(0.6):
        op = draw.pick(["Relu", "LeakyRelu", "Sigmoid", "Clip", "HardSwish", "Swish", "PRelu"])
        if op == "Clip":
            y = s.call("Clip", {"X": y, "min": np.float32(0), "max": np.float32(6)})[0]
        elif op == "HardSwish" and s.opset < 14 or op == "Swish":
            y = s.node("Mul", [y, s.node("Sigmoid", [y])[0]])[0]
        elif op == "PRelu":
            y = s.node("PRelu", [y, g.constant((out,) + (1,) * len(spatial))])[0]
        else:
            y = s.node(op, [y])[0]
    g.add(y, result)
    s.tolerance = max(s.tolerance, 1e-4)


def pool(g):
    x, shape, _ = g.pick(ranks=[4, 3, 5])
    if 0 in shape:
        raise NotDefined("empty")
    op = g.draw.pick(["MaxPool", "AveragePool", "GlobalAveragePool"])
    spatial = shape[2:]
    if op == "GlobalAveragePool":
        return g.node(op, [x], {}, shape[:2] + (1,) * len(spatial))
    k = [min(2, d) for d in spatial]
    stride = g.draw.integer(1, 2)
    g.node(op, [x], {"kernel_shape": k, "strides": [stride] * len(k)}, shape[:2] + tuple((d - a) // stride + 1 for d, a in zip(spatial, k)))


def norm(g):
    """Layer normalisation as one node or spelt out; softmax; batch normalisation alone."""
    s, draw = g.s, g.draw
    x, shape, _ = g.pick(ranks=range(2, 5))
    if 0 in shape:
        raise NotDefined("empty")
    kind = draw.pick(["spelt", "rms", "layer", "softmax", "batch", "instance"])
    s.tolerance = max(s.tolerance, 1e-3)
    last = shape[-1]
    mean = lambda v: (s.node("ReduceMean", [v], {"axes": [-1], "keepdims": 1}) if s.opset < 18 else s.node("ReduceMean", [v, s.operand(np.array([-1], np.int64), True)], {"keepdims": 1}))[0]  # noqa: E731
    two = s.operand(np.float32(2), True)
    if kind == "spelt":
        centred = s.node("Sub", [x, mean(x)])[0]
        square = s.node("Pow", [centred, two])[0] if draw.chance(0.5) else s.node("Mul", [centred, centred])[0]
        deviation = s.node("Sqrt", [s.node("Add", [mean(square), s.operand(np.float32(1e-2), True)])[0]])[0]
        y = s.node("Div", [centred, deviation])[0]
        y = s.node("Mul", [y, g.constant((last,))])[0]
        if draw.chance(0.7):
            y = s.node("Add", [y, g.constant((last,))])[0]
    elif kind == "rms":
        deviation = s.node("Sqrt", [s.node("Add", [mean(s.node("Pow", [x, two])[0]), s.operand(np.float32(1e-2), True)])[0]])[0]
        y = s.node("Mul", [x, s.node("Reciprocal", [deviation])[0]])[0] if draw.chance(0.5) else s.node("Div", [x, deviation])[0]
        y = s.node("Mul", [g.constant((last,)), y])[0]
    elif kind == "layer" and s.opset >= 17:
        y = s.node("LayerNormalization", [x, g.constant((last,)), g.constant((last,))], {"axis": -1, "epsilon": 1e-2})[0]
    elif kind == "batch":
        c = shape[1]
        y = s.node("BatchNormalization", [x, g.constant((c,)), g.constant((c,)), g.constant((c,)), g.constant((c,), 0.2, 2)])[0]
    elif kind == "instance" and len(shape) >= 3:
        c = shape[1]
        y = s.node("InstanceNormalization", [x, g.constant((c,)), g.constant((c,))], {"epsilon": 1e-2})[0]
    else:
        y = s.node("Softmax", [x], {"axis": len(shape) - 1})[0]
    g.add(y, shape)


def gelu(g):
    s = g.s
    x, shape, _ = g.pick()
    half, one = s.operand(np.float32(0.5), True), s.operand(np.float32(1), True)
    if s.opset < 9:
        raise NotDefined("Erf")
    e = s.node("Add", [s.node("Erf", [s.node("Div", [x, s.operand(np.float32(2**0.5), True)])[0]])[0], one])[0]
    y = s.node("Mul", [s.node("Mul", [x, e])[0], half])[0] if g.draw.chance(0.5) else s.node("Mul", [s.node("Mul", [x, half])[0], e])[0]
    g.add(y, shape)


def gather(g):
    x, shape, _ = g.pick(ranks=range(1, 5))
    axis = g.draw.integer(0, len(shape) - 1)
    if shape[axis] == 0:
        raise NotDefined("empty")
    at = g.draw.shape(0, 2, zero=0, limit=9)
    indices = g.s.operand(g.draw.array("int64", at, 0, shape[axis] - 1))
    out = shape[:axis] + tuple(at) + shape[axis + 1 :]
    if np.prod(out) > 20000:
        raise NotDefined("large")
    g.node("Gather", [x, indices], {"axis": axis}, out)


def expand(g):
    x, shape, _ = g.pick(ranks=range(0, 4))
    if g.s.opset < 8:
        raise NotDefined("Expand")
    lead = g.draw.integer(1, 3)
    if np.prod(shape) * lead > 20000:
        raise NotDefined("large")
    g.node("Expand", [x, g.s.operand(np.array([lead, *shape], np.int64), True)], {}, (lead, *shape))


def where(g):
    x, shape, _ = g.pick()
    if g.s.opset < 9:
        raise NotDefined("Where")
    condition = g.s.operand(g.draw.array("bool", g.draw.split_shape(shape)))
    g.node("Where", [condition, x, g.constant(g.draw.split_shape(shape))], {}, shape)


def cast(g):
    x, shape, _ = g.pick()
    y = g.s.node("Cast", [x], {"to": g.draw.pick([10, 11, 1])})[0]
    g.node("Cast", [y], {"to": 1}, shape)
    g.s.tolerance = max(g.s.tolerance, 4e-3)


def dynamic(g):
    """A value whose dimensions follow from values: everything behind it has unknown extents."""
    s = g.s
    x, shape, _ = g.pick(ranks=range(1, 4))
    if s.opset < 11:
        raise NotDefined("Compress")
    axis = g.draw.integer(0, len(shape) - 1)
    keep = g.draw.array("bool", (shape[axis],))
    out = list(shape)
    out[axis] = int(keep.sum())
    g.node("Compress", [x, s.operand(keep, False)], {"axis": axis}, out)


STEPS = {
    smooth: 6, binary: 7, divide: 1, transpose: 3, reshape: 2, shape_reshape: 1, unsqueeze: 1.5, concat: 2, split: 2, slice_: 2, reduce: 2, matmul: 3, product: 1.5, heads: 2,
    conv: 6, pool: 2, norm: 3, gelu: 1, gather: 1.5, expand: 1, where: 1, cast: 0.7, dynamic: 1,
}  # fmt: skip


def graph(s):
    draw = s.draw
    g = Graph(s)
    kind = draw.pick(["any", "image", "tokens"])
    for _ in range(draw.integer(1, 3)):
        if kind == "image":
            shape = (draw.integer(1, 2), draw.pick([1, 3, 8, 16, 17]), draw.integer(2, 14), draw.integer(2, 14))
        elif kind == "tokens":
            shape = (draw.integer(1, 2), draw.integer(1, 9), draw.pick([4, 8, 16, 33]))
        else:
            shape = draw.shape(0, 5, limit=2000)
        g.feed(shape)
    weights = np.array(list(STEPS.values()))
    steps = list(STEPS)
    s.tolerance, s.absolute, s.label = 2e-5, 1e-6, "graph"
    target, tries = draw.integer(3, 12), 0
    while len(s.nodes) < target and tries < 40:
        tries += 1
        before = (len(s.nodes), len(g.values), len(s.initializers), len(s.inputs))
        try:
            steps[int(draw.rng.choice(len(steps), p=weights / weights.sum()))](g)
        except NotDefined:
            del s.nodes[before[0] :], g.values[before[1] :], s.initializers[before[2] :]
            for info in s.inputs[before[3] :]:
                s.feeds.pop(info.name)
            del s.inputs[before[3] :]
    made = [n for n in g.values if n[0] not in s.feeds]
    if not made:
        raise NotDefined("no nodes")
    s.output([made[-1][0]])
    for name, _, _ in draw.sample(made, draw.integer(0, 2)):
        s.output([name])
    if draw.chance(0.1):
        s.output([Name(next(iter(s.feeds)))])


FAMILY = {graph: 1}
