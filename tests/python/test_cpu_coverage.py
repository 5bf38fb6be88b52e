"""Operators that once ran on the reference device alone, run by the CPU device's own kernels, against onnxruntime."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from one_node import assert_same, element_type
from test_cpu_movement import build, check, draw, on_cpu, one

import oriel.ort as ort

CONV_TRANSPOSE = [
    {"output_shape": [9, 11], "strides": [2, 2]},
    {"output_shape": [10, 12], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    {"output_shape": [12, 14], "strides": [2, 2], "output_padding": [1, 1]},
    {"output_shape": [8, 10], "strides": [2, 2]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [3, 2]},
    {"auto_pad": "VALID", "strides": [2, 1]},
    {"pads": [1, 0, 1, 1], "strides": [2, 2], "output_padding": [1, 0]},
    {"dilations": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1]},
]  # fmt: skip


@pytest.mark.parametrize("attributes", CONV_TRANSPOSE, ids=str)
@pytest.mark.parametrize("channels,features,group", [(3, 5, 1), (32, 16, 1), (20, 24, 4)])
def test_conv_transpose(reference, rng, attributes, channels, features, group):
    node = helper.make_node
    w = draw(rng, (channels, features // group, 3, 3))
    check(reference, [node("Relu", ["x"], ["y"]), node("ConvTranspose", ["y", "w", "b"], ["z"], group=group, **attributes), node("Relu", ["z"], ["out"])],
          {"x": draw(rng, (2, channels, 5, 6))}, constants={"w": w, "b": draw(rng, (features,))}, tolerance=1e-5)


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("channels,dims", [(6, (6, 1, 1)), (6, (1, 6, 1, 1)), (6, ()), (1, (1,)), (6, (1, 1))], ids=str)
def test_what_is_done_to_each_channel_behind_a_convolution(reference, rng, op, channels, dims):
    """Constants by channel are part of the convolution, in either order and repeatedly; the activation follows."""
    node = helper.make_node
    shape = (channels, 5, 3, 3) if op == "Conv" else (5, channels, 3, 3)
    nodes = [
        node(op, ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        node("Add", ["p", "c"], ["d"]),
        node("Mul", ["d", "q"], ["e"]),
        node("Sub", ["e", "r"], ["f"]),
        node("Relu", ["f"], ["out"]),
    ]
    constants = {"w": draw(rng, shape), "b": draw(rng, (channels,)), **{name: draw(rng, dims) for name in "pqr"}}
    feeds = {"x": draw(rng, (2, 5, 6, 7))}
    check(reference, nodes, feeds, constants=constants, tolerance=1e-5)
    steps = ort.InferenceSession(build(nodes, feeds, constants=constants))._session.steps()
    assert [s["op"] for s in steps if s["op"] != "Reorder"] == [op]


def test_constants_that_are_not_by_channel_stay_behind_a_convolution(reference, rng):
    node = helper.make_node
    for dims in (4,), (4, 1), (2, 1, 1, 1), (3, 4, 4), (1, 3, 4, 4):
        nodes = [node("Conv", ["x", "w"], ["c"]), node("Add", ["c", "p"], ["d"]), node("Sub", ["q", "d"], ["out"])]
        constants = {"w": draw(rng, (3, 5, 3, 3)), "p": draw(rng, dims), "q": draw(rng, (3, 1, 1))}
        check(reference, nodes, {"x": draw(rng, (2, 5, 6, 6))}, constants=constants, tolerance=1e-5)


CONV = [
    ({"pads": [1, 1, 1, 1]}, (3, 5, 3, 3), 1),
    ({"strides": [2, 2], "pads": [1, 0, 1, 0]}, (32, 16, 3, 2), 1),
    ({}, (40, 35, 1, 1), 1),
    ({"pads": [2, 2, 2, 2], "dilations": [2, 2]}, (20, 1, 3, 3), 20),
    ({"auto_pad": "SAME_UPPER"}, (6, 2, 2, 4), 3),
    ({"pads": [1, 1]}, (7, 4, 3), 1),
]


@pytest.mark.parametrize("attributes,shape,group", CONV, ids=str)
def test_conv_with_weights_that_a_run_brings(reference, rng, attributes, shape, group):
    """Alone, with a bias of the run, and with what follows taken in; both directions."""
    node = helper.make_node
    dims = (2, shape[1] * group, 9, 8)[: len(shape)]
    for op in ("Conv",) if "auto_pad" in attributes else ("Conv", "ConvTranspose"):
        given = (shape[0], shape[1]) if op == "Conv" else (shape[1] * group, shape[0] // group)
        feeds = {"x": draw(rng, dims), "w": draw(rng, (*given, *shape[2:])), "b": draw(rng, (shape[0],))}
        scales = {"s": draw(rng, (shape[0],) + (1,) * (len(shape) - 2))}
        first = node("Relu", ["x"], ["y"])
        for inputs in ["y", "w"], ["y", "w", "b"]:
            conv = node(op, inputs, ["c"], group=group, **attributes)
            fed = {n: feeds[n] for n in ("x", *inputs[1:])}
            run(reference, [first, conv, node("Neg", ["c"], ["out"])], fed)
            run(reference, [first, conv, node("Mul", ["c", "s"], ["d"]), node("Add", ["d", "s"], ["e"]), node("Relu", ["e"], ["out"])], fed, scales)
            run(reference, [first, conv, node("Sigmoid", ["c"], ["d"]), node("Add", ["d", "c"], ["out"])], fed)


def run(reference, nodes, feeds, constants=None):
    """On the CPU device, with the number of channels and the weights' extents known: twice, with other weights."""
    model = build(nodes, feeds, constants=constants)
    session = on_cpu(model)
    for factor in 1.0, -0.5:
        given = {**feeds, "w": feeds["w"] * np.float32(factor)}
        assert_same(session.run(None, given), reference(model).run(None, given), 1e-5)


def test_conv_transpose_1d_and_3d(reference, rng):
    one(reference, "ConvTranspose", {"x": draw(rng, (1, 4, 7))}, {"w": draw(rng, (4, 3, 5))}, tolerance=1e-5, strides=[3], output_shape=[20])
    one(reference, "ConvTranspose", {"x": draw(rng, (1, 16, 3, 2, 4))}, {"w": draw(rng, (16, 3, 2, 3, 2))}, tolerance=1e-5, strides=[2, 2, 2], auto_pad="SAME_UPPER")


@pytest.mark.parametrize("channels,batch", [(16, 1), (40, 2), (5, 1), (96, 3)])
@pytest.mark.parametrize("kernel,shortcut", [(1, False), (1, True), (3, False)])
def test_gated_channels(reference, rng, channels, batch, kernel, shortcut):
    """Channels weighed by what their means say, before a convolution: a product that a 1x1 convolution takes in."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w"], ["y0"], pads=[1, 1, 1, 1]), node("Relu", ["y0"], ["y"]),
        node("GlobalAveragePool", ["y"], ["mean"]), node("Conv", ["mean", "down"], ["d0"]), node("Relu", ["d0"], ["d"]),
        node("Conv", ["d", "up"], ["u"]), node("Sigmoid", ["u"], ["gate"]),
        node("Mul", ["gate", "y"] if shortcut else ["y", "gate"], ["gated"]),
        node("Conv", ["gated", "v", "b"], ["z"], pads=[kernel // 2] * 4),
        *([node("Add", ["z", "x"], ["out"])] if shortcut else [node("Relu", ["z"], ["out"])]),
    ]  # fmt: skip
    constants = {"w": draw(rng, (channels, 6, 3, 3)), "down": draw(rng, (7, channels, 1, 1)), "up": draw(rng, (channels, 7, 1, 1)),
                 "v": draw(rng, (6, channels, kernel, kernel)), "b": draw(rng, (6,))}  # fmt: skip
    feeds = {"x": draw(rng, (batch, 6, 9, 7))}
    check(reference, nodes, feeds, constants=constants, tolerance=1e-4)
    ops = [s["op"] for s in on_cpu(build(nodes, feeds, constants=constants))._session.steps()]
    assert ops.count("Mul") == (0 if kernel == 1 else 1), ops


def test_gated_channels_that_stay_products(reference, rng):
    node = helper.make_node
    x = {"x": draw(rng, (2, 20, 6, 5)), "s": draw(rng, (1, 20, 1, 1))}
    v = {"v": draw(rng, (8, 20, 1, 1)), "p": draw(rng, (2, 20, 6, 5))}
    # One factor for all images is taken in; a product that others read, that leaves, or that is no factor by channel is not.
    check(reference, [node("Mul", ["x", "s"], ["m"]), node("Conv", ["m", "v"], ["out"])], x, constants=v, tolerance=1e-4)
    check(reference, [node("Mul", ["x", "s"], ["m"]), node("Conv", ["m", "v"], ["out"]), node("Neg", ["m"], ["n"])], x, ("out", "n"), v, 1e-4)
    check(reference, [node("Mul", ["x", "s"], ["m"]), node("Conv", ["m", "v"], ["out"])], x, ("out", "m"), v, 1e-4)
    check(reference, [node("Mul", ["x", "p"], ["m"]), node("Conv", ["m", "v"], ["out"])], {"x": x["x"]}, constants=v, tolerance=1e-4)
    check(reference, [node("Mul", ["s", "s"], ["m"]), node("Conv", ["m", "v"], ["out"])], {"s": x["s"]}, constants=v, tolerance=1e-4)


NARROW_GROUPS = [(2, 3), (4, 5), (8, 3), (8, 8), (4, 1), (2, 16)]


@pytest.mark.parametrize("width,groups", NARROW_GROUPS)
@pytest.mark.parametrize("attributes", [{}, {"strides": [2, 2]}, {"dilations": [2, 2]}, {"pads": [0, 1, 2, 1]}, {"kernel": 1}, {"kernel": 5}], ids=str)
def test_narrow_groups(reference, rng, width, groups, attributes):
    node = helper.make_node
    own = dict(attributes)
    kernel = own.pop("kernel", 3)
    own.setdefault("pads", [kernel // 2] * 4)
    channels = width * groups
    check(reference, [node("Conv", ["x", "e"], ["y"]), node("Conv", ["y", "w", "b"], ["z"], group=groups, **own), node("Sigmoid", ["z"], ["out"])],
          {"x": draw(rng, (2, 3, 11, 14))},
          constants={"e": draw(rng, (channels, 3, 1, 1)), "w": draw(rng, (channels, width, kernel, kernel)), "b": draw(rng, (channels,))},
          tolerance=1e-4)  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 5, 6, 7), (2, 32, 5, 3), (2, 19, 4), (3, 7)])
@pytest.mark.parametrize("size,beta", [(5, 0.75), (3, 0.6), (4, 1.0), (1, 0.5)])
def test_lrn(reference, rng, shape, size, beta):
    if len(shape) == 4 and size % 2 == 1:
        one(reference, "LRN", {"x": 3 * draw(rng, shape)}, tolerance=1e-5, size=size, alpha=0.3, beta=beta, bias=1.5)
        return
    model = build([helper.make_node("LRN", ["x"], ["out"], size=size, alpha=0.3, beta=beta, bias=1.5)], {"x": draw(rng, shape)})
    x = draw(rng, shape)
    padded = np.pad(x.astype(np.float64) ** 2, [(0, 0), ((size - 1) // 2, size // 2)] + [(0, 0)] * (len(shape) - 2))
    sums = sum(padded[:, k:k + shape[1]] for k in range(size))
    assert_same(on_cpu(model).run(None, {"x": x}), [(x / (1.5 + 0.3 / size * sums) ** beta).astype(np.float32)], 1e-5)


def test_lrn_between_convolutions(reference, rng):
    node = helper.make_node
    check(reference, [node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]), node("LRN", ["y"], ["z"], size=5), node("Conv", ["z", "v"], ["out"])],
          {"x": draw(rng, (1, 3, 9, 8))}, constants={"w": draw(rng, (24, 3, 3, 3)), "v": draw(rng, (8, 24, 1, 1))}, tolerance=1e-4)


def test_dropout(reference, rng):
    x = {"x": draw(rng, (3, 4))}
    one(reference, "Dropout", x)
    one(reference, "Dropout", x, outputs=("out", "mask"))
    node = helper.make_node
    check(reference, [node("Relu", ["x"], ["y"]), node("Dropout", ["y", "r", "t"], ["z", "m"]), node("Neg", ["z"], ["out"])], x,
          constants={"r": np.float32(0.3), "t": np.bool_(False)})


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64", "float32", "float64"])
def test_clip_with_limits_of_a_run(rng, dtype):
    x = (draw(rng, (3, 40)) * 50).astype(dtype) if not dtype.startswith("u") else draw(rng, (3, 40), dtype)
    for limits in ({"low": 3, "high": 20}, {"low": 5}, {"low": 9, "high": 2}):
        feeds = {"x": x, **{n: np.array(v, dtype) for n, v in limits.items()}}
        out = on_cpu(build([helper.make_node("Clip", list(feeds), ["out"])], feeds)).run(None, feeds)[0]
        want = np.maximum(x, np.array(limits["low"], dtype))
        if "high" in limits:
            want = np.minimum(want, np.array(limits["high"], dtype))
        assert_same(out, want)


@pytest.mark.parametrize("op", ["Neg", "Abs", "Sign", "Relu", "BitwiseNot"])
@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "float64"])
def test_functions_of_numbers(rng, op, dtype):
    if op == "BitwiseNot" and dtype == "float64":
        pytest.skip("integers only")
    x = (draw(rng, (5, 7)) * 60).astype(dtype)
    if dtype != "float64":
        x[0, 0] = np.iinfo(dtype).min
    want = {"Neg": np.negative, "Abs": np.abs, "Sign": np.sign, "Relu": lambda v: np.maximum(v, 0), "BitwiseNot": np.invert}[op](x)
    feeds = {"x": x}
    assert_same(on_cpu(build([helper.make_node(op, ["x"], ["out"])], feeds)).run(None, feeds)[0], want)


@pytest.mark.parametrize("op", ["Sqrt", "Exp", "Log", "Sin", "Cos", "Tan", "Atan", "Erf", "Tanh", "Sigmoid", "Floor", "Ceil", "Round", "Reciprocal"])
def test_functions_of_f64(reference, rng, op):
    feeds = {"x": np.abs(draw(rng, (4, 9), "float64")) + 0.1}
    model = build([helper.make_node(op, ["x"], ["out"])], feeds)
    try:
        theirs = reference(model).run(None, feeds)
    except Exception:
        pytest.skip("onnxruntime has no kernel")
    assert_same(on_cpu(model).run(None, feeds), theirs, 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tests_of_floats(reference, dtype):
    x = {"x": np.array([[0, -1.5, np.nan], [np.inf, -np.inf, 1e30]], dtype)}
    one(reference, "IsNaN", x)
    one(reference, "IsInf", x)
    one(reference, "IsInf", x, detect_positive=0)
    one(reference, "IsInf", x, detect_negative=0)


@pytest.mark.parametrize("shape", [(2, 3, 9), (1, 19, 7, 8), (2, 3, 4, 5, 6)])
def test_max_pool_indices(reference, rng, shape):
    axes = len(shape) - 2
    x = {"x": np.round(draw(rng, shape) * 3)}
    for attributes in ({}, {"strides": [2] * axes, "pads": [1] * (2 * axes)}, {"dilations": [2] * axes}, {"ceil_mode": 1, "strides": [3] * axes}):
        one(reference, "MaxPool", x, outputs=("out", "at"), kernel_shape=[2] * axes, **attributes)
    one(reference, "MaxPool", x, outputs=("out", "at"), kernel_shape=[2] * axes, storage_order=1)


def test_max_unpool(reference, rng):
    node = helper.make_node
    for shape in ((1, 2, 6), (2, 3, 4, 6)):
        axes = len(shape) - 2
        pool = node("MaxPool", ["x"], ["y", "at"], kernel_shape=[2] * axes, strides=[2] * axes)
        check(reference, [pool, node("MaxUnpool", ["y", "at"], ["out"], kernel_shape=[2] * axes, strides=[2] * axes)], {"x": draw(rng, shape)})
    feeds = {"x": np.array([[[[5, 6], [7, 8]]]], np.float32), "at": np.array([[[[5, 7], [13, 15]]]], np.int64)}
    # The standard's own case: indices count in the natural output, which is the leading corner. onnxruntime counts in the given one.
    want = np.zeros((1, 1, 5, 5), np.float32)
    want[0, 0, 1, 1], want[0, 0, 1, 3], want[0, 0, 3, 1], want[0, 0, 3, 3] = 5, 6, 7, 8
    model = build([node("MaxUnpool", ["x", "at", "to"], ["out"], kernel_shape=[2, 2], strides=[2, 2])], feeds, constants={"to": np.array([1, 1, 5, 5], np.int64)})
    assert_same(on_cpu(model).run(None, feeds)[0], want)
    bad = {**feeds, "at": np.full((1, 1, 2, 2), 99)}
    with pytest.raises(Exception, match="index 99"):
        on_cpu(build([node("MaxUnpool", ["x", "at"], ["out"], kernel_shape=[2, 2], strides=[2, 2])], bad)).run(None, bad)


# Detection


def nms_feeds(rng, batches, classes, count, center):
    boxes = rng.uniform(0, 1, (batches, count, 4)).astype(np.float32)
    if center:
        boxes[..., 2:] *= 0.4
    scores = np.round(rng.uniform(0, 1, (batches, classes, count)) * 16).astype(np.float32) / 16
    return {"boxes": boxes, "scores": scores}


@pytest.mark.parametrize("center", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 50), (2, 2, 333), (1, 2, 0)])
@pytest.mark.parametrize("most,overlap,score", [(1000, 0.3, 0.2), (5, 0.5, None), (0, 0.5, 0.1), (1000, 0.0, 0.9)])
def test_non_max_suppression(reference, rng, center, shape, most, overlap, score):
    constants = {"most": np.array([most], np.int64), "overlap": np.array([overlap], np.float32)}
    if score is not None:
        constants["score"] = np.array([score], np.float32)
    one(reference, "NonMaxSuppression", nms_feeds(rng, *shape, center), constants, fed=tuple(constants), center_point_box=center)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("shift", ["half_pixel", "output_half_pixel"])
@pytest.mark.parametrize("ratio", [0, 1, 2])
@pytest.mark.parametrize("channels", [3, 16, 21])
def test_roi_align(reference, rng, mode, shift, ratio, channels):
    rois = rng.uniform(-2, 30, (6, 4)).astype(np.float32)
    rois = np.concatenate([np.minimum(rois[:, :2], rois[:, 2:]), np.maximum(rois[:, :2], rois[:, 2:])], 1)
    feeds = {"x": draw(rng, (2, channels, 9, 7)), "rois": rois, "batch": np.array([0, 1, 1, 0, 1, 0], np.int64)}
    one(reference, "RoiAlign", feeds, tolerance=1e-4, mode=mode, coordinate_transformation_mode=shift, sampling_ratio=ratio,
        output_height=3, output_width=4, spatial_scale=0.4)


def test_roi_align_without_regions(rng):
    feeds = {"x": draw(rng, (1, 16, 4, 4)), "rois": np.zeros((0, 4), np.float32), "batch": np.zeros(0, np.int64)}
    model = build([helper.make_node("RoiAlign", list(feeds), ["out"], output_height=2, output_width=2)], feeds)
    assert on_cpu(model).run(None, feeds)[0].shape == (0, 16, 2, 2)


def test_roi_align_names_a_bad_batch(rng):
    feeds = {"x": draw(rng, (1, 16, 4, 4)), "rois": np.zeros((1, 4), np.float32), "batch": np.array([3], np.int64)}
    model = build([helper.make_node("RoiAlign", list(feeds), ["out"])], feeds)
    with pytest.raises(Exception, match="batch index 3"):
        on_cpu(model).run(None, feeds)


@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [0, 1])
def test_grid_sample(reference, rng, mode, padding, corners):
    for shape, places in (((2, 19, 5, 6), (2, 3, 4, 2)), ((1, 3, 1, 7), (1, 9, 2, 2))):
        feeds = {"x": draw(rng, shape), "grid": rng.uniform(-1.6, 1.6, places).astype(np.float32)}
        one(reference, "GridSample", feeds, tolerance=1e-5, mode=mode, padding_mode=padding, align_corners=corners)
    if mode != "cubic":
        feeds = {"x": draw(rng, (1, 4, 3, 4, 5)), "grid": rng.uniform(-1.6, 1.6, (1, 2, 3, 2, 3)).astype(np.float32)}
        one(reference, "GridSample", feeds, tolerance=1e-5, mode=mode, padding_mode=padding, align_corners=corners)


# Products by equation, lines, creators

EINSUMS = [
    ("ij->ji", (3, 4)), ("ij->ij", (3, 4)), ("ijk->j", (2, 3, 4)), ("ij,jk->ik", (3, 4), (4, 5)), ("ij,kj->ik", (3, 4), (5, 4)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 6, 5)), ("bhij,bhjd->bihd", (2, 3, 4, 5), (2, 3, 5, 6)),
    ("bhwc,hkc->bhwk", (2, 3, 4, 5), (3, 6, 5)), ("bhwc,wkc->bhwk", (2, 3, 4, 5), (4, 6, 5)), ("bsd,dnh->bsnh", (2, 3, 4), (4, 5, 6)),
    ("bsnh,nhd->bsd", (2, 3, 4, 5), (4, 5, 6)), ("i,j->ij", (3,), (4,)), ("i,i->", (3,), (3,)), ("ij,j->i", (3, 4), (4,)), ("j,ij->i", (4,), (3, 4)),
    ("ij,ij->ij", (3, 4), (3, 4)), ("ij,ij->", (3, 4), (3, 4)), ("ijk,lk->ijl", (2, 3, 4), (5, 4)), ("...ij,...jk->...ik", (2, 5, 3, 4), (2, 5, 4, 6)),
    ("...d,de->...e", (2, 3, 4), (4, 5)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)), ("ij,kj,lj->ikl", (2, 3), (4, 3), (5, 3)), ("ab,cd->", (2, 3), (4, 5)),
    ("ibnd,jbnd->bnij", (3, 2, 4, 5), (6, 2, 4, 5)), ("abc,cba->b", (2, 3, 4), (4, 3, 2)), ("ij,jk", (3, 4), (4, 5)), ("bqd,bkd->bkq", (2, 3, 4), (2, 5, 4)),
    ("abcd,abef->cdef", (2, 3, 4, 5), (2, 3, 6, 2)),
]  # fmt: skip


@pytest.mark.parametrize("equation,shapes", [(e[0], e[1:]) for e in EINSUMS], ids=[e[0] for e in EINSUMS])
def test_einsum(reference, rng, equation, shapes):
    feeds = {f"x{i}": draw(rng, s) for i, s in enumerate(shapes)}
    node = helper.make_node("Einsum", list(feeds), ["out"], equation=equation)
    for symbolic in (False, True):
        model = build([node], feeds, symbolic=symbolic)
        session = ort.InferenceSession(model, providers=["OpenVINOExecutionProvider"])
        assert_same(session.run(None, feeds), reference(model).run(None, feeds), 1e-5)
        # Several summed indices of unknown extent stay an Einsum.
        if not symbolic:
            assert all(s["device"] != "REFERENCE" for s in session._session.steps())
    for level in ("ORT_DISABLE_ALL",):
        options = ort.SessionOptions()
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
        model = build([node], feeds)
        assert_same(ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(None, feeds), reference(model).run(None, feeds), 1e-5)


def test_einsum_that_stays_one(reference, rng):
    for equation, feeds in (("ii->i", {"x": draw(rng, (3, 3))}), ("bii->b", {"x": draw(rng, (2, 3, 3))}), ("ij,jk->ik", {"x": draw(rng, (2, 3), "int32"), "y": draw(rng, (3, 2), "int32")})):
        model = build([helper.make_node("Einsum", list(feeds), ["out"], equation=equation)], feeds)
        session = ort.InferenceSession(model)
        assert [s["op"] for s in session._session.steps()] == ["Einsum"]
        assert_same(session.run(None, feeds), reference(model).run(None, feeds), 1e-5)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 7), (1, 1), (2, 0, 3)])
def test_lines(reference, rng, shape):
    x = {"x": np.round(draw(rng, shape) * 3)}
    for axis in range(-len(shape), len(shape)):
        one(reference, "Hardmax", x, axis=axis)
        if 0 not in shape:
            for p in (1, 2):
                model = build([helper.make_node("LpNormalization", ["x"], ["out"], axis=axis, p=p)], x)
                norm = np.abs(x["x"]).sum(axis, keepdims=True) if p == 1 else np.sqrt((x["x"] ** 2).sum(axis, keepdims=True))
                assert_same(on_cpu(model).run(None, x)[0], np.where(norm == 0, 0, x["x"] / np.where(norm == 0, 1, norm)).astype(np.float32), 1e-6)


@pytest.mark.parametrize("axes", [[0, 2, 3], [1], [-1, 0]])
def test_mean_variance_normalization(reference, rng, axes):
    one(reference, "MeanVarianceNormalization", {"x": draw(rng, (3, 4, 5, 6))}, tolerance=1e-5, axes=axes)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("by_id", [False, True])
@pytest.mark.parametrize("rotated", [0, 4])
def test_rotary_embedding(rng, interleaved, packed, by_id, rotated):
    batch, heads, steps, head = 2, 3, 5, 8
    half = (rotated or head) // 2
    x = draw(rng, (batch, heads, steps, head))
    angles = rng.uniform(0, 6, (11 if by_id else batch * steps, half))
    ids = rng.integers(0, 11, (batch, steps))
    picked = angles[ids] if by_id else angles.reshape(batch, steps, half)
    c, s = np.cos(picked)[:, None], np.sin(picked)[:, None]
    want = x.astype(np.float64).copy()
    a, b = (slice(0, 2 * half, 2), slice(1, 2 * half, 2)) if interleaved else (slice(0, half), slice(half, 2 * half))
    want[..., a], want[..., b] = c * x[..., a] - s * x[..., b], s * x[..., a] + c * x[..., b]
    feeds = {"x": x, "cos": np.cos(angles).astype(np.float32), "sin": np.sin(angles).astype(np.float32)}
    if not by_id:
        feeds = {n: v if n == "x" else v.reshape(batch, steps, half) for n, v in feeds.items()}
    else:
        feeds["ids"] = ids
    if packed:
        feeds["x"] = np.ascontiguousarray(x.transpose(0, 2, 1, 3).reshape(batch, steps, heads * head))
        want = want.transpose(0, 2, 1, 3).reshape(batch, steps, heads * head)
    node = helper.make_node("RotaryEmbedding", list(feeds), ["out"], interleaved=interleaved, rotary_embedding_dim=rotated, **({"num_heads": heads} if packed else {}))
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(n, element_type(v), v.shape) for n, v in feeds.items()],
                              [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11).SerializeToString()
    assert_same(on_cpu(model).run(None, feeds)[0], want.astype(np.float32), 1e-6)


@pytest.mark.parametrize("dtype", ["float32", "int64", "float64"])
@pytest.mark.parametrize("k", [-3, 0, 2, 9])
def test_eye_like(reference, rng, dtype, k):
    one(reference, "EyeLike", {"x": draw(rng, (4, 6), dtype)}, k=k)


@pytest.mark.parametrize("op", ["RandomNormal", "RandomUniform"])
def test_random_numbers_are_those_of_the_reference(rng, op):
    """A seed gives the same numbers on every device."""
    feeds = {"x": draw(rng, (300, 200))}
    nodes = [helper.make_node(op, [], ["a"], shape=[300, 200], seed=3.0), helper.make_node(f"{op}Like", ["x"], ["b"], seed=3.0)]
    a, b = on_cpu(build(nodes, feeds, ("a", "b"))).run(None, feeds)
    assert_same(a, b)
    spread = (0, 1) if op == "RandomNormal" else (0.5, 12 ** -0.5)
    assert abs(a.mean() - spread[0]) < 0.02 and abs(a.std() - spread[1]) < 0.02


@pytest.mark.parametrize("exponent", ["int32", "int64", "float32"])
def test_power_of_another_type(reference, rng, exponent):
    feeds = {"x": np.abs(draw(rng, (4, 5))) + 0.5, "y": np.array([-1, 0, 1, 2, 3]).astype(exponent)}
    one(reference, "Pow", feeds, tolerance=1e-6)
    one(reference, "Pow", {"x": feeds["x"]}, {"y": np.array(2, exponent)}, tolerance=1e-6)


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("dtype", ["uint8", "uint32", "uint64"])
def test_bit_shift(reference, rng, direction, dtype):
    one(reference, "BitShift", {"x": rng.integers(0, 200, (3, 4)).astype(dtype), "y": rng.integers(0, 7, (4,)).astype(dtype)}, direction=direction)


def test_operands_of_unknown_rank(reference, rng):
    """What comes out of a Reshape by an operand of unknown length has no known rank."""
    node = helper.make_node
    feeds = {"x": draw(rng, (3, 4)), "to": np.array([2, 2, 3], np.int64)}
    nodes = [node("Reshape", ["x", "to"], ["y"]), node("Add", ["y", "y"], ["z"]), node("Mul", ["z", "y"], ["w"]), node("Sigmoid", ["w"], ["out"])]
    check(reference, nodes, feeds, tolerance=1e-6)


# Half precision


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_models_run_on_the_cpu(rng, dtype):
    """Everything but the graph's own inputs and outputs is computed in f32: the error is one rounding of the result."""
    import ml_dtypes

    half = np.float16 if dtype == "float16" else ml_dtypes.bfloat16
    proto = TensorProto.FLOAT16 if dtype == "float16" else TensorProto.BFLOAT16
    node = helper.make_node
    w, v = draw(rng, (24, 3, 3, 3)) / 5, draw(rng, (24, 10)) / 5
    nodes = [node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), node("Relu", ["a"], ["b"]), node("GlobalAveragePool", ["b"], ["c"]),
             node("Flatten", ["c"], ["d"]), node("MatMul", ["d", "v"], ["e"]), node("Softmax", ["e"], ["out"])]
    x = draw(rng, (2, 3, 8, 8)).astype(half)

    def model(element, cast):
        held = [numpy_helper.from_array(t.astype(cast), n) for n, t in (("w", w.astype(half)), ("v", v.astype(half)))]
        graph = helper.make_graph(nodes, "half", [helper.make_tensor_value_info("x", element, ["n", 3, "h", "w"])],
                                  [helper.make_tensor_value_info("out", element, None)], held)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10).SerializeToString()

    want = ort.InferenceSession(model(TensorProto.FLOAT, np.float32)).run(None, {"x": x.astype(np.float32)})[0]
    session = on_cpu(model(proto, half))
    assert {s["precision"] for s in session._session.steps() if s["op"] in ("Conv", "MatMul", "Softmax")} == {"f32"}
    value = ort.OrtValue.ortvalue_from_numpy_with_onnx_type(x.view(np.uint16), proto) if dtype == "bfloat16" else ort.OrtValue.ortvalue_from_numpy(x)
    out = session.run_with_ort_values(None, {"x": value})[0]
    assert out.data_type() == f"tensor({dtype})"
    if dtype == "float16":
        np.testing.assert_allclose(out.numpy().astype(np.float64), want, rtol=2e-3)


@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"])
def test_half_storage_keeps_what_only_moves(rng, level):
    """A table that is only gathered from stays f16; a Cast of the model keeps its rounding."""
    node = helper.make_node
    table = draw(rng, (50, 8), "float16")
    nodes = [node("Gather", ["table", "ids"], ["a"]), node("Transpose", ["a"], ["b"], perm=[1, 0]), node("Add", ["b", "b"], ["c"]),
             node("Transpose", ["c"], ["d"], perm=[1, 0]), node("Mul", ["d", "d"], ["out"]), node("Cast", ["y"], ["z"], to=TensorProto.FLOAT16),
             node("Cast", ["z"], ["rounded"], to=TensorProto.FLOAT)]
    feeds = {"ids": np.array([3, 49, 0], np.int64), "y": np.array([1.0001, 3.14159], np.float32)}
    model = build(nodes, feeds, ("out", "rounded"), {"table": table})
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    session = ort.InferenceSession(model, options, providers=["OpenVINOExecutionProvider"])
    steps = session._session.steps()
    assert all(s["device"] != "REFERENCE" for s in steps)
    assert [s["precision"] for s in steps if s["op"] in ("Gather", "Add", "Mul")] == ["f16", "f32", "f32"]
    out, rounded = session.run(None, feeds)
    a = table[feeds["ids"]].astype(np.float32)
    assert out.dtype == np.float16
    np.testing.assert_array_equal(out, ((a + a) * (a + a)).astype(np.float16))
    np.testing.assert_array_equal(rounded, feeds["y"].astype(np.float16).astype(np.float32))


def test_half_values_that_only_a_run_sizes(rng):
    """Symbols that a widened node fixes stay those that later nodes know."""
    node = helper.make_node
    nodes = [node("Exp", ["x"], ["e"]), node("NonZero", ["e"], ["i"]), node("Transpose", ["i"], ["t"], perm=[1, 0]), node("GatherND", ["e", "t"], ["g"]),
             node("Shape", ["g"], ["s"]), node("ConstantOfShape", ["s"], ["k"]), node("Cast", ["k"], ["h"], to=TensorProto.FLOAT16), node("Add", ["g", "h"], ["out"])]
    feeds = {"x": draw(rng, (3, 4), "float16")}
    for symbolic in (False, True):
        out = on_cpu(build(nodes, feeds, symbolic=symbolic)).run(None, feeds)[0]
        np.testing.assert_allclose(out.astype(np.float64), np.exp(feeds["x"].astype(np.float64)).ravel(), rtol=1e-3)


def test_half_in_bodies(reference, rng):
    """Branches of an If are widened as well."""
    node = helper.make_node
    branch = [helper.make_graph([node(op, ["x"], [f"{op}_out"])], op, [], [helper.make_tensor_value_info(f"{op}_out", TensorProto.FLOAT16, None)])
              for op in ("Exp", "Sigmoid")]
    feeds = {"x": draw(rng, (3, 4), "float16"), "c": np.array(True)}
    model = build([node("If", ["c"], ["y"], then_branch=branch[0], else_branch=branch[1]), node("Sqrt", ["y"], ["out"])], feeds)
    session = ort.InferenceSession(model)

    def devices(items):
        for s in items:
            yield s["device"]
            for body in s.get("bodies", []):
                yield from devices(body)

    assert "REFERENCE" not in set(devices(session._session.steps()))
    for c in (True, False):
        got = session.run(None, {**feeds, "c": np.array(c)})[0]
        x = feeds["x"].astype(np.float64)
        np.testing.assert_allclose(got.astype(np.float64), np.sqrt(np.exp(x) if c else 1 / (1 + np.exp(-x))), rtol=2e-3)


# ai.onnx.ml


def ml(op, **attributes):
    return helper.make_node(op, ["x"], ["out"], domain="ai.onnx.ml", **attributes)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
def test_ml_transforms(reference, rng, dtype):
    x = draw(rng, (70, 5), dtype)
    for node in (ml("Normalizer", norm="L1"), ml("Normalizer", norm="L2"), ml("Normalizer", norm="MAX"), ml("Scaler", scale=[2.0], offset=[0.5]),
                 ml("Scaler", scale=[1.0, 2.0, 3.0, 4.0, 5.0], offset=[5.0, 4.0, 3.0, 2.0, 1.0])):
        check(reference, [node], {"x": x}, tolerance=1e-6)
    if dtype == "float32":
        check(reference, [ml("Binarizer", threshold=0.2)], {"x": x})
    check(reference, [helper.make_node("ArrayFeatureExtractor", ["x", "at"], ["out"], domain="ai.onnx.ml")], {"x": x},
          constants={"at": np.array([[3, 0, 3]], np.int64)}, fed=("at",))


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("targets", [1, 3])
def test_ml_linear(reference, rng, transform, targets):
    x = {"x": draw(rng, (130, 6))}
    c, i = draw(rng, (targets * 6,)).tolist(), draw(rng, (targets,)).tolist()
    if targets == 3:
        check(reference, [ml("LinearRegressor", coefficients=c, intercepts=i, targets=targets, post_transform=transform)], x, tolerance=1e-5)
    labels = {"classlabels_ints": [7, 8]} if targets == 1 else {"classlabels_strings": ["a", "b", "c"]}
    node = helper.make_node("LinearClassifier", ["x"], ["out", "scores"], domain="ai.onnx.ml", coefficients=c, intercepts=i, post_transform=transform, **labels)
    check(reference, [node], x, ("out", "scores"), tolerance=1e-5)


@pytest.mark.parametrize("labels", [{"classlabels_int64s": [30, -1, 7]}, {"classlabels_strings": ["b", "c", "a"]}], ids=["ints", "strings"])
def test_ml_maps(reference, rng, labels):
    check(reference, [ml("ZipMap", **labels)], {"x": draw(rng, (4, 3))})
    names = {"x": np.array([["a", "b"], ["c", "d"]], dtype=object)}
    check(reference, [helper.make_node("ArrayFeatureExtractor", ["x", "at"], ["out"], domain="ai.onnx.ml")], names, constants={"at": np.array([1, 0, 1], np.int64)})


@pytest.mark.parametrize("keys,values", [("int64s", "strings"), ("strings", "int64s"), ("floats", "floats"), ("strings", "floats"), ("int64s", "int64s"), ("strings", "strings")])
def test_ml_labels(reference, keys, values):
    tables = {"int64s": [3, -1, 7], "strings": ["b", "c", "a"], "floats": [0.5, float("nan"), -2.0]}
    x = {"int64s": np.array([[7, 3], [99, -1]]), "strings": np.array([["a", "?"], ["b", "c"]], dtype=object), "floats": np.array([[-2.0, np.nan], [0.5, 9.0]], np.float32)}[keys]
    defaults = {"default_int64": 42, "default_string": "none", "default_float": 1.5}
    node = ml("LabelEncoder", **{f"keys_{keys}": tables[keys], f"values_{values}": tables[values]}, **defaults)
    check(reference, [node], {"x": x})


def test_ml_categories(reference):
    for x, cats in ((np.array([[2, 9], [5, 2]]), {"cats_int64s": [5, 2, 8]}), (np.array([["x", "?"]], dtype=object), {"cats_strings": ["y", "x"]}),
                    (np.array([2.7, 5.0], np.float32), {"cats_int64s": [5, 2, 8]})):
        check(reference, [ml("OneHotEncoder", **cats)], {"x": x})
    model = build([ml("OneHotEncoder", cats_int64s=[1], zeros=0)], {"x": np.array([1])})
    with pytest.raises(Exception, match="element 0 has an unknown category"):
        on_cpu(model).run(None, {"x": np.array([4])})


def test_ml_imputer_and_joined_features(reference, rng):
    x = draw(rng, (40, 3))
    x[2, 1] = x[5, 0] = np.nan
    check(reference, [ml("Imputer", imputed_value_floats=[1.0, 2.0, 3.0], replaced_value_float=float("nan"))], {"x": x})
    check(reference, [ml("Imputer", imputed_value_floats=[7.0], replaced_value_float=0.0)], {"x": np.round(x)})
    check(reference, [ml("Imputer", imputed_value_int64s=[7], replaced_value_int64=3)], {"x": draw(rng, (9, 4), "int64")})
    node = helper.make_node("FeatureVectorizer", ["a", "b"], ["out"], domain="ai.onnx.ml", inputdimensions=[3, 2])
    feeds = {"a": draw(rng, (6, 3)), "b": draw(rng, (6, 2))}
    assert_same(on_cpu(build([node], feeds)).run(None, feeds)[0], np.concatenate([feeds["a"], feeds["b"]], 1))
    node = helper.make_node("FeatureVectorizer", ["a", "b"], ["out"], domain="ai.onnx.ml", inputdimensions=[2, 3])
    want = np.concatenate([feeds["a"][:, :2], feeds["b"], np.zeros((6, 1), np.float32)], 1)
    assert_same(on_cpu(build([node], feeds)).run(None, feeds)[0], want)


def forest(rng, prefix, features, targets, trees=7, depth=4):
    """Attributes of random trees; leaves vote for one or two targets."""
    a = {k: [] for k in ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids", "nodes_modes", "nodes_values",
                         "nodes_missing_value_tracks_true")}
    votes = {f"{prefix}_{k}": [] for k in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(trees):
        count = 2 ** (depth + 1) - 1
        for n in range(count):
            leaf = 2 * n + 1 >= count
            a["nodes_treeids"].append(tree)
            a["nodes_nodeids"].append(n)
            a["nodes_featureids"].append(int(rng.integers(features)))
            a["nodes_truenodeids"].append(0 if leaf else 2 * n + 1)
            a["nodes_falsenodeids"].append(0 if leaf else 2 * n + 2)
            a["nodes_modes"].append("LEAF" if leaf else "BRANCH_LEQ")
            a["nodes_values"].append(float(rng.normal()))
            a["nodes_missing_value_tracks_true"].append(int(rng.integers(2)))
            if leaf:
                votes[f"{prefix}_treeids"].append(tree)
                votes[f"{prefix}_nodeids"].append(n)
                votes[f"{prefix}_ids"].append(int(rng.integers(targets)))
                votes[f"{prefix}_weights"].append(float(rng.normal()))
    return {**a, **votes}


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("targets", [1, 3])
def test_ml_tree_regressor(reference, rng, aggregate, targets):
    x = draw(rng, (150, 5))
    x[3, 2] = np.nan
    # onnxruntime leaves base values out where no tree voted.
    base = {"base_values": [0.25]} if targets == 1 else {}
    check(reference, [ml("TreeEnsembleRegressor", n_targets=targets, aggregate_function=aggregate, **base, **forest(rng, "target", 5, targets))], {"x": x},
          tolerance=1e-5)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("classes", [2, 4])
def test_ml_tree_classifier(reference, rng, transform, classes):
    labels = {"classlabels_int64s": [5, 6]} if classes == 2 else {"classlabels_strings": ["a", "b", "c", "d"]}
    node = helper.make_node("TreeEnsembleClassifier", ["x"], ["out", "scores"], domain="ai.onnx.ml", post_transform=transform, **labels,
                            **forest(rng, "class", 5, 1 if classes == 2 else classes))
    check(reference, [node], {"x": draw(rng, (150, 5))}, ("out", "scores"), tolerance=1e-5)


def test_ml_forest_names_a_missing_feature(rng):
    model = build([ml("TreeEnsembleRegressor", n_targets=1, **forest(rng, "target", 5, 1))], {"x": draw(rng, (2, 5))}, symbolic=True)
    with pytest.raises(Exception, match="missing from a row of 2"):
        on_cpu(model).run(None, {"x": draw(rng, (2, 2))})


def test_shrink_of_nan_is_zero(reference):
    one(reference, "Shrink", {"x": np.array([np.nan, np.inf, -np.inf, 0.2, -3, 3], np.float32)}, lambd=0.5, bias=0.25)
