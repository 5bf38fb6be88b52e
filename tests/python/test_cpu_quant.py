"""Quantised operators on the CPU device: as the reference device computes them, and on kernels alone."""

import numpy as np
import onnx
import pytest
from one_node import assert_same, one_node
from onnx import TensorProto, helper, numpy_helper

from oriel import ort

MICROSOFT = "com.microsoft"
BYTES = (np.uint8, np.int8)


def bytes_of(rng, shape, dtype):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)


def scale(rng, shape=()):
    return rng.uniform(0.005, 0.05, shape).astype(np.float32)


def sessions(model):
    device = ort.InferenceSession(model, providers=["OpenVINOExecutionProvider"])
    plain = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return device, plain


def kernels_only(session):
    return all(step["device"] != "REFERENCE" for step in session._session.steps())


def check(model, feeds):
    device, plain = sessions(model)
    assert kernels_only(device)
    for ours, theirs in zip(device.run(None, feeds), plain.run(None, feeds), strict=True):
        assert_same(ours, theirs, 1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
@pytest.mark.parametrize("per_axis", [False, True])
def test_quantize_and_back(rng, dtype, per_axis):
    shape = (5,) if per_axis else ()
    x = rng.normal(0, 3, (3, 5, 7)).astype(np.float32)
    parameters = {"scale": scale(rng, shape), "zero": bytes_of(rng, shape, dtype)}
    check(*one_node("QuantizeLinear", {"x": x, **parameters}, axis=1))
    check(*one_node("DequantizeLinear", {"x": bytes_of(rng, x.shape, dtype), **parameters}, axis=1))


@pytest.mark.parametrize("shape", [(), (1,), (3, 70), (0, 4)])
def test_dynamic_quantize(rng, shape):
    check(*one_node("DynamicQuantizeLinear", {"x": rng.normal(1, 3, shape).astype(np.float32)}, outputs=3))


@pytest.mark.parametrize("a_type", BYTES)
@pytest.mark.parametrize("b_type", BYTES)
@pytest.mark.parametrize("constant", [False, True])
def test_products(rng, a_type, b_type, constant):
    a, b = bytes_of(rng, (2, 5, 19), a_type), bytes_of(rng, (19, 33), b_type)
    a_zero, b_zero = bytes_of(rng, (), a_type), bytes_of(rng, (33,), b_type)
    fixed = ("b",) if constant else ()
    check(*one_node("MatMulInteger", {"a": a, "b": b, "a_zero": a_zero, "b_zero": b_zero}, constants=fixed))
    inputs = {"a": a, "a_scale": scale(rng), "a_zero": a_zero, "b": b, "b_scale": scale(rng, 33), "b_zero": b_zero}
    inputs |= {"y_scale": scale(rng) * np.float32(40), "y_zero": bytes_of(rng, (), a_type)}
    check(*one_node("QLinearMatMul", inputs, constants=fixed))


@pytest.mark.parametrize("dtype", BYTES)
@pytest.mark.parametrize("groups, channels, features", [(1, 3, 17), (1, 32, 16), (4, 8, 12), (24, 24, 24)])
def test_convolutions(rng, dtype, groups, channels, features):
    x = bytes_of(rng, (2, channels, 11, 9), dtype)
    w = bytes_of(rng, (features, channels // groups, 3, 3), np.int8)
    zero = bytes_of(rng, (), dtype)
    window = {"group": groups, "pads": [1, 1, 0, 1], "strides": [2, 1]}
    inputs = {"x": x, "w": w, "x_zero": zero}
    check(*one_node("ConvInteger", inputs, constants=("w", "x_zero"), **window))
    inputs = {"x": x, "x_scale": scale(rng), "x_zero": zero, "w": w, "w_scale": scale(rng, features)}
    inputs |= {"w_zero": np.zeros(features, np.int8), "y_scale": scale(rng) * np.float32(40)}
    inputs |= {"y_zero": bytes_of(rng, (), dtype), "bias": rng.integers(-3000, 3000, features).astype(np.int32)}
    check(*one_node("QLinearConv", inputs, constants=set(inputs) - {"x"}, **window))


@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("dtype", BYTES)
@pytest.mark.parametrize("other", [(2, 16, 5, 7), (16, 1, 1), ()])
def test_binary(rng, op, dtype, other):
    inputs = {}
    for name, shape in (("a", (2, 16, 5, 7)), ("b", other)):
        inputs |= {name: bytes_of(rng, shape, dtype), name + "_scale": scale(rng), name + "_zero": bytes_of(rng, (), dtype)}
    inputs |= {"y_scale": scale(rng), "y_zero": bytes_of(rng, (), dtype)}
    check(*one_node(op, inputs, MICROSOFT))


@pytest.mark.parametrize("dtype", BYTES)
@pytest.mark.parametrize(
    "op, attributes",
    [
        ("QLinearSigmoid", {}),
        ("QLinearLeakyRelu", {"alpha": 0.1}),
        ("QLinearGlobalAveragePool", {}),
        ("QLinearAveragePool", {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 1]}),
        ("QLinearSoftmax", {"opset": 13, "axis": 1}),
    ],
)
def test_unary(rng, op, dtype, attributes):
    inputs = {"x": bytes_of(rng, (2, 5, 6, 7), dtype), "x_scale": scale(rng), "x_zero": bytes_of(rng, (), dtype)}
    inputs |= {"y_scale": scale(rng), "y_zero": bytes_of(rng, (), dtype)}
    check(*one_node(op, inputs, MICROSOFT, **attributes))


def test_qdq_patterns(rng):
    """Conv, x * sigmoid(x) and Add between bytes: at most one step from the nodes one by one."""
    dq, q = "DequantizeLinear", "QuantizeLinear"
    constants = {
        "s": scale(rng), "z": np.uint8(120), "ys": np.float32(0.3), "yz": np.uint8(99),
        "w": bytes_of(rng, (32, 16, 3, 3), np.int8), "ws": scale(rng, 32), "wz": np.zeros(32, np.int8),
        "b": rng.integers(-2000, 2000, 32).astype(np.int32), "bs": scale(rng, 32) / np.float32(20), "bz": np.zeros(32, np.int32),
    }  # fmt: skip
    nodes = [
        (dq, ["x", "s", "z"], "x_f", {}),
        (dq, ["w", "ws", "wz"], "w_f", {"axis": 0}),
        (dq, ["b", "bs", "bz"], "b_f", {"axis": 0}),
        ("Conv", ["x_f", "w_f", "b_f"], "c", {"pads": [1, 1, 1, 1]}),
        (q, ["c", "ys", "yz"], "c_q", {}),
        (dq, ["c_q", "ys", "yz"], "c_f", {}),
        ("Sigmoid", ["c_f"], "t", {}),
        (q, ["t", "s", "z"], "t_q", {}),
        (dq, ["t_q", "s", "z"], "t_f", {}),
        ("Mul", ["c_f", "t_f"], "m", {}),
        (q, ["m", "ys", "yz"], "y", {}),
    ]
    graph = helper.make_graph(
        [helper.make_node(op, inputs, [out], **a) for op, inputs, out, a in nodes],
        "qdq",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 16, 9, 8])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [1, 32, 9, 8])],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    device, plain = sessions(model.SerializeToString())
    assert kernels_only(device)
    feeds = {"x": bytes_of(rng, (1, 16, 9, 8), np.uint8)}
    ours, theirs = device.run(None, feeds)[0], plain.run(None, feeds)[0]
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
