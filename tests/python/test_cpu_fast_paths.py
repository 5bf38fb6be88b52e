"""Short cuts of CPU kernels that only some shapes and values take, against the reference device."""

import numpy as np
import pytest
from one_node import against_reference as compare


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
