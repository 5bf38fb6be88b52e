"""Kernels of operators that stand alone in most models, against the reference device."""

import numpy as np
import pytest
from one_node import against_reference as compare
from one_node import assert_same, one_node

import oriel.ort as ort

FLOATS = ["float32", "float64"]


def floats(rng, *shape, dtype="float32"):
    return rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("groups,offset_groups", [(1, 1), (2, 1), (1, 3), (3, 2), (6, 6)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("constant", [False, True])
def test_deformed_convolutions(rng, groups, offset_groups, masked, constant):
    x = floats(rng, 2, 6, 9, 11)
    w = floats(rng, 12, 6 // groups, 3, 2)
    rest = {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 1], "dilations": [1, 2], "group": groups, "offset_group": offset_groups}
    out = (2, (9 + 2 - 3) // 2 + 1, 11 + 1 - 3 + 1)
    inputs = {"x": x, "w": w, "o": floats(rng, 2, offset_groups * 12, *out[1:]) * 2, "b": floats(rng, 12)}
    inputs["m"] = rng.random((2, offset_groups * 6, *out[1:])).astype(np.float32) if masked else None
    compare("DeformConv", inputs, 1e-5, constants=("w",) if constant else (), opsets={"": 22}, **rest)


@pytest.mark.parametrize("axes", [1, 3])
def test_deformed_convolutions_of_other_ranks(rng, axes):
    x = floats(rng, 1, 3, *([7] * axes))
    w = floats(rng, 4, 3, *([2] * axes))
    offsets = floats(rng, 1, axes * 2**axes, *([6] * axes)) * 3
    offsets.flat[0] = np.nan
    compare("DeformConv", {"x": x, "w": w, "o": offsets}, 1e-5, opsets={"": 22})


@pytest.mark.parametrize("batch,channels", [(0, 3), (1, 0)])
def test_deformed_convolutions_of_nothing(rng, batch, channels):
    x = floats(rng, batch, channels, 5, 5)
    w = floats(rng, 2, channels, 3, 3)
    compare("DeformConv", {"x": x, "w": w, "o": floats(rng, batch, 18, 3, 3), "b": floats(rng, 2)}, opsets={"": 22})


@pytest.mark.parametrize("dtype", [*FLOATS, "int8", "uint8", "int64", "bool"])
def test_columns_to_images(rng, dtype):
    cases = [([5, 6], [2, 3], {}), ([5, 6], [2, 3], {"pads": [1, 2, 0, 1], "strides": [2, 3], "dilations": [2, 1]}),
             ([17], [4], {"strides": [3]}), ([3, 4, 5], [2, 2, 2], {"pads": [0, 1, 0, 1, 0, 0]}), ([4, 4], [3, 3], {"strides": [1, 2], "pads": [2, 2, 2, 2]})]  # fmt: skip
    for image, block, attributes in cases:
        axes = len(image)
        pads = attributes.get("pads", [0] * 2 * axes)
        strides = attributes.get("strides", [1] * axes)
        dilations = attributes.get("dilations", [1] * axes)
        blocks = [(image[i] + pads[i] + pads[axes + i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1 for i in range(axes)]
        x = (rng.standard_normal((2, 3 * np.prod(block), np.prod(blocks))) * 90).astype(dtype)
        compare("Col2Im", {"x": x, "image": np.array(image), "block": np.array(block)}, 1e-6, **attributes)


def test_columns_of_nothing(rng):
    compare("Col2Im", {"x": floats(rng, 0, 8, 4), "image": np.array([3, 3]), "block": np.array([2, 2])})


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_crops(rng, dtype, mode):
    x = floats(rng, 3, 5, 9, 14, dtype=dtype)
    boxes = rng.uniform(-0.2, 1.2, (20, 4)).astype(dtype)
    boxes[0] = [0, 0, 1, 1]
    images = rng.integers(0, 3, 20).astype(np.int32)
    for size in ([7, 5], [1, 1], [1, 8], [20, 30]):
        inputs = {"x": x, "b": boxes, "i": images, "s": np.array(size, np.int32)}
        compare("CropAndResize", inputs, 1e-5, domain="com.microsoft", mode=mode, extrapolation_value=0.5)
    compare("CropAndResize", {"x": x, "b": boxes[:0], "i": images[:0], "s": np.array([2, 2], np.int32)}, domain="com.microsoft")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("corners", [0, 1])
def test_affine_grids(rng, dtype, corners):
    for size in ([2, 1, 5, 7], [3, 4, 1, 1], [1, 1, 3, 4, 5], [2, 1, 1, 2, 33], [0, 1, 4, 4], [1, 1, 0, 4]):
        axes = len(size) - 2
        theta = floats(rng, size[0], axes, axes + 1, dtype=dtype)
        compare("AffineGrid", {"theta": theta, "size": np.array(size)}, 1e-6, align_corners=corners)


def test_maxima_of_regions(rng):
    x = floats(rng, 2, 19, 20, 17)
    corners = rng.uniform(-5, 15, (30, 2))
    boxes = np.hstack([rng.integers(0, 2, (30, 1)), corners, corners + rng.uniform(0, 25, (30, 2))]).astype(np.float32)
    for shape in ([3, 4], [1, 1], [9, 9]):
        compare("MaxRoiPool", {"x": x, "r": boxes}, pooled_shape=shape, spatial_scale=0.7)
    compare("MaxRoiPool", {"x": x, "r": boxes[:0]}, pooled_shape=[2, 2])


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int64", "bool"])
def test_centred_windows(rng, dtype):
    x = (rng.standard_normal((3, 8, 9, 5)) * 50).astype(dtype)
    for axes, extents in (([1, 2], [4, 13]), ([-1], [0]), ([0, 3], [5, 9]), (None, [3, 8, 9, 5]), (None, [1, 20, 2, 6])):
        attributes = {} if axes is None else {"axes": axes}
        compare("CenterCropPad", {"x": x, "e": np.array(extents)}, **attributes)
    compare("CenterCropPad", {"x": x[:0], "e": np.array([4])}, axes=[1])
    compare("CenterCropPad", {"x": x[:0], "e": np.array([2])}, axes=[0])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("labels", ["int32", "int64"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_losses(rng, dtype, labels, reduction):
    for shape in ((7, 10), (3, 5, 4), (2, 33, 3, 5), (1, 1)):
        x = floats(rng, *shape, dtype=dtype) * 8
        target = rng.integers(0, shape[1], (shape[0], *shape[2:])).astype(labels)
        weights = rng.uniform(0.5, 2, shape[1]).astype(dtype)
        for given in (None, weights):
            for ignored in ({}, {"ignore_index": int(target.flat[0])}):
                inputs = {"x": x, "t": target, "w": given}
                if reduction == "mean" and ignored and target.size == 1:
                    continue
                compare("NegativeLogLikelihoodLoss", inputs, 1e-6, reduction=reduction, **ignored)
                for outputs in (1, 2):
                    compare("SoftmaxCrossEntropyLoss", inputs, 2e-6, outputs=outputs, reduction=reduction, **ignored)


def test_losses_refuse_labels_that_are_no_class(rng):
    for op in ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"):
        model, feeds = one_node(op, {"x": floats(rng, 3, 4), "t": np.array([0, 4, 1])})
        with pytest.raises(Exception, match=r"label 4 is outside \[0, 4\)"):
            ort.InferenceSession(model).run(None, feeds)


@pytest.mark.parametrize("dtype", ["float64", "int32", "uint32", "int64", "uint64"])
def test_products_of_other_types(rng, dtype):
    def some(*shape):
        return (rng.standard_normal(shape) * 9).astype(np.int64).astype(dtype)

    for a, b in (((5, 7), (7, 9)), ((70, 130), (130, 50)), ((3, 1, 6, 4), (2, 4, 5)), ((4,), (4, 3)), ((2, 3, 4), (4,)), ((0, 4), (4, 3)), ((3, 0), (0, 5))):
        compare("MatMul", {"a": some(*a), "b": some(*b)}, 1e-12)
    for ta in (0, 1):
        for tb in (0, 1):
            a = some(7, 30) if ta == 0 else some(30, 7)
            b = some(30, 25) if tb == 0 else some(25, 30)
            for c in (None, some(25), some(7, 1), some(1, 1), some(7, 25)):
                compare("Gemm", {"a": a, "b": b, "c": c}, 1e-12, transA=ta, transB=tb)
            if dtype == "float64":
                compare("Gemm", {"a": a, "b": b, "c": some(25)}, 1e-12, transA=ta, transB=tb, alpha=0.5, beta=-1.5)


@pytest.mark.parametrize("op", ["RandomNormalLike", "RandomUniformLike"])
@pytest.mark.parametrize("dtype", [*FLOATS, "float16"])
def test_draws_of_a_seed(rng, op, dtype):
    attributes = {"mean": 2.0, "scale": 3.0} if op == "RandomNormalLike" else {"low": -1.0, "high": 5.0}
    for shape in ((3, 5), (1000,), (0, 2), (70, 31)):
        compare(op, {"x": np.zeros(shape, dtype)}, 0, seed=7.0, **attributes)


@pytest.mark.parametrize("dtype", FLOATS)
def test_choices_of_a_seed(rng, dtype):
    x = rng.random((40, 33)).astype(dtype)
    for to in (1, 2, 6, 7, 9, 10, 11):
        compare("Bernoulli", {"x": x}, seed=3.0, dtype=to)
    for to in (6, 7):
        compare("Multinomial", {"x": floats(rng, 5, 20, dtype=dtype)}, seed=3.0, dtype=to, sample_size=50)


def test_draws_without_a_seed_differ(rng):
    model, feeds = one_node("RandomUniformLike", {"x": np.zeros((100,), np.float32)})
    session = ort.InferenceSession(model)
    first, second = session.run(None, feeds)[0], session.run(None, feeds)[0]
    assert not np.array_equal(first, second)
    assert (0 <= first).all() and (first < 1).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_inverses(rng, dtype):
    for shape in ((4, 4), (3, 1, 1), (2, 3, 17, 17), (0, 3, 3)):
        compare("Inverse", {"x": floats(rng, *shape, dtype=dtype)}, 1e-4 if dtype == "float32" else 1e-9, domain="com.microsoft")
    rows = np.array([[0, 2, 1], [4, 0, 0], [0, 0, 3]], dtype)
    compare("Inverse", {"x": rows}, 1e-6, domain="com.microsoft")


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_selected_bytes(rng, dtype):
    low, high = (-128, 128) if dtype == "int8" else (0, 256)

    def some(*shape):
        return rng.integers(low, high, shape).astype(dtype)

    one = np.array(3, dtype)
    for condition, x, y in (((5, 70), (5, 70), (5, 70)), ((70,), (5, 1), (1, 70)), ((), (3, 4), ()), ((2, 1), (0,), (1,))):
        inputs = {"c": rng.random(condition) < 0.5, "x": some(*x), "xs": np.float32(0.02), "xz": one, "y": some(*y), "ys": np.float32(0.05), "yz": one, "zs": np.float32(0.03), "zz": one}
        compare("QLinearWhere", inputs, domain="com.microsoft")


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int64"])
def test_caches_with_updates(rng, dtype):
    cache = (rng.standard_normal((3, 2, 10, 4)) * 50).astype(dtype)
    for axis, shape in ((2, (3, 2, 3, 4)), (-2, (3, 2, 10, 4)), (1, (3, 1, 10, 4)), (3, (3, 2, 10, 3)), (2, (3, 2, 0, 4))):
        update = (rng.standard_normal(shape) * 50).astype(dtype)
        room = cache.shape[axis] - update.shape[axis]
        compare("TensorScatter", {"c": cache, "u": update}, opsets={"": 24}, axis=axis)
        starts = rng.integers(0, room + 1, 3)
        compare("TensorScatter", {"c": cache, "u": update, "i": starts}, opsets={"": 24}, axis=axis)
        compare("TensorScatter", {"c": cache, "u": update, "i": rng.integers(0, 25, 3)}, opsets={"": 24}, axis=axis, mode="circular")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"])
def test_linear_models(rng, dtype, transform):
    for rows, features, targets in ((1, 3, 2), (130, 30, 3), (65, 7, 1), (0, 4, 2)):
        x = (rng.standard_normal((rows, features)) * 3).astype(dtype)
        weights = (rng.standard_normal(targets * features) * 0.1).tolist()
        shifts = rng.uniform(0.2, 0.8, targets).tolist()
        compare("LinearRegressor", {"x": x}, 1e-5, domain="ai.onnx.ml", coefficients=weights, intercepts=shifts, targets=targets, post_transform=transform)
        for labels in ({"classlabels_ints": list(range(5, 5 + max(targets, 2)))}, {"classlabels_strings": [f"c{i}" for i in range(max(targets, 2))]}):
            compare("LinearClassifier", {"x": x}, 1e-5, outputs=2, domain="ai.onnx.ml", coefficients=weights, intercepts=shifts, post_transform=transform, **labels)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
def test_support_vectors(rng, dtype, kernel):
    x = (rng.standard_normal((37, 5)) * 2).astype(dtype)
    common = {"domain": "ai.onnx.ml", "kernel_type": kernel, "kernel_params": [0.1, 0.5, 2.0], "support_vectors": rng.standard_normal(12 * 5).tolist()}
    for one_class in (0, 1):
        compare("SVMRegressor", {"x": x}, 1e-4, n_supports=12, coefficients=rng.standard_normal(12).tolist(), rho=[0.25], one_class=one_class, **common)
    for classes, per_class in (([0, 1], [5, 7]), ([3, 4, 5], [4, 3, 5])):
        pairs = len(classes) * (len(classes) - 1) // 2
        machine = {"vectors_per_class": per_class, "coefficients": rng.standard_normal(12 * (len(classes) - 1)).tolist(), "rho": rng.standard_normal(pairs).tolist(), "classlabels_ints": classes}
        compare("SVMClassifier", {"x": x}, 1e-4, outputs=2, **machine, **common)
        compare("SVMClassifier", {"x": x}, 1e-3, outputs=2, prob_a=[-0.5] * pairs, prob_b=[0.1] * pairs, **machine, **common)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalised_rows(rng, norm):
    for shape in ((9, 30), (3, 1), (5,), (4, 0), (0, 3)):
        x = floats(rng, *shape)
        if x.size > 9:
            x[1] = 0
        compare("Normalizer", {"x": x}, 1e-6, domain="ai.onnx.ml", norm=norm)


@pytest.mark.parametrize("labels", [{"classlabels_int64s": [7, -1, 3]}, {"classlabels_strings": ["b", "a", "\u00e4"]}])
def test_maps_of_rows(rng, labels):
    x = floats(rng, 20, 3)
    model, feeds = one_node("ZipMap", {"x": x}, domain="ai.onnx.ml", **labels)
    maps = ort.InferenceSession(model).run(None, feeds)[0]
    names = next(iter(labels.values()))
    assert len(maps) == 20 and all(type(v) is float for v in maps[0].values())
    for row, found in zip(x, maps):
        assert found == {name: float(value) for name, value in zip(names, row)}
        assert list(found) == sorted(names)


def test_rows_with_one_winner_among_nan(rng):
    x = floats(rng, 6, 40)
    x[1, 3] = np.nan
    x[2, 0] = np.nan
    x[3] = np.nan
    for axis in (0, 1):
        compare("Hardmax", {"x": x}, axis=axis)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "float16"])
@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5])
def test_interleaved_columns(rng, dtype, columns):
    for rows in (1, 15, 64, 1500):
        x = (rng.standard_normal((2, rows, columns)) * 50).astype(dtype)
        compare("Transpose", {"x": x}, perm=[0, 2, 1])
        compare("Transpose", {"x": x}, perm=[2, 0, 1])


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32", "int64"])
def test_gathered_lines(rng, dtype):
    x = (rng.standard_normal((6, 40, 9)) * 50).astype(dtype)
    for axis, shape in ((1, (6, 70, 9)), (1, (4, 3, 5)), (0, (11, 40, 9)), (2, (6, 40, 30)), (1, (0, 3, 9)), (2, (6, 40, 0))):
        extent = x.shape[axis]
        compare("GatherElements", {"x": x, "i": rng.integers(-extent, extent, shape)}, axis=axis)
    model, feeds = one_node("GatherElements", {"x": x, "i": np.full((6, 2, 9), 40)}, axis=1)
    with pytest.raises(Exception, match="out of range"):
        ort.InferenceSession(model).run(None, feeds)


@pytest.mark.parametrize("value", [np.float32(0), np.float32(1.5), np.int64(-1), np.int8(7), np.bool_(True)])
def test_filled_tensors(value):
    from onnx import numpy_helper

    for shape in ([3, 5], [70000], [0, 4], []):
        model, feeds = one_node("ConstantOfShape", {"s": np.array(shape, np.int64)}, value=numpy_helper.from_array(np.array([value])))
        assert_same(ort.InferenceSession(model).run(None, feeds)[0], np.full(shape, value))


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64"])
def test_ranges_of_integers(dtype):
    for start, limit, delta in ((0, 100000, 1), (5, -70, -3), (3, 3, 1), (-5, 40000 if dtype == "int16" else 40, 7)):
        if limit > np.iinfo(dtype).max:
            limit = np.iinfo(dtype).max
        if dtype == "int16" and limit == 100000:
            continue
        inputs = {"a": np.array(start, dtype), "b": np.array(limit, dtype), "d": np.array(delta, dtype)}
        compare("Range", inputs)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint8", "int64", "bool"])
def test_distinct_elements(rng, dtype):
    x = (rng.standard_normal(300) * 5).astype(dtype)
    if x.dtype.kind == "f":
        x = np.round(x)
        x[::50] = np.nan
        x[7] = -0.0
    for ordered in (0, 1):
        compare("Unique", {"x": x}, outputs=4, sorted=ordered)
        compare("Unique", {"x": x.reshape(3, 20, 5)}, outputs=4, sorted=ordered)
        compare("Unique", {"x": x}, outputs=4, sorted=ordered, axis=0)
        compare("Unique", {"x": x[:0]}, outputs=4, sorted=ordered)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_averages_of_bytes(rng, dtype):
    low, high = (-128, 128) if dtype == "int8" else (0, 256)
    zero = np.array(5, dtype)
    for shape in ((2, 3, 9, 11), (1, 2, 40), (1, 2, 4, 5, 6), (0, 2, 8, 8)):
        axes = len(shape) - 2
        inputs = {"x": rng.integers(low, high, shape).astype(dtype), "xs": np.float32(0.03), "xz": zero, "ys": np.float32(0.05), "yz": zero}
        for attributes in ({"kernel_shape": [2] * axes, "strides": [2] * axes}, {"kernel_shape": [3] * axes, "pads": [1] * 2 * axes},
                           {"kernel_shape": [3] * axes, "pads": [1] * 2 * axes, "strides": [3] * axes, "count_include_pad": 1}, {"kernel_shape": [2] * axes, "strides": [2] * axes, "ceil_mode": 1}):  # fmt: skip
            compare("QLinearAveragePool", inputs, domain="com.microsoft", **attributes)
