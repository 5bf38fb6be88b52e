"""Operators that move, select, create and resize elements: results against onnxruntime, or numpy where that lacks a version."""

import itertools

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import oriel.ort as rt  # noqa: E402

RNG = np.random.default_rng(7)
F32 = np.float32
ELEMENT = {
    np.dtype(t): helper.np_dtype_to_tensor_dtype(np.dtype(t))
    for t in ("f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16")
}
ELEMENT[np.dtype(object)] = TensorProto.STRING


def values(*shape, dtype=F32):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return RNG.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        return RNG.integers(0, 100, shape).astype(dtype)
    if dtype.kind == "O":
        return np.array([f"s{i}" for i in range(int(np.prod(shape)))], dtype=object).reshape(shape)
    if dtype.kind == "c":
        return (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype(dtype)
    return RNG.standard_normal(shape).astype(dtype)


def ints(*numbers):
    return np.array(numbers, dtype=np.int64)


def build(op, inputs, attributes, opset, outputs, constants=(), shapes=True):
    """A model of one node. Inputs whose index is in `constants` become initializers; None is an omitted operand."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], **attributes)
    infos = [
        helper.make_tensor_value_info(n, ELEMENT[x.dtype], x.shape if shapes else [None] * x.ndim)
        for i, (n, x) in enumerate(zip(names, inputs))
        if x is not None and i not in constants
    ]
    initializers = [numpy_helper.from_array(inputs[i], names[i]) for i in constants if inputs[i] is not None]
    made = [onnx.ValueInfoProto(name=f"y{i}") for i in range(outputs)]
    graph = helper.make_graph([node], "case", infos, made, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return model.SerializeToString()


def run(op, inputs, attributes=None, opset=21, outputs=1, **more):
    model = build(op, inputs, attributes or {}, opset, outputs, **more)
    constants = more.get("constants", ())
    feeds = {f"x{i}": x for i, x in enumerate(inputs) if x is not None and i not in constants}
    return rt.InferenceSession(model).run(None, feeds), model, feeds


def compare(got, want, rtol=1e-4, atol=1e-5):
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert g.shape == w.shape
        assert g.dtype == w.dtype
        if w.dtype.kind in "fc":
            np.testing.assert_allclose(g, w, rtol=rtol, atol=atol)
        else:
            np.testing.assert_array_equal(g, w)


def check(op, inputs, attributes=None, opset=21, outputs=1, rtol=1e-4, atol=1e-5, **more):
    """Compares with onnxruntime."""
    ort = pytest.importorskip("onnxruntime")
    got, model, feeds = run(op, inputs, attributes, opset, outputs, **more)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    want = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(None, feeds)
    compare(got, want, rtol, atol)


MOVED_TYPES = ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "O"]


@pytest.mark.parametrize("dtype", MOVED_TYPES)
def test_movement_of_every_type(dtype):
    x = values(2, 3, 4, dtype=dtype)
    got = run("Transpose", [x], {"perm": [2, 0, 1]})[0]
    compare(got, [x.transpose(2, 0, 1)])
    got = run("Slice", [x, ints(-1, 0), ints(-100, 9), ints(2, 1), ints(-2, 2)])[0]
    compare(got, [x[:, 0:9:2, -1::-2]])
    got = run("Gather", [x, ints(2, -3, 0).reshape(3, 1)], {"axis": 1})[0]
    compare(got, [np.take(x, [[2], [0], [0]], axis=1)])
    got = run("Expand", [x[:, :1], ints(3, 1)])[0]
    compare(got, [np.broadcast_to(x[:, :1], (2, 3, 4))])
    got = run("Tile", [x, ints(1, 2, 3)])[0]
    compare(got, [np.tile(x, (1, 2, 3))])
    got = run("Split", [x, ints(1, 0, 3)], {"axis": -1}, outputs=3)[0]
    compare(got, np.split(x, [1, 1], axis=-1))
    got = run("ScatterND", [x, ints(1, 2).reshape(1, 2), x[0, :1]])[0]
    want = x.copy()
    want[1, 2] = x[0, 0]
    compare(got, [want])


def test_zero_extents():
    x = values(0, 3)
    compare(run("Transpose", [x])[0], [x.T])
    compare(run("Slice", [x, ints(0), ints(5), ints(0)])[0], [x])
    compare(run("Gather", [values(4, 3), ints()], {"axis": 0})[0], [x])
    compare(run("Tile", [values(2, 3), ints(0, 1)])[0], [x])
    compare(run("NonZero", [x])[0], [np.zeros((2, 0), np.int64)])
    compare(run("ScatterElements", [values(2, 3) * 0, np.zeros((0, 3), np.int64), x])[0], [np.zeros((2, 3), F32)])
    compare(run("TopK", [values(2, 3), ints(0)], outputs=2)[0], [np.zeros((2, 0), F32), np.zeros((2, 0), np.int64)])
    compare(run("ConstantOfShape", [ints(2, 0)])[0], [np.zeros((2, 0), F32)])


@pytest.mark.parametrize("step", [1, 2, 3, -1, -2, -7])
def test_slice_bounds(step):
    x = values(5, 2)
    for start, end in itertools.product([-9, -5, -2, 0, 3, 5, 9], repeat=2):
        check("Slice", [x, ints(start), ints(end), ints(0), ints(step)], constants=(1, 2, 3, 4))


def test_older_versions():
    x = values(3, 4, 2)
    compare(run("Slice", [x], {"starts": [1, 0], "ends": [-1, 2], "axes": [1, 2]}, opset=9)[0], [x[:, 1:-1, 0:2]])
    compare(run("Split", [x], {"axis": 1, "split": [1, 3]}, opset=11, outputs=2)[0], [x[:, :1], x[:, 1:]])
    compare(run("Split", [x], {"axis": 1}, opset=2, outputs=2)[0], [x[:, :2], x[:, 2:]])
    compare(run("Split", [x, np.array([1, 3], F32)], {"axis": 1}, opset=1, outputs=2, constants=(1,))[0], [x[:, :1], x[:, 1:]])
    compare(run("Squeeze", [x[:, :1]], {"axes": [1]}, opset=11)[0], [x[:, 0]])
    compare(run("Unsqueeze", [x], {"axes": [0, 3]}, opset=11)[0], [x[None, :, :, None]])
    pads = [0, 1, 0, 0, 0, 2]
    wide = np.pad(x, [(0, 0), (1, 0), (0, 2)], constant_values=1.5)
    compare(run("Pad", [x], {"pads": pads, "value": 1.5}, opset=10)[0], [wide])
    compare(run("Pad", [x], {"paddings": pads, "value": 1.5}, opset=1)[0], [wide])
    compare(run("Tile", [x, np.array(3, F32), np.array(1, F32)], {}, opset=5)[0], [np.tile(x, (1, 3, 1))])
    compare(run("TopK", [x], {"k": 2, "axis": 1}, opset=9, outputs=2)[0][:1], [-np.sort(-x, axis=1)[:, :2]])
    indices = np.array([[0, 1], [2, 0]], np.int64)
    check("Scatter", [values(3, 3), indices, values(2, 2)], {"axis": 1}, opset=9)
    image = values(1, 2, 5, 6)
    compare(run("Crop", [image], {"border": [1, 2, 0, 1]}, opset=6)[0], [image[:, :, 2:-1, 1:]])
    compare(run("Crop", [image], {"border": [1, 2, 0, 0], "scale": [2, 3]}, opset=6)[0], [image[:, :, 2:4, 1:4]])
    scaled = image * F32(0.5) + np.array([1, 2], F32)[:, None, None]
    compare(run("ImageScaler", [image], {"scale": 0.5, "bias": [1.0, 2.0]}, opset=6)[0], [scaled])
    compare(run("GivenTensorFill", [], {"shape": [2, 2], "values": [1.0, 2.0, 3.0, 4.0]}, opset=6)[0], [np.array([[1, 2], [3, 4]], F32)])
    compare(run("ConstantFill", [ints(2, 3)], {"input_as_shape": 1, "value": 2.0}, opset=6)[0], [np.full((2, 3), 2, F32)])


@pytest.mark.parametrize("opset", [7, 9, 10])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scales", [(1, 1, 2, 3), (1, 1, 1.5, 2.6), (1, 1, 0.6, 0.5), (1, 1, 0.7, 2)])
def test_upsample_and_first_resize(opset, mode, scales):
    x = values(1, 2, 5, 4)
    op = "Resize" if opset == 10 else "Upsample"
    if opset < 10 and min(scales) < 1:
        pytest.skip("Upsample only grows")
    if mode == "nearest" and scales == (1, 1, 0.7, 2):
        want = x[:, :, [0, 2, 3]].repeat(2, axis=3)
        compare(run(op, [x, np.array(scales, F32)], {"mode": mode}, opset=opset, constants=(1,))[0], [want])
    elif opset == 7:
        check(op, [x], {"mode": mode, "scales": [float(s) for s in scales]}, opset=opset)
    else:
        check(op, [x, np.array(scales, F32)], {"mode": mode}, opset=opset, constants=(1,))


COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_resize_nearest(coordinates, rounding):
    attributes = {"coordinate_transformation_mode": coordinates, "nearest_mode": rounding}
    # With align_corners the standard's results use the extent before rounding, onnxruntime the one after it.
    whole = coordinates == "align_corners"
    for scales in [(1, 1, 2, 3)] if whole else [(1, 1, 2, 3), (1, 1, 0.5, 1.3), (1, 1, 0.3, 0.8)]:
        check("Resize", [values(1, 2, 7, 5), None, np.array(scales, F32)], attributes, opset=19, constants=(2,))
    check("Resize", [values(1, 2, 7, 5, dtype="u1"), None, None, ints(1, 2, 3, 9)], attributes, opset=19, constants=(3,))


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("antialias", [0, 1])
def test_resize_interpolated(coordinates, mode, antialias):
    attributes = {"coordinate_transformation_mode": coordinates, "mode": mode, "antialias": antialias}
    for sizes in [(1, 2, 14, 15), (1, 2, 3, 9), (1, 2, 2, 2)]:
        if antialias and min(sizes[2:]) > 7:
            continue
        check("Resize", [values(1, 2, 7, 5), None, None, ints(*sizes)], attributes, opset=19, constants=(3,), rtol=1e-3, atol=1e-4)


def test_resize_policies_and_crops():
    x = values(1, 1, 6, 8)
    for policy in ["stretch", "not_larger", "not_smaller"]:
        attributes = {"axes": [2, 3], "keep_aspect_ratio_policy": policy, "mode": "linear"}
        check("Resize", [x, None, None, ints(7, 5)], attributes, opset=19, constants=(3,))
    for mode in ["linear", "nearest", "cubic"]:
        roi = np.array([0, 0, 0.2, -0.3, 1, 1, 0.9, 1.2], F32)
        attributes = {"coordinate_transformation_mode": "tf_crop_and_resize", "mode": mode, "extrapolation_value": 7.0}
        check("Resize", [x, roi, None, ints(1, 1, 5, 4)], attributes, opset=19, constants=(1, 3))
    attributes = {"mode": "cubic", "exclude_outside": 1, "cubic_coeff_a": -0.5}
    check("Resize", [x, None, np.array([1, 1, 1.7, 0.6], F32)], attributes, opset=19, constants=(2,))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pad(mode):
    x = values(3, 5)
    for pads in [(1, 2, 0, 3), (0, 0, 2, 4), (2, 0, 0, 1)]:
        more = {} if mode != "constant" else {"constant_values": 0.5}
        want = np.pad(x, [(pads[0], pads[2]), (pads[1], pads[3])], mode=mode, **more)
        inputs = [x, ints(*pads)] + ([np.array(0.5, F32)] if mode == "constant" else [])
        compare(run("Pad", inputs, {"mode": mode})[0], [want])
    compare(run("Pad", [x, ints(-1, 1), None, ints(-1)], {"mode": "edge"})[0], [np.pad(x[:, 1:], [(0, 0), (0, 1)], mode="edge")])


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "u1"])
def test_scatter_reductions(reduction, dtype):
    x = values(4, 3, dtype=dtype)
    indices = np.array([[0, -1, 2], [1, 0, -4]], np.int64)
    if reduction == "none":
        indices = np.array([[0, 1, 2], [1, 3, 0]], np.int64)
    check("ScatterElements", [x, indices, values(2, 3, dtype=dtype)], {"axis": 0, "reduction": reduction}, opset=18)
    places = np.array([[1], [-1], [2 if reduction == "none" else 1]], np.int64)
    check("ScatterND", [x, places, values(3, 3, dtype=dtype)], {"reduction": reduction}, opset=18)


def test_gathers():
    x = values(2, 3, 4)
    check("GatherElements", [x, RNG.integers(-4, 4, (2, 2, 5)).astype(np.int64)], {"axis": 2})
    check("GatherND", [x, RNG.integers(-2, 2, (5, 1)).astype(np.int64)])
    check("GatherND", [x, RNG.integers(0, 3, (2, 3, 1)).astype(np.int64)], {"batch_dims": 1})
    check("Compress", [x, np.array([True, False, True])], {"axis": 1})
    check("Compress", [x, RNG.integers(0, 2, 20).astype(bool)])
    with pytest.raises(Exception, match="out of range"):
        run("Gather", [x, ints(2)], {"axis": 0})


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
def test_top_k(dtype):
    x = np.round(values(3, 7, 2, dtype=dtype) * 2)
    for largest, axis in itertools.product([0, 1], [0, 1, -1]):
        check("TopK", [x, ints(2)], {"largest": largest, "axis": axis}, outputs=2)


@pytest.mark.parametrize("dtype", ["f4", "i8", "O"])
def test_unique(dtype):
    if dtype == "O":
        x = np.array(["b", "a", "b", "", "a", "c"], dtype=object)
        check("Unique", [x], {"sorted": 0}, outputs=4)
        check("Unique", [x], outputs=4)
        return
    x = RNG.integers(0, 3, (4, 5, 2)).astype(dtype)
    for attributes in [{}, {"sorted": 0}, {"axis": 0}, {"axis": 1, "sorted": 0}, {"axis": -1}]:
        check("Unique", [x], attributes, outputs=4)


def test_creation():
    check("Range", [np.array(1, F32), np.array(-3.1, F32), np.array(-0.7, F32)])
    check("Range", [np.array(3), np.array(20), np.array(4)], constants=(0, 1, 2))
    check("EyeLike", [values(4, 5)], {"k": -2, "dtype": TensorProto.INT64})
    check("OneHot", [np.array([[0, 5, -1], [2, -7, 1]]), np.array(5), np.array([2, 9], F32)], {"axis": 1})
    check("Trilu", [values(2, 4, 5), np.array(1)], {"upper": 0})
    check("Trilu", [values(2, 4, 5), np.array(-2)], {"upper": 1})
    check("NonZero", [RNG.integers(0, 2, (3, 4, 2)).astype(np.int64)])
    check("CenterCropPad", [values(5, 4), ints(3, 7)])
    check("ReverseSequence", [values(4, 3, 2), ints(4, 1, 2)])
    for mode in ["DCR", "CRD"]:
        check("DepthToSpace", [values(1, 12, 2, 3)], {"blocksize": 2, "mode": mode})
    check("SpaceToDepth", [values(1, 3, 4, 6)], {"blocksize": 2})


@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [0, 1])
def test_grid_sample(mode, padding, align):
    attributes = {"mode": mode, "padding_mode": padding, "align_corners": align}
    grid = (RNG.random((2, 4, 3, 2)) * 3 - 1.5).astype(F32)
    check("GridSample", [values(2, 2, 5, 6), grid], attributes, opset=20)
    if mode != "cubic":
        grid = (RNG.random((1, 3, 2, 4, 3)) * 3 - 1.5).astype(F32)
        check("GridSample", [values(1, 2, 3, 5, 4), grid], attributes, opset=20)
    old = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    check("GridSample", [values(1, 1, 4, 4), (RNG.random((1, 3, 3, 2)) * 2 - 1).astype(F32)], {**attributes, "mode": old}, opset=16)


def test_affine_grid():
    for align in [0, 1]:
        check("AffineGrid", [values(2, 2, 3), ints(2, 1, 4, 5)], {"align_corners": align}, opset=20)
        check("AffineGrid", [values(1, 3, 4), ints(1, 1, 2, 3, 4)], {"align_corners": align}, opset=20)


@pytest.mark.parametrize("opset", [10, 16])
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("ratio", [0, 2])
def test_roi_align(opset, mode, ratio):
    corner = RNG.random((5, 2)) * 6
    rois = np.concatenate([corner, corner + RNG.random((5, 2)) * 8], axis=1).astype(F32)
    attributes = {"mode": mode, "output_height": 3, "output_width": 2, "sampling_ratio": ratio, "spatial_scale": 0.7}
    check("RoiAlign", [values(2, 3, 8, 9), rois, ints(0, 1, 1, 0, 1)], attributes, opset=opset)


def test_max_roi_pool():
    rois = np.array([[0, 0, 0, 5, 6], [1, 2, 1, 7, 3], [1, 3, 3, 3, 3]], F32)
    check("MaxRoiPool", [values(2, 3, 8, 9), rois], {"pooled_shape": [3, 2], "spatial_scale": 0.8})


@pytest.mark.parametrize("center", [0, 1])
def test_non_max_suppression(center):
    corner = RNG.random((2, 20, 2))
    boxes = np.concatenate([corner, corner + RNG.random((2, 20, 2)) * 0.6], axis=2).astype(F32)
    scores = RNG.random((2, 3, 20)).astype(F32)
    inputs = [boxes, scores, np.array(4), np.array(0.3, F32), np.array(0.2, F32)]
    check("NonMaxSuppression", inputs, {"center_point_box": center}, opset=11)
    check("NonMaxSuppression", inputs[:2], opset=11)


def test_col2im():
    x = values(1, 2 * 6, 9)
    check("Col2Im", [x, ints(5, 5), ints(3, 2)], {"strides": [2, 2], "pads": [1, 1, 1, 1]}, opset=18)


def test_strings():
    x = np.array(["  a b  c ", "", "x"], dtype=object)
    check("StringSplit", [x], outputs=2, opset=20)
    check("StringSplit", [np.array([["a,,b", ",c"]], dtype=object)], {"delimiter": ","}, outputs=2, opset=20)
    check("StringSplit", [np.array(["a b c d"], dtype=object)], {"maxsplit": 2}, outputs=2, opset=20)
    check("StringConcat", [x, np.array(["-"], dtype=object)], opset=20)
    words = np.array(["Monday", "tuesday", "WEDNESDAY"], dtype=object)
    for action, exact in itertools.product(["NONE", "LOWER", "UPPER"], [0, 1]):
        attributes = {"case_change_action": action, "is_case_sensitive": exact, "locale": "C", "stopwords": ["monday", "tuesday"]}
        check("StringNormalizer", [words], attributes, opset=10)


def test_regular_expressions():
    texts = ["", "a", "ab", "aab", "abab", "account@gmail.com", "not email", "x1_y", "A", "\n", "ä", "été", "a\nb", "((", "aaaa", "🙂", "0x1F"]
    patterns = [
        "a*b", "(ab)*", "[a-c]+", "[^a-c]*", r"\w+", r"(\W|^)[\w.\-]{0,25}@(yahoo|gmail)\.com(\W|$)", ".", "(?s).", "(?i)A", "a{2,3}b?",
        r"\Q((\E", "(?P<name>a|b)+", r"[[:alpha:]]+\d?_?.*", "", r"\x{e4}", "(a|)b|$", "a?a?a?a?aaaa", r"(?m)^a$\nb", r"[\d\w]+", "(?:a+?)+", r"é.*",
    ]  # fmt: skip
    x = np.array(texts, dtype=object)
    for pattern in patterns:
        check("RegexFullMatch", [x], {"pattern": pattern}, opset=20)
    for wrong in ["(", "a**", "[b-a]", "*", r"\8", "a{3,2}", "x)"]:
        with pytest.raises(Exception, match="pattern"):
            run("RegexFullMatch", [x], {"pattern": wrong}, opset=20)


def test_tf_idf():
    x = np.array([[1, 1, 3, 3, 3, 7], [8, 6, 7, 5, 6, 8]], np.int32)
    for mode, skips in itertools.product(["TF", "IDF", "TFIDF"], [0, 2, 5]):
        attributes = {
            "mode": mode, "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": skips, "ngram_counts": [0, 4],
            "ngram_indexes": [0, 1, 2, 3, 4, 5, 6], "pool_int64s": [2, 3, 5, 4, 5, 6, 7, 8, 6, 7], "weights": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        }  # fmt: skip
        check("TfIdfVectorizer", [x], attributes, opset=9)


def test_symbolic_shapes_match_what_is_computed():
    """Shape arithmetic over a named dimension: pad to a multiple, reshape back, slice off."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "one"], ["n"], axis=0),
        helper.make_node("Add", ["n", "n"], ["n2"]),
        helper.make_node("Unsqueeze", ["n2", "zero1"], ["n2v"]),
        helper.make_node("Concat", ["two1", "n2v"], ["target"], axis=0),
        helper.make_node("Concat", ["x", "x"], ["xx"], axis=1),
        helper.make_node("Expand", ["xx", "target"], ["e"]),
        helper.make_node("Slice", ["e", "zero1", "n_end", "one1"], ["y"]),
    ]
    constants = {"one": np.array(1), "zero1": ints(0), "two1": ints(2), "one1": ints(1), "n_end": ints(-1)}
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, "N"])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = rt.InferenceSession(model.SerializeToString())
    for n in [1, 3, 0]:
        x = values(2, n)
        compare(session.run(None, {"x": x}), [np.concatenate([x, x], axis=1)[:, :-1]])
