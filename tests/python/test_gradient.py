"""Gradient of the preview training domain against central differences, and against derivatives known in closed form."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oriel import ort

TRAINING = "ai.onnx.preview.training"


def session_of(nodes, inputs, outputs, constants=None, dims=None):
    """Inputs are f64 arrays; `dims` gives inputs symbolic shapes."""
    dims = dims or {}
    graph = helper.make_graph(
        nodes,
        "gradient",
        [helper.make_tensor_value_info(n, TensorProto.DOUBLE, dims.get(n, v.shape)) for n, v in inputs.items()],
        [onnx.ValueInfoProto(name=o) for o in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(TRAINING, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return ort.InferenceSession(model.SerializeToString())


def gradient(inputs, outputs, **attributes):
    return helper.make_node("Gradient", inputs, outputs, domain=TRAINING, name="derivative", **attributes)


def check(nodes, inputs, constants=None, dims=None, tolerance=1e-6):
    """The derivatives of the weighted sum of y by every input, against central differences."""
    weighted = [helper.make_node("Sin", ["y"], ["bent"]), helper.make_node("Mul", ["bent", "y"], ["target"])]
    names = list(inputs)
    results = [f"d_{n}" for n in names]
    nodes = [*nodes, *weighted]
    session = session_of([*nodes, gradient(names, results, xs=names, y="target")], inputs, results, constants, dims)
    forward = session_of(nodes, inputs, ["target"], constants, dims)
    found = dict(zip(names, session.run(None, inputs), strict=True))
    step = 1e-5
    for name, value in inputs.items():
        expected = np.zeros_like(value)
        for i in np.ndindex(value.shape):
            sides = []
            for sign in (1, -1):
                moved = value.copy()
                moved[i] += sign * step
                sides.append(forward.run(None, {**inputs, name: moved})[0].sum())
            expected[i] = (sides[0] - sides[1]) / (2 * step)
        assert found[name].shape == value.shape
        np.testing.assert_allclose(found[name], expected, rtol=tolerance, atol=tolerance * max(1, np.abs(expected).max()))


def node(op, inputs, **attributes):
    return [helper.make_node(op, inputs, ["y"], **attributes)]


@pytest.mark.parametrize(
    "op",
    "Abs Atan Asinh Ceil Cos Cosh Elu Erf Exp Gelu HardSigmoid Identity LeakyRelu Neg Reciprocal Relu Selu Sigmoid Sin Sinh "
    "Softplus Softsign Tan Tanh".split(),
)
def test_functions_of_one_operand(op, rng):
    check(node(op, ["x"]), {"x": rng.normal(0, 1, (2, 3))})


@pytest.mark.parametrize("op,shift", [("Log", 2), ("Sqrt", 2), ("Acosh", 3), ("Acos", 0), ("Asin", 0), ("Atanh", 0)])
def test_functions_with_a_domain(op, shift, rng):
    check(node(op, ["x"]), {"x": shift + rng.uniform(-0.8, 0.8, (2, 3))})


def test_gelu_by_tanh(rng):
    check(node("Gelu", ["x"], approximate="tanh"), {"x": rng.normal(0, 1, (2, 3))})


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mean", "Sum"])
@pytest.mark.parametrize("a,b", [((2, 3), (2, 3)), ((2, 3), (3,)), ((3, 1), (2, 1, 4)), ((), (2,))])
@pytest.mark.parametrize("symbolic", [False, True])
def test_two_operands(op, a, b, symbolic, rng):
    inputs = {"a": rng.uniform(0.5, 2, a), "b": rng.uniform(0.5, 2, b)}
    dims = {n: [f"{n}{i}" for i in range(v.ndim)] for n, v in inputs.items()} if symbolic else None
    check(node(op, ["a", "b"]), inputs, dims=dims)


def test_one_value_in_both_places(rng):
    check(node("Mul", ["x", "x"]), {"x": rng.normal(0, 1, (3,))})


def test_selection(rng):
    inputs = {"a": rng.normal(0, 1, (2, 3)), "b": rng.normal(0, 1, (3,))}
    compared = helper.make_node("Less", ["a", "zero"], ["below"])
    check([compared, *node("Where", ["below", "a", "b"])], inputs, {"zero": np.float64(0)})
    check(node("PRelu", ["a", "b"]), inputs)
    check(node("Clip", ["a", "low", "high"]), inputs, {"low": np.float64(-0.5), "high": np.float64(0.4)})


@pytest.mark.parametrize("a,b", [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 1))])
def test_matmul(a, b, rng):
    check(node("MatMul", ["a", "b"]), {"a": rng.normal(0, 1, a), "b": rng.normal(0, 1, b)})


@pytest.mark.parametrize("swap_a", [0, 1])
@pytest.mark.parametrize("swap_b", [0, 1])
def test_gemm(swap_a, swap_b, rng):
    a, b = rng.normal(0, 1, (2, 3)), rng.normal(0, 1, (3, 4))
    inputs = {"a": a.T.copy() if swap_a else a, "b": b.T.copy() if swap_b else b, "c": rng.normal(0, 1, (4,))}
    check(node("Gemm", ["a", "b", "c"], transA=swap_a, transB=swap_b, alpha=0.5, beta=2.0), inputs)


@pytest.mark.parametrize(
    "op", "ReduceSum ReduceMean ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMin ReduceSumSquare".split()
)
@pytest.mark.parametrize("axes", [None, [1], [-1, 0]])
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions(op, axes, keep, rng):
    constants = {"axes": np.array(axes, np.int64)} if axes else {}
    check(node(op, ["x", *constants], keepdims=keep), {"x": rng.uniform(0.5, 2, (2, 3, 2))}, constants)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [0, -1])
def test_softmax(op, axis, rng):
    check(node(op, ["x"], axis=axis), {"x": rng.normal(0, 1, (3, 4))})


@pytest.mark.parametrize(
    "op,operands,attributes",
    [
        ("Reshape", {"s": np.array([3, -1])}, {}),
        ("Flatten", {}, {"axis": 2}),
        ("Transpose", {}, {"perm": [2, 0, 1]}),
        ("Transpose", {}, {}),
        ("Unsqueeze", {"axes": np.array([1])}, {}),
        ("Expand", {"s": np.array([5, 2, 3, 4])}, {}),
        ("Slice", {"b": np.array([2]), "e": np.array([-9]), "a": np.array([2]), "t": np.array([-2])}, {}),
        ("Gather", {"i": np.array([[1, 0], [1, -1]])}, {"axis": 1}),
        ("GatherElements", {"i": np.zeros((1, 3, 4), np.int64)}, {}),
        ("GatherND", {"i": np.array([[0, 1], [0, 1]])}, {}),
        ("Tile", {"r": np.array([1, 2, 3])}, {}),
        ("Trilu", {}, {"upper": 0}),
    ],
)
def test_moves(op, operands, attributes, rng):
    check(node(op, ["x", *operands], **attributes), {"x": rng.normal(0, 1, (2, 3, 4))}, operands)


def test_parts(rng):
    inputs = {"a": rng.normal(0, 1, (2, 3)), "b": rng.normal(0, 1, (2, 2))}
    check(node("Concat", ["a", "b"], axis=1), inputs)
    split = helper.make_node("Split", ["a"], ["y", "unused"], axis=1, num_outputs=2)
    check([split], {"a": inputs["a"]})


def test_a_network(rng):
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "v"], ["scores"]),
        *node("LogSoftmax", ["scores"]),
    ]
    shapes = {"x": (4, 3), "w": (3, 5), "b": (5,), "v": (5, 2)}
    check(nodes, {n: rng.normal(0, 1, s) for n, s in shapes.items()})


SQUARES = [helper.make_node("Mul", ["x", "x"], ["h"]), helper.make_node("Mul", ["h", "w"], ["y"])]
X, W = np.array([1.0, 2.0, 3.0]), np.array([2.0, 5.0, -1.0])


def test_second_order():
    """y = w x^2: dy/dx = 2 w x, d2y/dx2 = 2 w, d2y/dx dw = 2 x."""
    nodes = [
        *SQUARES,
        gradient(["x", "w"], ["first"], xs=["x"], zs=["w"], y="y"),
        gradient(["x", "w"], ["xx", "xw"], xs=["x", "w"], y="first"),
    ]
    first, xx, xw = session_of(nodes, {"x": X, "w": W}, ["first", "xx", "xw"]).run(None, {"x": X, "w": W})
    np.testing.assert_allclose(first, 2 * W * X)
    np.testing.assert_allclose(xx, 2 * W)
    np.testing.assert_allclose(xw, 2 * X)


def test_intermediate_values_and_skipped_outputs():
    nodes = [*SQUARES, gradient(["h", "w"], ["", "by_w"], xs=["h", "w"], y="y"), gradient(["h", "w"], ["by_h"], xs=["h"], zs=["w"], y="y")]
    by_w, by_h = session_of(nodes, {"x": X, "w": W}, ["by_w", "by_h"]).run(None, {"x": X, "w": W})
    np.testing.assert_allclose(by_w, X * X)
    np.testing.assert_allclose(by_h, W)


def test_other_values_than_the_named_ones():
    """The derivative is taken at the operands, while y itself is computed at x."""
    at = np.array([10.0, 20.0, 30.0])
    nodes = [*SQUARES, gradient(["at", "w"], ["slope"], xs=["x"], zs=["w"], y="y")]
    feeds = {"x": X, "w": W, "at": at}
    y, slope = session_of(nodes, feeds, ["y", "slope"]).run(None, feeds)
    np.testing.assert_allclose(y, W * X * X)
    np.testing.assert_allclose(slope, 2 * W * at)


def test_no_dependence_is_zero():
    nodes = [*SQUARES, gradient(["x", "w"], ["dx", "dw"], xs=["x", "w"], y="h")]
    dx, dw = session_of(nodes, {"x": X, "w": W}, ["dx", "dw"]).run(None, {"x": X, "w": W})
    np.testing.assert_allclose(dx, 2 * X)
    np.testing.assert_array_equal(dw, np.zeros(3))


def test_operators_without_a_rule_are_named():
    nodes = [helper.make_node("CumSum", ["x", "axis"], ["y"], name="running"), gradient(["x"], ["dx"], xs=["x"], y="y")]
    with pytest.raises(Exception, match='no derivative of CumSum .node "running"'):
        session_of(nodes, {"x": X}, ["dx"], {"axis": np.int64(0)})


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"xs": ["x"], "y": "nowhere"}, 'names "nowhere", which nothing makes'),
        ({"xs": ["x"]}, "attribute y is missing"),
        ({"y": "y"}, "attribute xs is missing"),
        ({"xs": ["x", "w"], "y": "y"}, "1 inputs, expected 2"),
        ({"xs": ["x"], "y": "w"}, 'y is "w", which no node of this graph makes'),
    ],
)
def test_wrong_uses_are_errors(arguments, message):
    with pytest.raises(Exception, match=message):
        session_of([*SQUARES, gradient(["x"], ["dx"], **arguments)], {"x": X, "w": W}, ["y"])
