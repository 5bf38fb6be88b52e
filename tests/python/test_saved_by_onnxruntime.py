"""Models that onnxruntime has optimised and saved: its fused operators, and its blocked layouts."""

import numpy as np
import onnx
import pytest
from one_node import assert_same
from onnx import TensorProto, helper, numpy_helper

onnxruntime = pytest.importorskip("onnxruntime")
from oriel import ort

LEVELS = {
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


class Net:
    """Builds a model of f32 node by node; weights are drawn."""

    def __init__(self, rng, **inputs):
        self.rng = rng
        self.nodes = []
        self.weights = {}
        self.inputs = inputs

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights[name] = np.asarray(array)
        return name

    def add(self, op, *operands, **attributes):
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(operands), [name], **attributes))
        return name

    def conv(self, x, into, of, kernel=(3, 3), group=1, bias=True, **attributes):
        shape = (into, of // group, *kernel)
        operands = [self.constant((self.rng.normal(0, 1, shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32))]
        if bias:
            operands.append(self.constant(self.rng.normal(0, 1, into).astype(np.float32)))
        attributes.setdefault("pads", [kernel[0] // 2, kernel[1] // 2] * 2)
        return self.add("Conv", x, *operands, group=group, kernel_shape=kernel, **attributes)

    def model(self, *outputs):
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in self.inputs.items()],
            [onnx.ValueInfoProto(name=o) for o in outputs],
            [numpy_helper.from_array(v, n) for n, v in self.weights.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def mobile(net):
    """Odd channel counts, depthwise and grouped convolutions, squeeze and excite, a residual, hard functions."""
    x = net.add("HardSwish", net.conv("x", 20, 3, strides=[2, 2]))
    x = net.add("Relu", net.conv(x, 20, 20, group=20))
    squeezed = net.conv(net.add("GlobalAveragePool", x), 6, 20, kernel=(1, 1))
    gate = net.add("HardSigmoid", net.conv(net.add("Relu", squeezed), 20, 6, kernel=(1, 1)), alpha=0.25)
    x = net.add("Mul", x, gate)
    x = net.conv(x, 24, 20, kernel=(1, 1), bias=False)
    y = net.add("Clip", net.conv(x, 24, 24), net.constant(np.float32(-1)), net.constant(np.float32(1)))
    x = net.add("Relu", net.add("Add", net.conv(y, 24, 24), x))
    return net.model(net.conv(x, 32, 24, group=1), x)


def inception(net):
    """Branches that meet in a Concat, pools of both kinds, nearest and linear growth, a grouped convolution."""
    x = net.add("LeakyRelu", net.conv("x", 32, 3), alpha=0.2)
    a = net.add("Sigmoid", net.conv(x, 16, 32, kernel=(1, 1)))
    b = net.add("Tanh", net.conv(x, 48, 32, kernel=(1, 3)))
    c = net.add("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
    d = net.add("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    x = net.add("Concat", a, b, c, d, axis=1)
    x = net.conv(x, 32, 128, group=2, dilations=[2, 2], pads=[2, 2, 2, 2])
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    scales = net.constant(np.array([1, 1, 2, 2], np.float32))
    x = net.add("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    x = net.conv(x, 32, 32)
    return net.model(net.add("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel"))


def transformer(net):
    """A layer norm over a residual, GELUs, scaled products, a product with bias and activation."""
    width = 16
    table = net.constant(net.rng.normal(0, 0.3, (width, width)).astype(np.float32))
    ones, bias = (net.constant(net.rng.normal(1, 0.1, width).astype(np.float32)) for _ in range(2))
    x = net.add("LayerNormalization", net.add("Add", "x", net.add("MatMul", "x", table)), ones, bias)
    scores = net.add("MatMul", x, net.add("Transpose", x, perm=[0, 2, 1]))
    weights = net.add("Softmax", net.add("Div", scores, net.constant(np.float32(4))))
    x = net.add("MatMul", weights, x)
    half = net.constant(np.float32(0.5))
    erf = net.add("Erf", net.add("Div", net.add("Add", net.add("MatMul", x, table), bias), net.constant(np.float32(2**0.5))))
    biased = net.nodes[-3].output[0]
    x = net.add("Mul", net.add("Mul", biased, net.add("Add", erf, net.constant(np.float32(1)))), half)
    x = net.add("Mul", x, net.add("Sigmoid", x))
    flat = net.add("Reshape", x, net.constant(np.array([-1, width])))
    return net.model(net.add("Relu", net.add("Gemm", flat, table, bias)))


@pytest.fixture
def saved(tmp_path):
    """A function that lets onnxruntime save its optimised form of a model."""

    def save(model, level):
        path = tmp_path / "saved.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = LEVELS[level]
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return path

    return save


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("net,shape", [(mobile, (2, 3, 17, 13)), (inception, (1, 3, 16, 12)), (transformer, (2, 5, 16))])
def test_saved_models(net, shape, level, saved, rng):
    model = net(Net(rng, x=shape)).SerializeToString()
    feeds = {"x": rng.normal(0, 1, shape).astype(np.float32)}
    plain = onnxruntime.SessionOptions()
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    theirs = onnxruntime.InferenceSession(model, plain, providers=["CPUExecutionProvider"]).run(None, feeds)
    path = saved(model, level)
    assert {n.domain for n in onnx.load(path).graph.node} & {"com.microsoft", "com.microsoft.nchwc"}
    for ours, expected in zip(ort.InferenceSession(str(path)).run(None, feeds), theirs, strict=True):
        assert_same(ours, expected, 2e-5)


def blocked(filters, block, input_block):
    """[O, I, h, w] in the order of nchwc: output blocks, input blocks, taps, inputs of a block, outputs of a block."""
    o, i, h, w = filters.shape
    parts = filters.reshape(o // block, block, i // input_block, input_block, h, w)
    return np.ascontiguousarray(parts.transpose(0, 2, 4, 5, 3, 1)).reshape(filters.shape)


@pytest.mark.parametrize("block,channels", [(8, 24), (16, 20), (8, 20)])
def test_block_sizes(block, channels, rng):
    """Models of machines with another block: what the padding tells decides."""
    padded = -(-channels // block) * block
    first = rng.normal(0, 1, (padded, 3, 3, 3)).astype(np.float32)
    first[channels:] = 0
    second = rng.normal(0, 1, (padded, padded, 1, 1)).astype(np.float32)
    second[channels:], second[:, channels:] = 0, 0
    each = rng.normal(0, 1, (padded, 1, 3, 3)).astype(np.float32)
    each[channels:] = 0
    weights = {"first": blocked(first, block, 1), "second": blocked(second, block, block), "each": blocked(each, block, 1)}

    def nchwc(op, inputs, output, **attributes):
        return helper.make_node(op, inputs, [output], domain="com.microsoft.nchwc", **attributes)

    graph = helper.make_graph(
        [
            nchwc("Conv", ["x", "first"], "a", activation="Relu"),
            nchwc("Conv", ["a", "each"], "b", group=padded, pads=[1, 1, 1, 1]),
            nchwc("Conv", ["b", "second", "", "a"], "c"),
            nchwc("ReorderOutput", ["c"], "y", channels=channels, channels_last=1),
            helper.make_node("Relu", ["y"], ["last"]),
            nchwc("ReorderInput", ["last"], "again", channels_last=1),
            nchwc("GlobalMaxPool", ["again"], "pooled"),
            nchwc("ReorderOutput", ["pooled"], "z", channels=channels),
        ],
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 6, 7])],
        [onnx.ValueInfoProto(name=n) for n in ("y", "z")],
        [numpy_helper.from_array(v, n) for n, v in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft.nchwc", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()

    plain = Net(rng, x=(1, 3, 6, 7))
    a = plain.add("Relu", plain.add("Conv", "x", plain.constant(first[:channels])))
    b = plain.add("Conv", a, plain.constant(each[:channels]), group=channels, pads=[1, 1, 1, 1])
    c = plain.add("Add", plain.add("Conv", b, plain.constant(second[:channels, :channels])), a)
    y = plain.add("Transpose", c, perm=[0, 2, 3, 1])
    z = plain.add("GlobalMaxPool", plain.add("Relu", c))
    feeds = {"x": rng.normal(0, 1, (1, 3, 6, 7)).astype(np.float32)}
    theirs = onnxruntime.InferenceSession(plain.model(y, z).SerializeToString()).run(None, feeds)
    for ours, expected in zip(ort.InferenceSession(model).run(None, feeds), theirs, strict=True):
        assert_same(ours, expected, 2e-5)
