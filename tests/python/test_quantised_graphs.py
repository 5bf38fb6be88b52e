"""Random small graphs of quantised operators on the CPU device: at most one step of the output away from the reference
device, which computes every node by itself in floats."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oriel import ort

BYTES = (np.uint8, np.int8)
DQ, Q = "DequantizeLinear", "QuantizeLinear"


class Builder:
    """A graph in the making; every value of bytes has its real range in mind, so that little saturates."""

    def __init__(self, rng, opset=21):
        self.rng, self.opset = rng, opset
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []
        self.count = 0

    def name(self, hint):
        self.count += 1
        return f"{hint}{self.count}"

    def constant(self, array, hint="c"):
        name = self.name(hint)
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def small(self, array, kind):
        """A constant of a type that numpy does not have."""
        name = self.name("c")
        self.constants.append(helper.make_tensor(name, kind, array.shape, np.asarray(array).ravel().tolist()))
        return name

    def call(self, op, inputs, outputs=1, domain="", **attributes):
        names = [self.name("v") for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=self.name(op.lower()), domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def parameters(self, dtype, scale=None):
        info = np.iinfo(dtype)
        zero = int(self.rng.integers(info.min + 40, info.max - 40)) if self.rng.random() < 0.7 else info.min
        scale = self.rng.uniform(0.01, 0.05) if scale is None else scale
        return self.constant(np.float32(scale)), self.constant(dtype(zero))

    def input(self, shape, dtype):
        name = self.name("x")
        self.inputs.append((name, tuple(shape), dtype))
        return name

    def real_input(self, shape, dtype=None):
        """The real form of an input of bytes."""
        dtype = dtype or self.rng.choice(BYTES)
        return self.call(DQ, [self.input(shape, dtype), *self.parameters(dtype)])

    def through(self, real, scale=None, dtype=None):
        """QuantizeLinear and back."""
        parameters = self.parameters(dtype or self.rng.choice(BYTES), scale)
        return self.call(DQ, [self.call(Q, [real, *parameters]), *parameters])

    def weights(self, shape, axis, dtype=np.int8, per_channel=True, zero=False):
        info = np.iinfo(dtype)
        q = self.rng.integers(info.min, info.max + 1, shape).astype(dtype)
        count = (shape[axis],) if per_channel else ()
        scale = self.constant(self.rng.uniform(0.002, 0.01, count).astype(np.float32))
        zeros = self.rng.integers(info.min // 8, info.max // 8 + 1, count) if zero else np.zeros(count)
        if dtype == np.uint8:
            zeros = zeros + 128
        return self.call(DQ, [self.constant(q), scale, self.constant(zeros.astype(dtype))], axis=axis)

    def bias(self, count):
        if self.rng.random() < 0.5:
            return self.constant(self.rng.normal(0, 0.5, count).astype(np.float32))
        q = self.rng.integers(-2000, 2000, count).astype(np.int32)
        scale = self.rng.uniform(1e-4, 4e-4, count).astype(np.float32)
        return self.call(DQ, [self.constant(q), self.constant(scale), self.constant(np.zeros(count, np.int32))], axis=0)

    def output(self, real, scale=None, dtype=None):
        """A result of bytes."""
        dtype = dtype or self.rng.choice(BYTES)
        self.outputs.append(self.call(Q, [real, *self.parameters(dtype, scale)]))

    def model(self):
        graph = helper.make_graph(
            self.nodes,
            "quantised",
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.dtype(t)), s) for n, s, t in self.inputs],
            [onnx.ValueInfoProto(name=n) for n in self.outputs],
            self.constants,
        )
        imports = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()

    def feeds(self):
        feeds = {}
        for name, shape, dtype in self.inputs:
            if np.dtype(dtype).kind == "f":
                feeds[name] = self.rng.normal(0, 1, shape).astype(dtype)
            else:
                info = np.iinfo(dtype)
                feeds[name] = self.rng.integers(info.min, info.max + 1, shape).astype(dtype)
        return feeds


def run(builder, steps=1, tolerance=1e-5):
    """Results within `steps` of the reference device; the kernels that ran."""
    model, feeds = builder.model(), builder.feeds()
    device = ort.InferenceSession(model, providers=["OpenVINOExecutionProvider"])
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    oracle = ort.InferenceSession(model, options, providers=[("CPUExecutionProvider", {"device": "REFERENCE"})])
    listed = device._session.steps()
    assert all(step["device"] != "REFERENCE" for step in listed)
    for ours, theirs in zip(device.run(None, feeds), oracle.run(None, feeds), strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        if ours.dtype.kind == "f":
            assert np.abs(ours - theirs).max(initial=0) <= tolerance * np.abs(theirs).max(initial=1e-30)
        else:
            difference = np.abs(ours.astype(int) - theirs.astype(int))
            assert difference.max(initial=0) <= steps
            # Ties and neighbours of them alone may differ.
            if steps == 1:
                assert (difference > 0).mean() < 0.51 if difference.size else True
    return [step["kernel"] for step in listed]


def size(rng, low, high):
    return int(rng.integers(low, high + 1))


def without_islands(kernels):
    """No conversion between bytes and floats is left."""
    assert not {"dequantize", "quantize"} & set(kernels), kernels


@pytest.mark.parametrize("seed", range(12))
def test_convolution(seed):
    rng = np.random.default_rng(seed)
    b = Builder(rng)
    groups = int(rng.choice([1, 1, 2]))
    depthwise = seed % 4 == 3
    channels = size(rng, 1, 40) * groups
    features = channels if depthwise else size(rng, 1, 40) * groups
    groups = channels if depthwise else groups
    x = b.real_input((size(rng, 1, 2), channels, size(rng, 5, 13), size(rng, 5, 13)))
    dtype = rng.choice(BYTES)
    w = b.weights((features, channels // groups, 3, 3), 0, dtype, bool(rng.random() < 0.7), zero=dtype == np.int8 and seed % 5 == 0)
    y = b.call("Conv", [x, w, b.bias(features)], pads=[1, 1, 1, 1], strides=[size(rng, 1, 2)] * 2, group=groups)
    activation = rng.choice(["", "Relu", "Clip", "LeakyRelu", "Sigmoid"])
    if activation == "Clip":
        y = b.call("Clip", [y, b.constant(np.float32(-0.3)), b.constant(np.float32(1.7))])
    elif activation:
        y = b.call(activation, [y])
    b.output(y, scale=0.1)
    without_islands(run(b))


@pytest.mark.parametrize("seed", range(8))
def test_scales_by_channel(seed):
    """A scale a channel between a convolution and a depthwise one, as some tools choose it."""
    rng = np.random.default_rng(700 + seed)
    b = Builder(rng)
    channels, times = size(rng, 2, 40), 1 + seed % 2
    x = b.real_input((size(rng, 1, 2), size(rng, 1, 20), size(rng, 5, 9), size(rng, 5, 9)))
    inputs = b.inputs[0][1][1]
    y = b.call("Conv", [x, b.weights((channels, inputs, 1, 1), 0, per_channel=bool(seed % 3)), b.bias(channels)])
    activation = ("", "Relu", "Clip", "Clip")[seed % 4]
    # With the last one the bound lies inside what bytes can say.
    bound = 1.7 if seed % 4 == 2 else 0.9
    if activation == "Clip":
        y = b.call("Clip", [y, b.constant(np.float32(0)), b.constant(np.float32(bound))])
    elif activation:
        y = b.call(activation, [y])
    scales = rng.uniform(0.3, 1.0, channels).astype(np.float32) * np.float32(1.7 / 255)
    parameters = [b.constant(scales), b.constant(np.zeros(channels, np.uint8))]
    y = b.call(DQ, [b.call(Q, [y, *parameters], axis=-3), *parameters], axis=1)
    w = b.weights((channels * times, 1, 3, 3), 0)
    b.output(b.call("Conv", [y, w, b.bias(channels * times)], pads=[1, 1, 1, 1], group=channels), scale=0.1)
    kernels = run(b)
    if seed % 4 != 3:
        without_islands(kernels)


@pytest.mark.parametrize("channels", (16, 32, 24))
@pytest.mark.parametrize("op", ("Mul", "Add", "Div"))
def test_one_value_a_channel(channels, op):
    """What squeeze-and-excitation does: a product of a tensor with one value for each of its channels."""
    rng = np.random.default_rng(800 + channels)
    b = Builder(rng)
    x = b.real_input((2, channels, size(rng, 1, 21), size(rng, 1, 21)), np.uint8)
    y = b.through(b.call("Conv", [x, b.weights((channels, channels, 1, 1), 0), b.bias(channels)]), 0.05, np.uint8)
    gate = b.through(b.call("GlobalAveragePool", [y]), 0.02, np.uint8)
    gate = b.call("Conv", [gate, b.weights((channels, channels, 1, 1), 0), b.bias(channels)])
    gate = b.through(b.call("Sigmoid", [gate]), 1 / 255, np.uint8)
    if op == "Div":
        gate = b.through(b.call("Add", [gate, b.constant(np.float32(1))]), 0.01, np.uint8)
    z = b.through(b.call(op, [y, gate] if channels == 32 else [gate, y]), 0.05, np.uint8)
    b.output(b.call("Conv", [z, b.weights((7, channels, 1, 1), 0), b.bias(7)]), scale=0.1)
    without_islands(run(b, steps=2))


@pytest.mark.parametrize("seed", range(10))
def test_residual(seed):
    """Conv and other bytes meet in an Add; the rounding between may go, the saturation may not."""
    rng = np.random.default_rng(100 + seed)
    b = Builder(rng)
    channels = size(rng, 3, 40)
    x = b.real_input((1, channels, size(rng, 3, 9), size(rng, 3, 9)))
    w = b.weights((channels, channels, 1, 1), 0)
    y = b.call("Conv", [x, w, b.bias(channels)])
    if seed % 3 == 1:
        y = b.call("Relu", [y])
    # Steps so small that the convolution saturates.
    y = b.through(y, scale=float(rng.choice([0.004, 0.02])))
    z = b.call("Add", [x, y] if seed % 2 else [y, x])
    if seed % 3 == 2:
        z = b.call("Relu", [z])
    b.output(z, scale=float(rng.choice([0.02, 0.05])))
    kernels = run(b)
    without_islands(kernels)
    assert "quantised_binary" not in kernels


def test_residual_of_two_convolutions():
    rng = np.random.default_rng(7)
    b = Builder(rng)
    x = b.real_input((2, 24, 7, 5), np.uint8)
    left = b.through(b.call("Conv", [x, b.weights((17, 24, 1, 1), 0)]), scale=0.02)
    right = b.through(b.call("Conv", [x, b.weights((17, 24, 3, 3), 0)], pads=[1, 1, 1, 1]), scale=0.03)
    total = b.through(b.call("Add", [left, right]), scale=0.04)
    b.output(b.call("Conv", [total, b.weights((5, 17, 1, 1), 0)]), scale=0.05)
    b.output(b.call("Neg", [total]), scale=0.04)
    # One step of the sum is more than one of what follows.
    without_islands(run(b, steps=3))


@pytest.mark.parametrize("seed", range(12))
def test_product(seed):
    rng = np.random.default_rng(200 + seed)
    b = Builder(rng)
    m, k, n = size(rng, 1, 19), size(rng, 1, 70), size(rng, 1, 50)
    dtype = rng.choice(BYTES)
    gemm = seed % 2 == 0
    x = b.real_input((m, k) if gemm else (2, m, k))
    if gemm:
        transposed = int(rng.integers(0, 2))
        w = b.weights((n, k) if transposed else (k, n), 1 - transposed, dtype, bool(rng.random() < 0.7), zero=seed % 3 == 0)
        y = b.call("Gemm", [x, w, b.bias(n)], transB=transposed, alpha=0.5, beta=2.0)
    else:
        w = b.weights((k, n), 1, dtype, bool(rng.random() < 0.7), zero=seed % 3 == 0)
        y = b.call("MatMul", [x, w])
        if rng.random() < 0.7:
            y = b.call("Add", [y, b.bias(n)])
    activation = rng.choice(["", "Relu", "Clip"])
    if activation:
        limits = [b.constant(np.float32(-0.4)), b.constant(np.float32(0.9))] if activation == "Clip" else []
        y = b.call(activation, [y, *limits])
    if seed % 4 == 1:
        b.outputs.append(y)
        kernels = run(b)
    else:
        b.output(y, scale=0.05)
        kernels = run(b)
    without_islands(kernels)
    assert "gemm_i8" in kernels


@pytest.mark.parametrize("seed", range(8))
def test_run_time_product(seed):
    """Scores and the like: both operands come from the run; batches broadcast."""
    rng = np.random.default_rng(300 + seed)
    b = Builder(rng)
    m, k, n = size(rng, 1, 9), size(rng, 1, 40), size(rng, 1, 40)
    left, right = [((2, 3), (2, 3)), ((1, 3), (2, 1)), ((2,), ()), ((), (4,))][seed % 4]
    x = b.real_input((*left, m, k))
    y = b.real_input((*right, k, n))
    b.output(b.call("MatMul", [x, y]), scale=0.1)
    kernels = run(b)
    without_islands(kernels)
    assert "gemm_i8" in kernels


def test_attention_block():
    rng = np.random.default_rng(5)
    b = Builder(rng)
    x = b.through(b.real_input((1, 7, 24), np.uint8), scale=0.02)
    heads = []
    for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
        y = b.through(b.call("Add", [b.call("MatMul", [x, b.weights((24, 24), 1)]), b.bias(24)]), scale=0.05)
        y = b.call("Reshape", [y, b.constant(np.array([1, 7, 4, 6]))])
        heads.append(b.call("Transpose", [y], perm=order))
    scores = b.through(b.call("MatMul", heads[:2]), scale=0.1)
    weights = b.through(b.call("Softmax", [scores], axis=-1), scale=1 / 256, dtype=np.int8)
    y = b.through(b.call("MatMul", [weights, heads[2]]), scale=0.05)
    y = b.call("Reshape", [b.call("Transpose", [y], perm=[0, 2, 1, 3]), b.constant(np.array([1, 7, 24]))])
    b.output(b.call("MatMul", [y, b.weights((24, 9), 1)]), scale=0.05)
    # Three roundings follow one another.
    without_islands(run(b, steps=3))


MOVES = [
    ("Reshape", [np.array([2, -1])], {}),
    ("Transpose", [], {"perm": [0, 2, 3, 1]}),
    ("Flatten", [], {"axis": 2}),
    ("Squeeze", [np.array([0])], {}),
    ("Unsqueeze", [np.array([1, 5])], {}),
    ("Slice", [np.array([1, 0]), np.array([3, 9]), np.array([2, 1]), np.array([1, 2])], {}),
    ("Pad", [np.array([0, 0, 1, 2, 0, 0, 0, 1])], {}),
    ("Pad", [np.array([0, 0, 1, 2, 0, 0, 0, 1])], {"mode": "edge"}),
    ("DepthToSpace", [], {"blocksize": 2}),
    ("SpaceToDepth", [], {"blocksize": 2}),
    ("Gather", [np.array([3, 0, 0])], {"axis": 1}),
    ("MaxPool", [], {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 1]}),
    ("GlobalMaxPool", [], {}),
    ("Tile", [np.array([1, 2, 1, 1])], {}),
    ("Expand", [np.array([3, 8, 6, 4])], {}),
    ("Resize", [None, np.array([1, 1, 2, 3], np.float32)], {"mode": "nearest"}),
    ("ReduceMax", [np.array([2, 3])], {"keepdims": 1}),
]


@pytest.mark.parametrize("dtype", BYTES)
@pytest.mark.parametrize("op, operands, attributes", MOVES, ids=[f"{m[0]}{i}" for i, m in enumerate(MOVES)])
@pytest.mark.parametrize("same", [True, False])
def test_moves(rng, dtype, op, operands, attributes, same):
    b = Builder(rng)
    parameters = b.parameters(dtype)
    x = b.call(DQ, [b.input((1, 8, 6, 4), dtype), *parameters])
    y = b.call(op, [x, *("" if v is None else b.constant(v) for v in operands)], **attributes)
    b.outputs.append(b.call(Q, [y, *(parameters if same else b.parameters(dtype, 0.06))]))
    kernels = run(b, steps=0 if same else 1)
    without_islands(kernels)
    assert ("byte_table" in kernels) != same


def test_split_and_concat(rng):
    b = Builder(rng)
    parameters = b.parameters(np.uint8)
    x = b.call(DQ, [b.input((2, 48, 3, 3), np.uint8), *parameters])
    left, right = b.call("Split", [x, b.constant(np.array([32, 16]))], outputs=2, axis=1)
    left = b.through(b.call("Conv", [left, b.weights((16, 32, 1, 1), 0)]), scale=0.05)
    b.output(b.call("Concat", [right, left, right], axis=1), scale=0.05)
    without_islands(run(b))


@pytest.mark.parametrize("seed", range(8))
def test_averages(seed):
    rng = np.random.default_rng(400 + seed)
    b = Builder(rng)
    x = b.real_input((2, size(rng, 1, 4) * 16 if seed == 3 else size(rng, 1, 40), 9, 7))
    op, operands, attributes = [
        ("GlobalAveragePool", [], {}),
        ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("AveragePool", [], {"kernel_shape": [2, 3], "strides": [2, 2], "pads": [0, 1, 1, 1]}),
        ("ReduceMean", [np.array([2, 3])], {"keepdims": 0}),
        ("ReduceMean", [np.array([-1, -2])], {"keepdims": 1}),
        ("AveragePool", [], {"kernel_shape": [3, 3], "ceil_mode": 1, "strides": [2, 2]}),
    ][seed % 6]
    y = b.call(op, [x, *(b.constant(v) for v in operands)], **attributes)
    if seed < 6:
        b.output(y, scale=0.01)
    else:
        b.outputs.append(y)
    without_islands(run(b))


@pytest.mark.parametrize("op", ["Sigmoid", "HardSwish", "Gelu", "LeakyRelu", "Tanh", "Elu", "Erf", "Softplus"])
@pytest.mark.parametrize("dtype", BYTES)
def test_functions_of_a_byte(rng, op, dtype):
    b = Builder(rng)
    b.output(b.call(op, [b.real_input((3, 5, 7), dtype)]), scale=0.02)
    kernels = run(b, steps=0)
    assert set(kernels) == {"byte_table"}


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", BYTES)
def test_softmax(rng, axis, dtype):
    b = Builder(rng)
    shape = {0: (3, 11, 5), 1: (3, 300, 5), -1: (3, 2, 197)}[axis]
    b.output(b.call("Softmax", [b.real_input(shape, dtype)], axis=axis), scale=1 / 256 / shape[axis] * 8, dtype=rng.choice(BYTES))
    assert set(run(b)) == {"byte_softmax"}


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Max", "Div"])
@pytest.mark.parametrize("other", [(2, 16, 5, 7), (16, 1, 1), (1,)])
def test_two_operands(rng, op, other):
    b = Builder(rng)
    x, y = b.real_input((2, 16, 5, 7)), b.real_input(other)
    if op == "Div":
        y = b.through(b.call("Exp", [b.call("Mul", [y, b.constant(np.float32(0.2))])]), scale=0.02, dtype=np.uint8)
        b.output(b.call("Max", [y, b.through(b.call("Abs", [x]), scale=0.04)]), scale=0.05)
    b.output(b.call("Add" if op == "Div" else op, [x, y]), scale=0.05)
    without_islands(run(b))


@pytest.mark.parametrize("shape", [(), (16, 1, 1), (2, 16, 5, 7)])
def test_constant_operand(rng, shape):
    b = Builder(rng)
    dtype = rng.choice(BYTES)
    constant = b.constant(rng.integers(0, 120, shape).astype(dtype))
    y = b.call(DQ, [constant, *b.parameters(dtype)])
    b.output(b.call("Mul", [y, b.real_input((2, 16, 5, 7))]), scale=0.05)
    kernels = run(b)
    without_islands(kernels)
    assert ("byte_table" in kernels) == (shape == ())


def test_clamps_that_saturation_repeats(rng):
    b = Builder(rng)
    y = b.call("Conv", [b.real_input((1, 5, 6, 6)), b.weights((7, 5, 1, 1), 0)])
    y = b.call("Clip", [y, b.constant(np.float32(0)), b.constant(np.float32(6))])
    y = b.call("Relu", [b.call("Transpose", [y], perm=[0, 2, 3, 1])])
    b.outputs.append(b.call(Q, [y, b.constant(np.float32(6 / 255)), b.constant(np.uint8(0))]))
    kernels = run(b)
    without_islands(kernels)
    assert len([k for k in kernels if k != "reorder"]) == 2  # the convolution and the transpose


@pytest.mark.parametrize("seed", range(12))
def test_products_with_weights_of_few_bits(seed):
    """Only the weights are quantised, by column, in blocks or as a whole."""
    rng = np.random.default_rng(600 + seed)
    b = Builder(rng)
    m, k, n = [1, 3, 9][seed % 3], size(rng, 1, 6) * 16, size(rng, 1, 70)
    kind = [TensorProto.INT4, TensorProto.UINT4, TensorProto.INT8, TensorProto.UINT8][seed % 4]
    bits = 4 if seed % 4 < 2 else 8
    low = -(1 << (bits - 1)) if seed % 2 == 0 else 0
    gemm = seed % 3 == 1
    shape = (n, k) if gemm else (k, n)
    columns = 0 if gemm else 1
    block = 16 if seed % 2 else 0
    if block:
        scales = tuple(-(-d // block) if i != columns else d for i, d in enumerate(shape))
    else:
        scales = () if seed == 4 else (n,)

    def small(dims):
        values = rng.integers(low, low + (1 << bits), dims)
        return b.small(values, kind)

    attributes = {"axis": 1 - columns if block else columns} | ({"block_size": block} if block else {})
    w = b.call(DQ, [small(shape), b.constant(rng.uniform(0.01, 0.1, scales).astype(np.float32)), small(scales)], **attributes)
    name = b.name("x")
    b.inputs.append((name, (m, k), np.float32))
    y = b.call("Gemm", [name, w, b.bias(n)], transB=1, alpha=0.5) if gemm else b.call("MatMul", [name, w])
    if seed % 3 == 2:
        y = b.call("Relu", [b.call("Add", [y, b.constant(rng.normal(0, 1, n).astype(np.float32))])])
    b.outputs.append(y)
    assert run(b) == ["gemm_weight_only"]


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("m", [1, 7])
def test_matmul_nbits(rng, bits, zeros, m):
    b = Builder(rng)
    k, n, block = 50, 37, 16
    blocks = -(-k // block)
    name = b.name("x")
    b.inputs.append((name, (2, m, k), np.float32))
    w = b.constant(rng.integers(0, 256, (n, blocks, block * bits // 8)).astype(np.uint8))
    operands = [name, w, b.constant(rng.uniform(0.01, 0.1, n * blocks).astype(np.float32))]
    if zeros:
        operands.append(b.constant(rng.integers(0, 256, n * -(-blocks * bits // 8)).astype(np.uint8)))
    b.outputs.append(b.call("MatMulNBits", operands, domain="com.microsoft", K=k, N=n, bits=bits, block_size=block))
    assert run(b) == ["gemm_weight_only"]


@pytest.mark.parametrize("seed", range(10))
def test_dynamic_products(seed):
    """DynamicQuantizeLinear, MatMulInteger, Cast and Mul run as the quantiser and one product."""
    rng = np.random.default_rng(500 + seed)
    b = Builder(rng)
    k, n = size(rng, 1, 60), size(rng, 1, 60)
    shape = [(5, k), (2, 3, k), (1, k)][seed % 3]
    name = b.name("x")
    b.inputs.append((name, shape, np.float32))
    q, scale, zero = b.call("DynamicQuantizeLinear", [name], outputs=3)
    dtype = rng.choice(BYTES)
    per_column = seed % 2 == 0
    w = b.constant(rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, (k, n)).astype(dtype))
    w_zero = b.constant(rng.integers(0, 60, n if per_column else ()).astype(dtype))
    w_scale = b.constant(rng.uniform(0.001, 0.01, n if per_column else ()).astype(np.float32))
    sums = b.call("Cast", [b.call("MatMulInteger", [q, w, zero, w_zero])], to=TensorProto.FLOAT)
    y = b.call("Mul", [sums, b.call("Mul", [scale, w_scale])])
    if seed % 3:
        y = b.call("Add", [b.constant(rng.normal(0, 1, n).astype(np.float32)), y])
    if seed % 4 == 1:
        y = b.call("Gelu", [y])
    b.outputs.append(y)
    kernels = run(b)
    assert sorted(kernels) == ["gemm_i8", "quantize"]


@pytest.mark.parametrize("seed", range(10))
def test_dynamic_convolutions(seed):
    """The same around ConvInteger: scale and zero point of the input are those of the run."""
    rng = np.random.default_rng(700 + seed)
    b = Builder(rng)
    depthwise = seed % 3 == 2
    channels = size(rng, 1, 40)
    features = channels if depthwise else size(rng, 1, 40)
    name = b.name("x")
    b.inputs.append((name, (size(rng, 1, 2), channels, 9, 7), np.float32))
    q, scale, zero = b.call("DynamicQuantizeLinear", [name], outputs=3)
    dtype = rng.choice(BYTES)
    info = np.iinfo(dtype)
    w = b.constant(rng.integers(info.min, info.max + 1, (features, 1 if depthwise else channels, 3, 3)).astype(dtype))
    w_zero = b.constant(dtype(0 if seed % 2 else 9))
    w_scale = b.constant(np.float32(0.004))
    y = b.call("ConvInteger", [q, w, zero, w_zero], pads=[1, 0, 1, 1], strides=[1, 2], group=channels if depthwise else 1)
    y = b.call("Mul", [b.call("Cast", [y], to=TensorProto.FLOAT), b.call("Mul", [scale, w_scale])])
    if seed % 2:
        y = b.call("Add", [y, b.constant(rng.normal(0, 1, (1, features, 1, 1)).astype(np.float32))])
    if seed % 4 == 1:
        y = b.call("Relu", [y])
    b.outputs.append(y)
    kernels = run(b)
    assert len([k for k in kernels if k != "reorder"]) == 2
