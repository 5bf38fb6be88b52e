"""Short cuts of CPU kernels that only some shapes and values take, against the reference device."""

import numpy as np
import pytest
from one_node import against_reference as compare
from one_node import one_node

from oriel import ort


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_few_of_a_long_line(rng, dtype, largest, axis):
    shape = [3, 3, 3]
    shape[axis] = 300
    x = (rng.standard_normal(shape) * 20).astype(dtype)
    if x.dtype.kind == "f":
        x[rng.random(shape) < 0.01] = np.nan
        x[rng.random(shape) < 0.01] = np.inf
    for k in (1, 2, 31, 32, 33):
        compare("TopK", {"x": x, "k": np.array([k], np.int64)}, outputs=2, constants=("k",), axis=axis, largest=largest)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("shape", [(2, 3, 9, 11), (1, 5, 1, 1), (1, 2, 17), (1, 2, 5, 6, 7), (0, 3, 8, 8)])
def test_pools_of_plain_values(rng, kind, shape):
    axes = len(shape) - 2
    x = rng.standard_normal(shape).astype(np.float32)
    if kind == "MaxPool" and x.size:
        x.flat[x.size // 2] = np.nan
    cases = [{"kernel_shape": [1] * axes}, {"kernel_shape": [3] * axes, "pads": [1] * (2 * axes)}]
    if min(shape[2:]) > 1:
        cases += [{"kernel_shape": [2] * axes, "strides": [2] * axes}, {"kernel_shape": [3] * axes, "strides": [2] * axes, "pads": [1] * (2 * axes), "ceil_mode": 1},
                  {"kernel_shape": [2] * axes, "dilations": [2] * axes, "strides": [3] * axes}, {"kernel_shape": [3] * axes, "auto_pad": "SAME_UPPER", "strides": [2] * axes}]  # fmt: skip
    for attributes in cases:
        compare(kind, {"x": x}, 1e-6, **attributes)
        if kind == "AveragePool":
            compare(kind, {"x": x}, 1e-6, count_include_pad=1, **attributes)


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64"])
@pytest.mark.parametrize("last", [0, 1])
def test_extremes(rng, op, dtype, last):
    for shape in ((4, 1000), (3, 70, 130), (2, 1, 5), (3, 16), (3, 17, 1)):
        x = np.round(rng.standard_normal(shape) * 3).astype(dtype)
        for axis in range(len(shape)):
            compare(op, {"x": x}, axis=axis, select_last_index=last)


@pytest.mark.parametrize("dtype", ["float32", "int64", "float64"])
@pytest.mark.parametrize("shape,axis", [((3, 50, 300), 1), ((129, 128), 0), ((2, 3, 257), 2), ((4, 0, 3), 1), ((1,), 0)])
def test_cumulated_lines(rng, dtype, shape, axis):
    x = (rng.standard_normal(shape) * 5).astype(dtype)
    for exclusive in (0, 1):
        for reverse in (0, 1):
            compare("CumSum", {"x": x, "axis": np.array(axis, np.int64)}, 1e-6, exclusive=exclusive, reverse=reverse)


@pytest.mark.parametrize("sizes", [(1, 2, 14, 22), (1, 2, 21, 33), (1, 2, 7, 22), (1, 4, 14, 11), (1, 2, 3, 5), (1, 2, 20, 4), (1, 2, 3, 40)])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resized_up_and_down(rng, sizes, mode):
    x = rng.standard_normal((1, 2, 7, 11)).astype(np.float32)
    inputs = {"x": x, "roi": None, "scales": None, "sizes": np.array(sizes, np.int64)}
    for transformation in ("half_pixel", "asymmetric", "align_corners"):
        compare("Resize", inputs, 1e-5, mode=mode, coordinate_transformation_mode=transformation, nearest_mode="floor")


@pytest.mark.parametrize("dtype", ["float32", "int8", "float16", "int64", "float64", "bool"])
def test_selected_elements(rng, dtype):
    def some(*shape):
        return (rng.standard_normal(shape) * 9).astype(dtype)

    for condition, x, y in (((5, 70), (5, 70), (5, 70)), ((5, 70), (1,), (5, 70)), ((5, 70), (5, 70), ()), ((5, 70), (), ()), ((5, 1), (5, 70), (1, 70))):
        compare("Where", {"c": rng.random(condition) < 0.5, "x": some(*x), "y": some(*y)})


def test_lines_with_one_winner(rng):
    x = rng.standard_normal((7, 100)).astype(np.float32)
    x[1] = 2.5
    x[2, 5:50] = 9
    for axis in (0, 1):
        compare("Hardmax", {"x": x}, axis=axis)
        compare("LpNormalization", {"x": x}, 1e-6, axis=axis, p=2)
        compare("LpNormalization", {"x": x}, 1e-6, axis=axis, p=1)


def algorithm_of(**rest):
    model, _ = one_node("Conv", rest.pop("inputs"), constants=("w", "b"), **rest)
    session = ort.InferenceSession(model, providers=["OpenVINOExecutionProvider"])
    return [step["algorithm"] for step in session._session.steps() if step["op"] == "Conv"]


@pytest.mark.parametrize("groups,ins,outs", [(5, 1, 1), (3, 1, 19), (7, 3, 2), (2, 5, 9), (1, 37, 2)])
def test_convolutions_of_plain_values(rng, groups, ins, outs):
    """Narrow groups and few output channels, at sizes that no vector divides."""
    found = set()
    for height, width in ((1, 1), (5, 61), (37, 13), (64, 129)):
        x = rng.standard_normal((2, groups * ins, height, width)).astype(np.float32)
        for kernel, stride, dilation, pads in (((1, 1), 1, 1, 0), ((1, 1), 3, 1, 0), ((3, 3), 1, 1, 1), ((5, 4), 2, 2, 4), ((9, 1), 4, 1, 8)):
            w = rng.standard_normal((groups * outs, ins, *kernel)).astype(np.float32)
            b = rng.standard_normal(groups * outs).astype(np.float32)
            inputs = {"x": x, "w": w, "b": b}
            rest = {"group": groups, "strides": [stride] * 2, "dilations": [dilation] * 2, "pads": [pads] * 4}
            compare("Conv", inputs, 1e-5, constants=("w", "b"), **rest)
            found.update(algorithm_of(inputs=inputs, **rest))
    assert "planar" in found


def test_strided_winograd(rng):
    x = rng.standard_normal((1, 64, 57, 56)).astype(np.float32)
    inputs = {"x": x, "w": rng.standard_normal((96, 64, 3, 3)).astype(np.float32), "b": rng.standard_normal(96).astype(np.float32)}
    rest = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    assert algorithm_of(inputs=inputs, **rest)[0] in ("winograd_2x2_stride2", "winograd_4x4_stride2")
    compare("Conv", inputs, 2e-5, constants=("w", "b"), **rest)
    compare("Conv", inputs, 2e-5, constants=("w", "b"), auto_pad="SAME_UPPER", strides=[2, 2])


@pytest.mark.parametrize(
    "size,kernel,stride,dilation,pads",
    [((1, 1), (3, 3), 1, 1, 1), ((2, 2), (10, 10), 2, 1, 5), ((3, 9), (9, 9), 1, 2, 8), ((2, 28), (11, 11), 1, 1, 5), ((7, 6), (3, 3), 1, 6, 6), ((7, 6), (3, 3), 1, 9, 9),
     ((4, 4), (2, 3), 3, 3, 3), ((5, 1), (1, 8), 1, 1, 4)],
)  # fmt: skip
def test_taps_that_read_padding_alone(rng, size, kernel, stride, dilation, pads):
    for groups, ins, outs in ((1, 20, 33), (4, 4, 4), (19, 1, 1), (1, 3, 40)):
        x = rng.standard_normal((2, groups * ins, *size)).astype(np.float32)
        w = rng.standard_normal((groups * outs, ins, *kernel)).astype(np.float32)
        b = rng.standard_normal(groups * outs).astype(np.float32)
        rest = {"group": groups, "strides": [stride] * 2, "dilations": [dilation] * 2}
        compare("Conv", {"x": x, "w": w, "b": b}, 1e-5, constants=("w", "b"), pads=[pads] * 4, **rest)
        compare("Conv", {"x": x, "w": w, "b": b}, 1e-5, constants=("w", "b"), auto_pad="SAME_LOWER", **rest)
