"""Runs of new shapes through the session API: what they repeat, and what they cost in memory."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oriel import _core, ort


def dynamic_model():
    """Convolution, pooling and a classifier on [batch, 3, height, width]."""
    rng = np.random.default_rng(3)

    def weights(name, *dims):
        return numpy_helper.from_array(rng.standard_normal(dims).astype(np.float32) * 0.1, name)

    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "g"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5]), helper.make_tensor_value_info("r", TensorProto.FLOAT, None)],
        [weights("w", 16, 3, 3, 3), weights("b", 16), weights("g", 16, 5)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.fixture
def session():
    return ort.InferenceSession(dynamic_model())


def image(i):
    return np.full((1 + i % 3, 3, 8 + i % 29, 8 + i * 7 % 31), 0.01 * (i % 10), np.float32)


def test_new_shapes_neither_infer_nor_pack(session):
    before = _core._work_counts()
    assert before["inferences"] > 0 and before["packings"] > 0
    for i in range(40):
        x = image(i)
        y, r = session.run(None, {"x": x})
        assert y.shape == (x.shape[0], 5) and r.shape == (x.shape[0], 16) + x.shape[2:]
    assert _core._work_counts() == before
    ort.InferenceSession(dynamic_model())
    after = _core._work_counts()
    assert after["inferences"] > before["inferences"] and after["packings"] > before["packings"]


def resident_kib():
    with open("/proc/self/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * 4


def test_memory_stays_over_many_shapes(session):
    for i in range(200):
        session.run(None, {"x": image(i)})
    before = resident_kib()
    for i in range(200, 1200):
        session.run(None, {"x": image(i)})
    assert resident_kib() - before < 4096


def sequence_model():
    """A recurrent layer, attention over what it gives and what is cached, and a product, on [batch, steps, 12]."""
    rng = np.random.default_rng(4)

    def weights(name, *dims):
        return numpy_helper.from_array(rng.standard_normal(dims).astype(np.float32) * 0.1, name)

    nodes = [
        helper.make_node("GRU", ["x", "gw", "gr"], ["g"], hidden_size=16, layout=0),
        helper.make_node("Squeeze", ["g", "one"], ["h"]),
        helper.make_node("Transpose", ["h"], ["now"], perm=[1, 0, 2]),
        helper.make_node("Unsqueeze", ["now", "one"], ["q"]),
        helper.make_node("Concat", ["past", "q"], ["k"], axis=2),
        helper.make_node("Transpose", ["k"], ["t"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["q", "t"], ["s"]),
        helper.make_node("Add", ["s", "mask"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["p"], axis=-1),
        helper.make_node("MatMul", ["p", "k"], ["o"]),
        helper.make_node("MatMul", ["o", "w"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [
            info("x", TensorProto.FLOAT, ["steps", "batch", 12]),
            info("past", TensorProto.FLOAT, ["batch", 1, "past", 16]),
            info("mask", TensorProto.FLOAT, ["batch", 1, 1, "total"]),
        ],
        [info("y", TensorProto.FLOAT, None), info("k", TensorProto.FLOAT, None)],
        [weights("gw", 1, 48, 12), weights("gr", 1, 48, 16), weights("w", 16, 30), numpy_helper.from_array(np.int64([1]), "one")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def test_random_shapes_of_a_sequence_leave_memory_and_work_alone():
    session = ort.InferenceSession(sequence_model())
    rng = np.random.default_rng(5)

    def run():
        batch, steps, past = (int(n) for n in rng.integers(1, (5, 60, 200)))
        feeds = {
            "x": np.full((steps, batch, 12), 0.1, np.float32),
            "past": np.full((batch, 1, past, 16), 0.1, np.float32),
            "mask": np.zeros((batch, 1, 1, past + steps), np.float32),
        }
        y, k = session.run(None, feeds)
        assert y.shape == (batch, 1, steps, 30) and k.shape == (batch, 1, past + steps, 16)

    for _ in range(200):
        run()
    before, work = resident_kib(), _core._work_counts()
    for _ in range(1000):
        run()
    assert _core._work_counts() == work
    assert resident_kib() - before < 4096
