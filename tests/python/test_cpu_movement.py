"""Operators that move, select or create elements, run by the CPU device's own kernels, against onnxruntime."""

import numpy as np
import onnx
import pytest
from one_node import OPSETS, assert_same, element_type
from onnx import helper, numpy_helper

import oriel.ort as ort

TYPES = ["float32", "float64", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"]


def draw(rng, shape, dtype="float32"):
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0, 100, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def build(nodes, feeds, outputs=("out",), constants=None, symbolic=False):
    """A model of several nodes; with `symbolic` every dimension of every input is a symbol of its own."""

    def shape(name, value):
        return [f"{name}_{i}" for i in range(value.ndim)] if symbolic else value.shape

    graph = helper.make_graph(
        nodes,
        "movement",
        [helper.make_tensor_value_info(n, element_type(v), shape(n, v)) for n, v in feeds.items()],
        [onnx.ValueInfoProto(name=o) for o in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()],
    )
    imports = [helper.make_opsetid(d, v) for d, v in OPSETS.items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()


def on_cpu(model):
    session = ort.InferenceSession(model, providers=["OpenVINOExecutionProvider"])
    steps = session._session.steps()
    assert all(s["device"] != "REFERENCE" for s in steps), [(s["op"], s["device"]) for s in steps]
    return session


def check(reference, nodes, feeds, outputs=("out",), constants=None, tolerance=0.0, fed=()):
    """Compares with onnxruntime: static shapes, then symbolic ones; operands named in `fed` are constants, then fed."""
    constants = constants or {}
    for symbolic in (False, True):
        for as_input in {False, bool(fed)}:
            given = {**feeds, **({n: np.asarray(constants[n]) for n in fed} if as_input else {})}
            held = {n: v for n, v in constants.items() if not (as_input and n in fed)}
            model = build(nodes, given, outputs, held, symbolic)
            theirs = reference(model).run(None, given)
            session = on_cpu(model)
            for _ in range(2):
                assert_same(session.run(None, given), theirs, tolerance)


def one(reference, op, feeds, constants=None, outputs=("out",), tolerance=0.0, fed=(), order=None, **attributes):
    names = order or [*feeds, *(constants or {})]
    check(reference, [helper.make_node(op, names, list(outputs), **attributes)], feeds, outputs, constants, tolerance, fed)


SHAPES = [(), (1,), (5,), (0,), (3, 4), (2, 0, 3), (2, 3, 5), (1, 16, 7, 5), (2, 33, 3, 2), (2, 1, 3, 1, 4)]


@pytest.mark.parametrize("shape", SHAPES)
def test_views(reference, rng, shape):
    x = draw(rng, shape)
    node = helper.make_node
    check(reference, [node("Relu", ["x"], ["y"]), node("Reshape", ["y", "to"], ["z"], allowzero=int(x.size == 0)), node("Neg", ["z"], ["out"])], {"x": x},
          constants={"to": np.array([x.size] if x.size == 0 else [-1], np.int64)}, fed=("to",))
    check(reference, [node("Relu", ["x"], ["y"]), node("Unsqueeze", ["y", "axes"], ["z"]), node("Squeeze", ["z", "axes"], ["w"]),
                      node("Neg", ["w"], ["out"])],
          {"x": x}, constants={"axes": np.array([0, -1], np.int64)}, fed=("axes",))
    for axis in range(-x.ndim, x.ndim + 1):
        check(reference, [node("Relu", ["x"], ["y"]), node("Flatten", ["y"], ["out"], axis=axis)], {"x": x})


def test_squeeze_without_axes(reference, rng):
    one(reference, "Squeeze", {"x": draw(rng, (1, 3, 1, 2))})


def test_reshape_by_shape(reference, rng):
    node = helper.make_node
    check(reference,
          [node("Shape", ["y"], ["s"]), node("Reshape", ["x", "s"], ["z"], allowzero=1), node("Reshape", ["z", "to"], ["w"]),
           node("Neg", ["w"], ["out"])],
          {"x": draw(rng, (2, 3, 4)), "y": draw(rng, (4, 6))}, constants={"to": np.array([0, 2, -1], np.int64)}, fed=("to",))


@pytest.mark.parametrize("dtype", TYPES)
def test_transpose_types(reference, rng, dtype):
    one(reference, "Transpose", {"x": draw(rng, (2, 19, 35), dtype)}, perm=[2, 0, 1])


@pytest.mark.parametrize("shape", SHAPES)
def test_transpose_shapes(reference, rng, shape):
    one(reference, "Transpose", {"x": draw(rng, shape)})
    for _ in range(3 if shape else 0):
        one(reference, "Transpose", {"x": draw(rng, shape)}, perm=[int(i) for i in rng.permutation(len(shape))])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concat(reference, rng, dtype, axis):
    feeds = {}
    for i, extent in enumerate([3, 0, 1, 6]):
        shape = [2, 4, 5]
        shape[axis] = extent
        feeds[f"x{i}"] = draw(rng, shape, dtype)
    one(reference, "Concat", feeds, axis=axis)


def convolution(name, source, channels_in, channels_out, rng):
    """A convolution, whose result lies in blocks of 16 channels."""
    weights = (rng.standard_normal((channels_out, channels_in, 1, 1)) / np.sqrt(channels_in)).astype(np.float32)
    return helper.make_node("Conv", [source, f"{name}_w"], [name]), {f"{name}_w": weights}


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("channels", [(16, 32), (32, 7), (20, 20), (16, 16, 48)])
def test_concat_blocked(reference, rng, axis, channels):
    if axis != 1:
        channels = (channels[0],) * len(channels)
    nodes, constants = [], {}
    for i, c in enumerate(channels):
        node, weights = convolution(f"c{i}", "x", 16, c, rng)
        nodes.append(node)
        constants.update(weights)
    nodes.append(helper.make_node("Concat", [f"c{i}" for i in range(len(channels))], ["joined"], axis=axis))
    total = sum(channels) if axis == 1 else channels[0]
    node, weights = convolution("last", "joined", total, 5, rng)
    constants.update(weights)
    check(reference, [*nodes, node], {"x": draw(rng, (2, 16, 5, 3))}, ("joined", "last"), constants, tolerance=1e-5)


@pytest.mark.parametrize("channels", [32, 48, 37])
def test_blocked_neighbours(reference, rng, channels):
    node = helper.make_node
    first, constants = convolution("c", "x", 16, channels, rng)
    a = channels // 32 * 16
    nodes = [
        first,
        node("Transpose", ["c"], ["rows"], perm=[0, 2, 3, 1]),
        node("Transpose", ["rows"], ["back"], perm=[0, 3, 1, 2]),
        node("Split", ["c", "parts"], ["left", "right"], axis=1),
        node("Split", ["c", "rows_of"], ["top", "bottom"], axis=2),
        node("Slice", ["c", "starts", "ends", "axes", "steps"], ["cut"]),
        node("Slice", ["c", "zero", "sixteen", "one_axis"], ["front"]),
        node("GlobalAveragePool", ["c"], ["mean"]),
        node("Flatten", ["mean"], ["flat"]),
    ]
    constants |= {
        "parts": np.array([a, channels - a], np.int64),
        "rows_of": np.array([2, 3], np.int64),
        "starts": np.array([4, 0], np.int64),
        "ends": np.array([-10, 3], np.int64),
        "axes": np.array([2, 3], np.int64),
        "steps": np.array([-2, 1], np.int64),
        "zero": np.array([0], np.int64),
        "sixteen": np.array([16], np.int64),
        "one_axis": np.array([1], np.int64),
    }
    outputs = ["rows", "flat", "left", "top", "cut", "front"]
    for source, count in [("back", channels), ("left", a), ("right", channels - a), ("bottom", channels), ("cut", channels), ("front", 16)]:
        last, weights = convolution(f"{source}_last", source, count, 3, rng)
        nodes.append(last)
        constants |= weights
        outputs.append(f"{source}_last")
    check(reference, nodes, {"x": draw(rng, (2, 16, 5, 4))}, outputs, constants, tolerance=1e-5)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "starts, ends, axes, steps",
    [([0], [2], [0], None), ([1, -3], [100, -1], [0, 2], None), ([-1, 4], [-100, 0], [1, 2], [-1, -2]), ([3], [1], [1], [1]),
     ([0, 0, 0], [2, 3, 5], None, None), ([1], [5], [2], [3])],
)
def test_slice(reference, rng, dtype, starts, ends, axes, steps):
    constants = {"starts": np.array(starts, np.int64), "ends": np.array(ends, np.int64)}
    if axes is not None:
        constants["axes"] = np.array(axes, np.int64)
    if steps is not None:
        constants["steps"] = np.array(steps, np.int64)
    one(reference, "Slice", {"x": draw(rng, (3, 4, 5), dtype)}, constants, fed=tuple(constants))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_split(reference, rng, dtype, axis):
    shape = [3, 2, 4]
    shape[axis] = 7
    x = draw(rng, shape, dtype)
    one(reference, "Split", {"x": x}, {"parts": np.array([2, 0, 5], np.int64)}, ("a", "b", "out"), fed=("parts",), axis=axis)
    one(reference, "Split", {"x": x}, outputs=("a", "b", "c"), axis=axis, num_outputs=3)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape, to", [((3, 1), (2, 3, 4)), ((1,), (7,)), ((), (2, 3)), ((3, 4), (1, 1)), ((2, 1, 3), (2, 0, 3))])
def test_expand(reference, rng, dtype, shape, to):
    one(reference, "Expand", {"x": draw(rng, shape, dtype)}, {"to": np.array(to, np.int64)}, fed=("to",))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 1, 3), (1, 4, 1), (0, 1, 2)])
def test_tile(reference, rng, dtype, repeats):
    one(reference, "Tile", {"x": draw(rng, (2, 3, 4), dtype)}, {"repeats": np.array(repeats, np.int64)}, fed=("repeats",))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize("pads", [(0, 1, 2, 0, 2, 1), (0, 0, 0, 0, 0, 3), (0, -1, 2, 1, 0, -2), (1, 1, 1, 1, 1, 1)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
def test_pad(reference, rng, mode, pads, dtype):
    if mode == "reflect" and pads[0] + pads[3] >= 2:
        pads = (0, *pads[1:3], 1, *pads[4:])
    constants = {"pads": np.array(pads, np.int64)}
    if mode == "constant" and dtype != "bool":
        constants["value"] = np.array(3, dtype)
    one(reference, "Pad", {"x": draw(rng, (3, 4, 5), dtype)}, constants, fed=("pads",), mode=mode)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("index_type", ["int32", "int64"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (0,)])
def test_gather(reference, rng, dtype, index_type, axis, shape):
    indices = rng.integers(-3, 3, shape).astype(index_type)
    one(reference, "Gather", {"x": draw(rng, (3, 4, 5), dtype), "i": indices}, axis=axis)


@pytest.mark.parametrize("op, index", [("Gather", 5), ("GatherElements", -6), ("GatherND", 7), ("ScatterElements", 9)])
def test_index_out_of_range(op, index):
    x = np.zeros((3, 4), np.float32)
    feeds = {"x": x, "i": np.array([[index]])} | ({"u": np.ones((1, 1), np.float32)} if op == "ScatterElements" else {})
    session = on_cpu(build([helper.make_node(op, list(feeds), ["out"])], feeds))
    with pytest.raises(Exception, match="out of range"):
        session.run(None, feeds)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather_and_scatter_elements(reference, rng, dtype, axis):
    x = draw(rng, (5, 4, 6), dtype)
    shape = [3, 4, 2]
    shape[axis] = 4
    indices = rng.integers(-4, 4, shape)
    one(reference, "GatherElements", {"x": x, "i": indices}, axis=axis)
    distinct = np.argsort(rng.random(shape), axis=axis)
    one(reference, "ScatterElements", {"x": x, "i": distinct, "u": draw(rng, shape, dtype)}, axis=axis)


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
def test_scatter_reductions(reference, rng, dtype, reduction):
    x = draw(rng, (5, 4), dtype)
    indices = np.zeros((3, 4), np.int64) if reduction != "none" else np.argsort(rng.random((3, 4)), axis=0)
    node = helper.make_node
    check(reference,
          [node("Add", ["x", "x"], ["y"]), node("ScatterElements", ["y", "i", "u"], ["out"], axis=0, reduction=reduction)],
          {"x": x, "i": indices, "u": draw(rng, (3, 4), dtype)}, tolerance=1e-6)
    places = np.array([[1], [3], [-1]]) if reduction == "none" else np.array([[1], [1], [-1]])
    check(reference, [node("Add", ["x", "x"], ["y"]), node("ScatterND", ["y", "i", "u"], ["out"], reduction=reduction)],
          {"x": x, "i": places, "u": draw(rng, (3, 4), dtype)}, tolerance=1e-6)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("batch, shape", [(0, (2, 3, 1)), (0, (3, 2)), (0, (3,)), (1, (3, 2, 1)), (1, (3, 2)), (2, (3, 4, 1)), (0, (0, 2))])
def test_gather_nd(reference, rng, dtype, batch, shape):
    one(reference, "GatherND", {"x": draw(rng, (3, 4, 5), dtype), "i": rng.integers(-3, 3, shape)}, batch_dims=batch)


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (0, 3), (300, 211)])
def test_non_zero(reference, rng, dtype, shape):
    one(reference, "NonZero", {"x": (draw(rng, shape) > 0.5).astype(dtype)})


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_compress(reference, rng, axis):
    x = draw(rng, (4, 5))
    attributes = {} if axis is None else {"axis": axis}
    one(reference, "Compress", {"x": x, "c": np.array([True, False, True, True])}, **attributes)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("largest", [0, 1])
def test_top_k(reference, rng, dtype, axis, k, largest):
    x = rng.permutation(4 * 5 * 6).reshape(4, 5, 6).astype(dtype)
    one(reference, "TopK", {"x": x}, {"k": np.array([k], np.int64)}, ("out", "places"), fed=("k",), axis=axis, largest=largest)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "int16"])
@pytest.mark.parametrize("start, limit, delta", [(0, 10, 3), (5, -4, -2), (3, 3, 1), (0, 70000, 1)])
def test_range(reference, dtype, start, limit, delta):
    limit = min(limit, 30000) if dtype == "int16" else limit
    constants = {"start": np.array(start, dtype), "limit": np.array(limit, dtype), "delta": np.array(delta, dtype)}
    node = helper.make_node
    check(reference, [node("Range", list(constants), ["out"])], constants)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "float16"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0, 3), (200, 301)])
def test_constant_of_shape(reference, dtype, shape):
    value = numpy_helper.from_array(np.array([1], dtype))
    one(reference, "ConstantOfShape", {"shape": np.array(shape, np.int64)}, value=value)


def test_shape_and_size(reference, rng):
    node = helper.make_node
    check(reference,
          [node("NonZero", ["x"], ["places"]), node("Shape", ["places"], ["a"]), node("Shape", ["places"], ["b"], start=-1),
           node("Size", ["places"], ["c"])],
          {"x": draw(rng, (3, 4))}, ("a", "b", "c"))


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64"])
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_pixels(reference, rng, dtype, mode, block):
    if dtype != "int64":
        one(reference, "DepthToSpace", {"x": draw(rng, (2, 5 * block * block, 3, 4), dtype)}, mode=mode, blocksize=block)
    if dtype == "float32":
        one(reference, "SpaceToDepth", {"x": draw(rng, (2, 5, 3 * block, 4 * block), dtype)}, blocksize=block)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [-9, -2, 0, 1, 9])
def test_trilu(reference, rng, dtype, upper, k):
    one(reference, "Trilu", {"x": draw(rng, (2, 5, 4), dtype)}, {"k": np.array(k, np.int64)}, fed=("k",), upper=upper)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("exclusive, reverse", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_cum_sum(reference, rng, dtype, axis, exclusive, reverse):
    one(reference, "CumSum", {"x": draw(rng, (4, 5, 6), dtype)}, {"axis": np.array(axis, np.int64)}, tolerance=1e-6, exclusive=exclusive,
        reverse=reverse)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("place", ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
@pytest.mark.parametrize("sizes", [(2, 3, 10, 14), (2, 3, 4, 3), (2, 3, 5, 20), (2, 3, 5, 7)])
def test_resize(reference, rng, mode, place, sizes):
    x = draw(rng, (2, 3, 5, 7))
    attributes = {"mode": mode, "coordinate_transformation_mode": place}
    one(reference, "Resize", {"x": x}, {"sizes": np.array(sizes, np.int64)}, order=["x", "", "", "sizes"], tolerance=1e-5, **attributes)
    scales = np.array(sizes, np.float32) / np.array(x.shape, np.float32)
    if all(int(np.floor(np.float32(d * s))) == t for d, s, t in zip(x.shape, scales, sizes)):
        one(reference, "Resize", {"x": x}, {"scales": scales}, order=["x", "", "scales"], tolerance=1e-5, **attributes)


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_one_hot(reference, rng, dtype, axis):
    constants = {"depth": np.array([5], np.int64), "values": np.array([2, 7], dtype)}
    one(reference, "OneHot", {"i": rng.integers(-7, 7, (3, 4))}, constants, fed=("depth",), axis=axis)


@pytest.mark.parametrize("time", [0, 1])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5)])
def test_reverse_sequence(reference, rng, time, shape):
    lengths = rng.integers(1, shape[time] + 1, shape[1 - time])
    one(reference, "ReverseSequence", {"x": draw(rng, shape), "n": lengths}, time_axis=time, batch_axis=1 - time)
