"""Optimisation levels: one step a node of the CPU provider without optimisation, fewer with it, equal results."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oriel import ort

CPU, OPENVINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"
LEVELS = ["ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_LAYOUT", "ORT_ENABLE_ALL"]


def constant(rng, name, *shape, scale=0.3):
    return numpy_helper.from_array((rng.standard_normal(shape) * scale).astype(np.float32), name)


def build(nodes, inputs, outputs, constants):
    for i, node in enumerate(nodes):
        node.name = f"n{i}"
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def convolutions(rng):
    """What would be fused and kept in blocked layouts: odd channels, a residual, pools, a split, a depthwise layer."""
    n = helper.make_node
    nodes = [
        n("Pad", ["x", "pads"], ["p"]),
        n("Conv", ["p", "w0", "b0"], ["a"], strides=[2, 2]),
        n("BatchNormalization", ["a", "s", "t", "m", "v"], ["bn"]),
        n("Relu", ["bn"], ["r"]),
        n("MaxPool", ["r"], ["mp"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        n("Conv", ["mp", "w1"], ["c"], pads=[1, 1, 1, 1]),
        n("Add", ["c", "mp"], ["res"]),
        n("HardSwish", ["res"], ["hs"]),
        n("Conv", ["hs", "w2"], ["dw"], group=21, pads=[1, 1, 1, 1]),
        n("AveragePool", ["dw"], ["ap"], kernel_shape=[2, 2]),
        n("Split", ["ap", "parts"], ["left", "right"], axis=1),
        n("Mul", ["left", "left"], ["sq"]),
        n("Concat", ["sq", "right"], ["cat"], axis=1),
        n("Resize", ["cat", "", "scales"], ["up"], mode="nearest"),
        n("GlobalAveragePool", ["up"], ["gap"]),
        n("Flatten", ["gap"], ["f"]),
        n("Gemm", ["f", "w3", "b3"], ["y"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "pads"),
        constant(rng, "w0", 21, 3, 3, 3),
        constant(rng, "b0", 21),
        *(constant(rng, name, 21) for name in "stm"),
        numpy_helper.from_array(np.full(21, 0.5, np.float32), "v"),
        constant(rng, "w1", 21, 21, 3, 3),
        constant(rng, "w2", 21, 1, 3, 3),
        numpy_helper.from_array(np.array([5, 16], np.int64), "parts"),
        numpy_helper.from_array(np.float32([1, 1, 2, 2]), "scales"),
        constant(rng, "w3", 21, 7),
        constant(rng, "b3", 7),
    ]
    return build(nodes, [("x", ["n", 3, 19, 22])], ["y", "up"], constants), {"x": rng.standard_normal((2, 3, 19, 22))}


def shapes(rng):
    """Shape arithmetic that optimisation takes out of the program."""
    n = helper.make_node
    nodes = [
        n("Shape", ["x"], ["sh"]),
        n("Gather", ["sh", "zero"], ["batch"]),
        n("Unsqueeze", ["batch", "axis"], ["b1"]),
        n("Concat", ["b1", "rest"], ["target"], axis=0),
        n("Reshape", ["x", "target"], ["r"]),
        n("Transpose", ["r"], ["t"], perm=[0, 2, 1]),
        n("Identity", ["t"], ["i"]),
        n("MatMul", ["i", "w"], ["m"]),
        n("Softmax", ["m"], ["y"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(0, np.int64), "zero"),
        numpy_helper.from_array(np.array([0], np.int64), "axis"),
        numpy_helper.from_array(np.array([3, -1], np.int64), "rest"),
        constant(rng, "w", 3, 5),
    ]
    return build(nodes, [("x", ["n", 12])], ["y"], constants), {"x": rng.standard_normal((4, 12))}


def quantised(rng):
    """Constants behind DequantizeLinear, and a quantised activation."""
    n = helper.make_node
    nodes = [
        n("DequantizeLinear", ["wq", "ws", "wz"], ["w"]),
        n("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        n("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
        n("Conv", ["xd", "w"], ["c"], pads=[1, 1, 1, 1]),
        n("Relu", ["c"], ["y"]),
    ]
    constants = [
        numpy_helper.from_array(rng.integers(-127, 127, (4, 3, 3, 3)).astype(np.int8), "wq"),
        numpy_helper.from_array(np.float32(0.01), "ws"),
        numpy_helper.from_array(np.int8(0), "wz"),
        numpy_helper.from_array(np.float32(0.05), "xs"),
        numpy_helper.from_array(np.uint8(128), "xz"),
    ]
    return build(nodes, [("x", [1, 3, 6, 7])], ["y"], constants), {"x": rng.standard_normal((1, 3, 6, 7))}


MODELS = {"convolutions": convolutions, "shapes": shapes, "quantised": quantised}


def open_session(model, level, provider=CPU):
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    return ort.InferenceSession(model, options, providers=[provider])


@pytest.fixture(params=MODELS)
def case(request, rng):
    model, feeds = MODELS[request.param](rng)
    return model, {name: value.astype(np.float32) for name, value in feeds.items()}


def test_one_step_a_node(case):
    model, feeds = case
    nodes = [(n.name, n.op_type) for n in onnx.load_from_string(model).graph.node]
    session = open_session(model, "ORT_DISABLE_ALL")
    steps = session._session.steps()
    assert sorted((step["name"], step["op"]) for step in steps) == sorted(nodes)
    assert all(step["origins"] == [step["name"]] for step in steps)
    for _ in range(2):
        session.run(None, feeds)


def test_results_are_those_of_onnxruntime(case, reference):
    model, feeds = case
    expected = reference(model).run(None, feeds)
    for level in LEVELS:
        for provider in (CPU, OPENVINO):
            results = open_session(model, level, provider).run(None, feeds)
            for result, wanted in zip(results, expected):
                np.testing.assert_allclose(result, wanted, rtol=2e-4, atol=2e-4)


def test_levels_only_take_steps_away(case):
    model, _ = case
    counts = [len(open_session(model, level)._session.steps()) for level in LEVELS]
    assert counts[0] == len(onnx.load_from_string(model).graph.node)
    assert counts == sorted(counts, reverse=True) and counts[-1] < counts[0]


def test_openvino_fuses_at_every_level(case):
    model, _ = case
    own = open_session(model, "ORT_DISABLE_ALL", OPENVINO)._session.steps()
    assert len(own) < len(open_session(model, "ORT_DISABLE_ALL")._session.steps())


def test_new_shapes_without_optimisation(rng, reference):
    model, feeds = convolutions(rng)
    session, peer = open_session(model, "ORT_DISABLE_ALL"), reference(model)
    for batch in (1, 3, 2, 1):
        x = rng.standard_normal((batch, 3, 19, 22)).astype(np.float32)
        for result, wanted in zip(session.run(None, {"x": x}), peer.run(None, {"x": x})):
            np.testing.assert_allclose(result, wanted, rtol=2e-4, atol=2e-4)


def test_every_level_writes_a_model_that_loads(case, tmp_path):
    model, feeds = case
    sizes = []
    for level in LEVELS:
        options = ort.SessionOptions()
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
        options.optimized_model_filepath = str(tmp_path / f"{level}.onnx")
        expected = ort.InferenceSession(model, options).run(None, feeds)
        written = onnx.load(options.optimized_model_filepath)
        onnx.checker.check_model(written)
        sizes.append(len(written.graph.node))
        again = ort.InferenceSession(options.optimized_model_filepath)
        for result, wanted in zip(again.run(None, feeds), expected):
            np.testing.assert_allclose(result, wanted, rtol=2e-4, atol=2e-4)
    assert sizes[0] == len(onnx.load_from_string(model).graph.node) and sizes == sorted(sizes, reverse=True)
