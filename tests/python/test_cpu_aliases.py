"""Steps whose operands are one value: no result may be written over what the step still reads."""

import numpy as np
import pytest
from onnx import helper
from test_cpu_coverage import draw
from test_cpu_movement import check


@pytest.mark.parametrize("channels", [3, 16, 17])
@pytest.mark.parametrize("group", [1, None], ids=["full", "depthwise"])
def test_convolution_and_its_own_input(reference, rng, channels, group):
    node = helper.make_node
    w = draw(rng, (channels, channels if group else 1, 3, 3))
    conv = node("Conv", ["y", "w"], ["z"], pads=[1, 1, 1, 1], group=group or channels)
    for nodes in ([conv, node("Add", ["z", "y"], ["s"])], [node("Identity", ["y"], ["i"]), conv, node("Add", ["i", "z"], ["s"])]):
        check(reference, [node("Relu", ["x"], ["y"]), *nodes, node("Neg", ["s"], ["out"])], {"x": draw(rng, (2, channels, 9, 14))}, constants={"w": w}, tolerance=1e-5)


def test_product_and_its_own_operand(reference, rng):
    node = helper.make_node
    check(reference, [node("Relu", ["x"], ["y"]), node("MatMul", ["y", "w"], ["z"]), node("Add", ["z", "y"], ["s"]), node("Neg", ["s"], ["out"])],
          {"x": draw(rng, (5, 33))}, constants={"w": draw(rng, (33, 33))}, tolerance=1e-5)


def test_scatter_of_its_own_data(reference, rng):
    node = helper.make_node
    check(reference, [node("Relu", ["x"], ["y"]), node("ScatterElements", ["y", "to", "y"], ["z"], axis=0), node("Neg", ["z"], ["out"])],
          {"x": draw(rng, (9, 7))}, constants={"to": np.argsort(rng.random((9, 7)), axis=0)})


def test_attention_without_heads(reference, rng):
    node = helper.make_node
    model = [node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["x", "t"], ["s"]), node("Mul", ["s", "c"], ["m"]), node("Softmax", ["m"], ["p"], axis=-1),
             node("MatMul", ["p", "x"], ["out"])]  # fmt: skip
    check(reference, model, {"x": draw(rng, (2, 0, 6, 8))}, constants={"c": np.float32(0.3)})
