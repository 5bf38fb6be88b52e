"""The optimised and the reference device where formulas and shapes reach their limits: both give the same, or both refuse."""

import numpy as np
import onnx
import pytest
from one_node import assert_same, one_node
from onnx import TensorProto, helper, numpy_helper

import oriel.ort as ort

NAN, INF = np.nan, np.inf


def sessions(model):
    return [ort.InferenceSession(model, providers=["CPUExecutionProvider"], provider_options=[o]) for o in ({}, {"device": "REFERENCE"})]


def outputs(op, *inputs, domain="", opsets=None, **attributes):
    """The first output on both devices."""
    model, feeds = one_node(op, {f"x{i}": x for i, x in enumerate(inputs)}, domain, opsets=opsets, **attributes)
    return [session.run(None, feeds)[0] for session in sessions(model)]


def refused(model, feeds, match):
    """Both devices refuse: the model, or to run it."""
    for options in ({}, {"device": "REFERENCE"}):
        with pytest.raises(Exception, match=match):
            ort.InferenceSession(model, providers=["CPUExecutionProvider"], provider_options=[options]).run(None, feeds)


def symbolic(op, shapes, feeds, opset=21, constants=None, domain="", outputs=1, **attributes):
    """A model of one node whose inputs have symbols; operands in `constants` are initializers."""
    constants = constants or {}
    names = [*shapes, *(n for n in constants if n not in shapes)]
    graph = helper.make_graph(
        [helper.make_node(op, names, [f"out{i}" for i in range(outputs)], domain=domain, **attributes)],
        "symbolic",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(feeds[n].dtype), s) for n, s in shapes.items()],
        [onnx.ValueInfoProto(name=f"out{i}") for i in range(outputs)],
        [numpy_helper.from_array(v, n) for n, v in constants.items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()


@pytest.mark.parametrize(
    "op,attributes", [("Gelu", {}), ("Gelu", {"approximate": "tanh"}), ("Mish", {}), ("Swish", {}), ("HardSwish", {})]
)
@pytest.mark.parametrize("count", [6, 40])
def test_gated_activations_at_infinity(op, attributes, count):
    """x * gate(x) is minus infinity times zero: NaN as in onnxruntime, whatever the limit is."""
    x = np.resize(np.float32([-INF, INF, NAN, -1e30, -200, 0]), count)
    for y in outputs(op, x, opsets={"": 24}, **attributes):
        np.testing.assert_array_equal(y, np.resize(np.float32([NAN, INF, NAN, 0, 0, 0]), count))
        assert np.signbit(y[x == -200]).all() and np.signbit(y[x == -1e30]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("extent", [3, 41])
def test_positions_of_nan(extent, axis, last, dtype, rng):
    """NaN is the extreme, as for numpy, whose results the standard's evaluator gives."""
    x = rng.integers(-3, 4, (extent, extent)).astype(dtype)
    x[rng.random(x.shape) < 1.5 / extent] = NAN
    for op, of in (("ArgMax", np.argmax), ("ArgMin", np.argmin)):
        expected = extent - 1 - of(np.flip(x, axis), axis) if last else of(x, axis)
        for y in outputs(op, x, axis=axis, keepdims=0, select_last_index=last):
            np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint16, np.int64, np.uint64])
def test_erf_of_integers(dtype):
    """The standard allows all numeric types; what is not whole is cut off."""
    x = np.array([0, 1, 5, 100], dtype) if np.dtype(dtype).kind == "u" else np.array([-9, -1, 0, 1, 7], dtype)
    for y in outputs("Erf", x):
        assert y.dtype == dtype
        np.testing.assert_array_equal(y.astype(np.int64), np.where(np.abs(x.astype(np.int64)) > 5, np.sign(x.astype(np.int64)), 0))


@pytest.mark.parametrize("x,slope", [((2, 1), (2, 3)), ((2, 3), (4, 2, 3)), ((1,), (3,)), ((2, 3), (2,))])
@pytest.mark.parametrize("known", [True, False])
def test_slopes_do_not_widen(x, slope, known):
    shapes = {"x": x if known else [None] * len(x), "s": slope if known else [None] * len(slope)}
    feeds = {"x": np.ones(x, np.float32), "s": np.ones(slope, np.float32)}
    refused(symbolic("PRelu", shapes, feeds), feeds, "broadcast")


@pytest.mark.parametrize("beta", [0.0, 1.0])
@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("bias", [(5, 4), (3,), (1, 1, 4), (4, 1)])
@pytest.mark.parametrize("known", [True, False])
def test_biases_do_not_widen(bias, rows, beta, known):
    feeds = {"a": np.ones((rows, 3), np.float32), "b": np.ones((3, 4), np.float32), "c": np.ones(bias, np.float32)}
    shapes = {n: v.shape if known else [None] * v.ndim for n, v in feeds.items()}
    refused(symbolic("Gemm", shapes, feeds, beta=beta), feeds, "broadcast")


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMax", "ReduceL2"])
@pytest.mark.parametrize("axes", [[0, 0], [1, -2]])
@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_repeated_axes_are_refused(op, axes, constant, keepdims):
    given = {"x": np.ones((2, 3, 4), np.float32), "axes": np.array(axes)}
    model, feeds = one_node(op, given, constants=("axes",) if constant else (), keepdims=keepdims)
    refused(model, feeds, "given twice")


RESHAPES = [
    ((0, 3), [0, 1, -1], (0, 1, 3)),
    ((0, 3), [0, -1], (0, 3)),
    ((0, 3), [-1, 3], (0, 3)),
    ((0, 3), [2, -1], (2, 0)),
    ((2, 0, 5), [0, -1, 5], (2, 0, 5)),
    ((2, 0, 6), [-1, 0, 3], (4, 0, 3)),
    ((4, 3), [0, 1, -1], (4, 1, 3)),
    ((4, 6), [0, 2, -1], (4, 2, 3)),
]


@pytest.mark.parametrize("dims,target,expected", RESHAPES)
@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("open_dims", [0, 1, 3])
def test_reshape_of_nothing(dims, target, expected, constant, open_dims):
    """What a -1 stands for follows from the dimensions that are not copied, also where those that are have no elements."""
    feeds = {"x": np.ones(dims, np.float32), "shape": np.array(target)}
    shapes = {"x": [f"d{i}" if i < open_dims else d for i, d in enumerate(dims)]}
    if not constant:
        shapes["shape"] = [len(target)]
    model = symbolic("Reshape", shapes, feeds, constants={"shape": feeds.pop("shape")} if constant else None)
    for session in sessions(model):
        assert session.run(None, feeds)[0].shape == expected


@pytest.mark.parametrize("dims,target", [((0, 3), [2, 2]), ((0, 3), [5, 0]), ((0, 3), [0, 2, -1]), ((4, 3), [0, 2, -1])])
@pytest.mark.parametrize("constant", [True, False])
def test_reshape_of_nothing_to_something(dims, target, constant):
    feeds = {"x": np.ones(dims, np.float32), "shape": np.array(target)}
    shapes = {"x": ["N", 3]} if constant else {"x": ["N", 3], "shape": [len(target)]}
    model = symbolic("Reshape", shapes, feeds, constants={"shape": feeds.pop("shape")} if constant else None)
    refused(model, feeds, "cannot take the shape")


@pytest.mark.parametrize("declared", [None, [2, 3], ["a", "b"]])
@pytest.mark.parametrize("outer", [[2, 3], ["N", 3], [None, None]])
def test_scan_outputs_without_iterations(declared, outer):
    """No slice, but the dimensions of what an iteration would give."""
    nodes = [
        helper.make_node("Add", ["state", "other"], ["next"]),
        helper.make_node("Concat", ["next", "next"], ["scan"], axis=0),
        helper.make_node("Identity", ["go_on"], ["go"]),
    ]
    info = helper.make_tensor_value_info
    inside = helper.make_graph(
        nodes,
        "body",
        [info("i", TensorProto.INT64, ()), info("go_on", TensorProto.BOOL, ()), info("state", TensorProto.FLOAT, declared)],
        [info("go", TensorProto.BOOL, ()), info("next", TensorProto.FLOAT, declared), info("scan", TensorProto.FLOAT, None)],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["trips", "", "x"], ["y", "scans"], body=inside)],
        "loop",
        [info("trips", TensorProto.INT64, ()), info("x", TensorProto.FLOAT, outer), info("other", TensorProto.FLOAT, outer)],
        [onnx.ValueInfoProto(name=n) for n in ("y", "scans")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    x = np.float32([[1, 2, 3], [4, 5, 6]])
    for session in sessions(model):
        for trips in (0, 2, 0):
            y, scans = session.run(None, {"trips": np.array(trips), "x": x, "other": x})
            assert_same(y, x * (1 + trips))
            assert scans.shape == (trips, 4, 3)


@pytest.mark.parametrize("axis,out_axis", [(0, 0), (1, 1), (0, -1)])
def test_scan_of_nothing(axis, out_axis):
    info = helper.make_tensor_value_info
    inside = helper.make_graph(
        [helper.make_node("Add", ["state", "item"], ["next"]), helper.make_node("Concat", ["item", "next"], ["out"], axis=0)],
        "body",
        [info("state", TensorProto.FLOAT, ["n"]), info("item", TensorProto.FLOAT, ["n"])],
        [info("next", TensorProto.FLOAT, ["n"]), info("out", TensorProto.FLOAT, ["m"])],
    )
    items = ["length", "n"] if axis == 0 else ["n", "length"]
    feeds = {"x": np.float32([1, 2, 3]), "items": np.ones((0, 3) if axis == 0 else (3, 0), np.float32)}
    node = helper.make_node("Scan", ["x", "items"], ["y", "outs"], body=inside, num_scan_inputs=1, scan_input_axes=[axis], scan_output_axes=[out_axis])
    graph = helper.make_graph(
        [node], "scan", [info("x", TensorProto.FLOAT, ["n"]), info("items", TensorProto.FLOAT, items)], [onnx.ValueInfoProto(name=n) for n in ("y", "outs")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    for session in sessions(model):
        y, outs = session.run(None, feeds)
        assert_same(y, feeds["x"])
        assert outs.shape == ((0, 6) if out_axis == 0 else (6, 0))


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("value_width", [8, 12])
def test_attention_of_symbolic_width(with_bias, value_width, rng):
    """com.microsoft's MultiHeadAttention where only a run tells the hidden size: as with known dimensions."""
    width = 8
    widths = {"q": width, "k": width, "v": value_width}
    feeds = {n: rng.normal(0, 1, (2, 5, w)).astype(np.float32) for n, w in widths.items()}
    constants = {"bias": rng.normal(0, 1, 2 * width + value_width).astype(np.float32)} if with_bias else {}
    results = []
    for shapes in ({n: v.shape for n, v in feeds.items()}, {n: ["B", "S", f"H{n}"] for n in feeds}, {n: [None] * 3 for n in feeds}):
        model = symbolic("MultiHeadAttention", shapes, feeds, constants=constants, domain="com.microsoft", num_heads=2)
        results += [s.run(None, feeds)[0] for s in sessions(model)]
    onnxruntime = pytest.importorskip("onnxruntime")
    theirs = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, feeds)[0]
    for ours in results:
        assert_same(ours, theirs, 1e-5)


@pytest.mark.parametrize("known_cache", [False, True])
@pytest.mark.parametrize("positions", [(1,), (2, 5)])
def test_rotation_of_symbolic_width(known_cache, positions, rng):
    """com.microsoft's RotaryEmbedding without num_heads: heads are as wide as the caches say."""
    angles = rng.normal(0, 1, (9, 4))
    feeds = {
        "x": rng.normal(0, 1, (2, 5, 24)).astype(np.float32),
        "positions": np.array([2]) if positions == (1,) else rng.integers(0, 9, positions),
        "cos": np.cos(angles).astype(np.float32),
        "sin": np.sin(angles).astype(np.float32),
    }
    cache = [9, 4] if known_cache else ["P", "W"]
    results = []
    for shapes in ({n: v.shape for n, v in feeds.items()}, {"x": ["B", "S", "H"], "positions": positions, "cos": cache, "sin": cache}):
        model = symbolic("RotaryEmbedding", shapes, feeds, domain="com.microsoft")
        results += [s.run(None, feeds)[0] for s in sessions(model)]
    onnxruntime = pytest.importorskip("onnxruntime")
    theirs = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, feeds)[0]
    for ours in results:
        assert_same(ours, theirs, 1e-6)


def test_parts_of_a_list_in_a_branch_that_never_runs():
    """A constant list that has too few elements for a Split fails where that runs, not where it is loaded."""
    split = helper.make_graph([helper.make_node("Split", ["sizes"], list("abcd"), num_outputs=4)], "parts", [], [onnx.ValueInfoProto(name="d")])
    whole = helper.make_graph([helper.make_node("Identity", ["sizes"], ["e"])], "whole", [], [onnx.ValueInfoProto(name="e")])
    graph = helper.make_graph(
        [helper.make_node("If", ["condition"], ["y"], then_branch=split, else_branch=whole)],
        "branches",
        [helper.make_tensor_value_info("condition", TensorProto.BOOL, ())],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(np.array([1, 2, 3, 4, 5]), "sizes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    for session in sessions(model):
        assert session.run(None, {"condition": np.array(False)})[0].tolist() == [1, 2, 3, 4, 5]
    refused(model, {"condition": np.array(True)}, "do not fit")


@pytest.mark.parametrize("rows", [9, 10, 12, 27])
def test_attention_over_parts_that_do_not_fit(rows, rng):
    """A Split that attention reads through still refuses an extent that its parts do not add up to."""
    nodes = [
        helper.make_node("Split", ["x", "sizes"], ["rest", "part"], axis=2),
        helper.make_node("Transpose", ["part"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["part", "turned"], ["scores"]),
        helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
        helper.make_node("Softmax", ["scaled"], ["weights"], axis=3),
        helper.make_node("MatMul", ["weights", "part"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "parts",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 1, "rows", 4])],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(np.array([9, 2]), "sizes"), numpy_helper.from_array(np.float32(0.5), "scale")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    refused(model, {"x": np.ones((2, 1, rows, 4), np.float32)}, "do not (fit|fill)")
    x = rng.normal(0, 1, (2, 1, 11, 4)).astype(np.float32)
    ours, plain = (session.run(None, {"x": x})[0] for session in sessions(model))
    assert_same(ours, plain, 1e-6)
