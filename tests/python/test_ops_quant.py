"""Quantised operators against onnxruntime: integers are equal, floats nearly so."""

import numpy as np
import pytest
from one_node import assert_same, one_node

pytest.importorskip("onnxruntime")
from oriel import ort  # noqa: E402

MICROSOFT = "com.microsoft"


@pytest.fixture
def check(reference):
    def compare(op, inputs, domain="", tolerance=2e-6, **arguments):
        model, feeds = one_node(op, inputs, domain, **arguments)
        theirs = reference(model).run(None, feeds)
        ours = ort.InferenceSession(model).run(None, feeds)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b, tolerance)

    return compare


def integers(rng, shape, dtype=np.uint8):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)


def scale(rng, shape=(), power=False):
    return (2.0 ** rng.integers(-5, 1, shape) if power else rng.uniform(0.01, 0.1, shape)).astype(np.float32)


def triple(rng, name, shape, dtype, power=False):
    """An 8-bit operand with its scale and zero point. Scales that are powers of two make ties."""
    return {
        name: integers(rng, shape, dtype),
        f"{name}_scale": scale(rng, power=power),
        f"{name}_zero": integers(rng, (), dtype),
    }


def target(rng, dtype, power=False, factor=1):
    return {"y_scale": scale(rng, power=power) * np.float32(factor), "y_zero": integers(rng, (), dtype)}


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
@pytest.mark.parametrize("per_axis", [False, True])
@pytest.mark.parametrize("power", [False, True])
def test_quantize_and_back(check, rng, dtype, per_axis, power):
    x = rng.normal(0, 3, (3, 5, 7)).astype(np.float32)
    x[0, 0, :4] = [1e9, -1e9, 0.0, -0.0]
    if power:
        x = np.round(x * 64) / 64
    shape = (5,) if per_axis else ()
    parameters = {"scale": scale(rng, shape, power), "zero": integers(rng, shape, dtype)}
    check("QuantizeLinear", {"x": x, **parameters}, axis=-2)
    check("DequantizeLinear", {"x": integers(rng, x.shape, dtype), **parameters}, axis=1)


def test_quantize_divides_in_the_precision_of_the_scale(rng):
    x = rng.normal(0, 2, (4, 6)).astype(np.float16)
    scale = np.float16(0.0123)
    model, feeds = one_node("QuantizeLinear", {"x": x, "scale": scale, "zero": np.uint8(128)}, opsets={"": 19})
    expected = np.clip(np.rint(x / scale).astype(np.int32) + 128, 0, 255)
    np.testing.assert_array_equal(ort.InferenceSession(model).run(None, feeds)[0], expected)


def test_quantize_without_zero_point(check, rng):
    x = rng.normal(0, 2, (4, 6)).astype(np.float32)
    check("QuantizeLinear", {"x": x, "scale": scale(rng)})
    check("DequantizeLinear", {"x": integers(rng, (4, 6), np.int32), "scale": scale(rng)})


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("block", [2, 3])
def test_blocked(check, rng, axis, block):
    x = rng.normal(0, 1, (4, 6, 5)).astype(np.float32)
    shape = list(x.shape)
    shape[axis] = -(-shape[axis] // block)
    parameters = {"scale": scale(rng, shape), "zero": integers(rng, shape, np.int8)}
    check("QuantizeLinear", {"x": x, **parameters}, axis=axis, block_size=block)
    check("DequantizeLinear", {"x": integers(rng, x.shape, np.int8), **parameters}, axis=axis, block_size=block)


@pytest.mark.parametrize("values", [[0.0, 2, -3, -2.5, 1.34, 0.5], [1.0, 2.1, 1.3, 2.5, 3.34, 4.0], [-1.0, -2.1, -1.3], [0.0, 0.0], []])
def test_dynamic_quantize(check, values):
    check("DynamicQuantizeLinear", {"x": np.array(values, np.float32)}, outputs=3)


@pytest.mark.parametrize("shapes", [((4, 9), (9, 5)), ((2, 3, 4, 9), (9, 5)), ((3, 4, 9), (2, 1, 9, 5))])
@pytest.mark.parametrize("types", [(np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)])
def test_matmul_integer(check, rng, shapes, types):
    a, b = (integers(rng, s, t) for s, t in zip(shapes, types))
    zero = [integers(rng, (), t) for t in types]
    check("MatMulInteger", {"a": a, "b": b, "az": zero[0], "bz": zero[1]})
    check("MatMulInteger", {"a": a, "b": b})
    if b.ndim == 2:
        check("MatMulInteger", {"a": a, "b": b, "az": zero[0], "bz": integers(rng, (5,), types[1])}, constants=("b", "bz"))


@pytest.mark.parametrize("types", [(np.uint8, np.int8, np.uint8), (np.uint8, np.uint8, np.uint8), (np.int8, np.int8, np.int8)])
@pytest.mark.parametrize("per_column", [False, True])
def test_qlinear_matmul(check, rng, types, per_column):
    inputs = triple(rng, "a", (2, 4, 9), types[0]) | triple(rng, "b", (9, 5), types[1])
    if per_column:
        inputs |= {"b_scale": scale(rng, (5,)), "b_zero": integers(rng, (5,), types[1])}
    check("QLinearMatMul", inputs | target(rng, types[2], factor=20), constants=("b", "b_scale", "b_zero"))


CONVOLUTIONS = [
    ((2, 3, 7, 6), (4, 3, 3, 3), {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    ((1, 4, 8, 8), (6, 2, 3, 2), {"group": 2, "dilations": [2, 1]}),
    ((1, 4, 5, 5), (4, 1, 3, 3), {"group": 4, "auto_pad": "SAME_UPPER"}),
    ((2, 3, 9), (5, 3, 4), {"pads": [2, 1]}),
]


@pytest.mark.parametrize("x,w,attributes", CONVOLUTIONS)
@pytest.mark.parametrize("types", [(np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)])
@pytest.mark.parametrize("per_channel", [False, True])
def test_qlinear_conv(check, rng, x, w, attributes, types, per_channel):
    inputs = triple(rng, "x", x, types[0]) | triple(rng, "w", w, types[1])
    if per_channel:
        zero = np.zeros(w[0], types[1]) if types[1] == np.int8 else np.full(w[0], inputs["w_zero"])
        inputs |= {"w_scale": scale(rng, (w[0],)), "w_zero": zero}
    inputs |= target(rng, types[0], factor=20) | {"bias": rng.integers(-5000, 5000, w[0]).astype(np.int32)}
    check("QLinearConv", inputs, constants=("w", "w_scale", "w_zero", "bias"), **attributes)


def test_channels_last(check, rng):
    inputs = triple(rng, "x", (2, 7, 6, 3), np.uint8) | triple(rng, "w", (4, 3, 3, 3), np.int8) | target(rng, np.uint8, factor=20)
    check("QLinearConv", inputs, MICROSOFT, pads=[1, 0, 2, 1], strides=[2, 1], channels_last=1, constants=("w", "w_scale", "w_zero"))
    check("NhwcMaxPool", {"x": integers(rng, (2, 7, 6, 3))}, MICROSOFT, kernel_shape=[3, 2], pads=[1, 0, 1, 1])


@pytest.mark.parametrize("x,w,attributes", CONVOLUTIONS)
def test_conv_integer(check, rng, x, w, attributes):
    inputs = {"x": integers(rng, x), "w": integers(rng, w), "xz": integers(rng, ()), "wz": integers(rng, ())}
    check("ConvInteger", inputs, **attributes)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("power", [False, True])
def test_qlinear_binary(check, rng, dtype, power):
    for _ in range(8):
        for op in ("QLinearAdd", "QLinearMul"):
            inputs = triple(rng, "a", (3, 1, 40), dtype, power) | triple(rng, "b", (5, 40), dtype, power)
            check(op, inputs | target(rng, dtype, power), MICROSOFT)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("power", [False, True])
def test_qlinear_unary(check, rng, dtype, power):
    info = np.iinfo(dtype)
    for _ in range(4):
        inputs = triple(rng, "x", (1,), dtype, power) | {"x": np.arange(info.min, info.max + 1).astype(dtype)}
        out = target(rng, dtype, power)
        check("QLinearLeakyRelu", inputs | out, MICROSOFT, alpha=0.2)
        check("QLinearSigmoid", inputs | {"y_scale": np.float32(0.00391), "y_zero": out["y_zero"]}, MICROSOFT)


def test_qlinear_where(check, rng):
    inputs = {"condition": rng.integers(0, 2, (3, 1, 5)).astype(bool)} | triple(rng, "a", (4, 5), np.uint8) | triple(rng, "b", (4, 1), np.uint8)
    check("QLinearWhere", inputs | target(rng, np.uint8), MICROSOFT)


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
def test_gather_block_quantized(check, rng, zeros, bits):
    def packed(*shape):
        return integers(rng, (*shape[:-1], -(-shape[-1] * bits // 8)))

    inputs = {
        "data": packed(6, 5, 48),
        "indices": np.array([[4, 0], [3, 3]]),
        "scales": scale(rng, (6, 5, 3)),
        "zeros": packed(6, 5, 3) if zeros else None,
    }
    constants = ("data", "zeros") if zeros else ("data",)
    check("GatherBlockQuantized", inputs, MICROSOFT, constants=constants, bits=bits, block_size=16, gather_axis=0, quantize_axis=2)


def test_qlinear_concat(check, rng):
    for axis in (0, 1, -1):
        inputs = target(rng, np.uint8)
        for i, extent in enumerate((2, 3, 1)):
            shape = [3, 4, 5]
            shape[axis] = extent
            inputs |= triple(rng, f"x{i}", shape, np.uint8)
        inputs |= {"x1_scale": inputs["y_scale"], "x1_zero": inputs["y_zero"]}
        check("QLinearConcat", inputs, MICROSOFT, axis=axis)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("channels_last", [0, 1])
def test_qlinear_pools(check, rng, dtype, channels_last):
    shape = (2, 6, 7, 3) if channels_last else (2, 3, 6, 7)
    for power in (False, True):
        inputs = triple(rng, "x", shape, dtype, power) | target(rng, dtype, power)
        check("QLinearGlobalAveragePool", inputs, MICROSOFT, channels_last=channels_last)
        for include in (0, 1):
            check("QLinearAveragePool", inputs, MICROSOFT, channels_last=channels_last, kernel_shape=[3, 2], strides=[2, 1],
                  pads=[1, 0, 1, 1], count_include_pad=include)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_qlinear_softmax(check, rng, dtype):
    zero = np.array(np.iinfo(dtype).min, dtype)
    for shape, axis, opset in [((4, 10), -1, 13), ((2, 5, 7), 1, 13), ((2, 5, 7), 1, 11)]:
        inputs = triple(rng, "x", shape, dtype) | {"y_scale": np.float32(1 / 256), "y_zero": zero}
        check("QLinearSoftmax", inputs, MICROSOFT, axis=axis, opset=opset)


@pytest.mark.parametrize("types", [(np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)])
@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("quantised", [False, True])
def test_qgemm(check, rng, types, transposed, quantised):
    inputs = triple(rng, "a", (9, 4) if transposed else (4, 9), types[0]) | triple(rng, "b", (5, 9) if transposed else (9, 5), types[1])
    inputs |= {"b_scale": scale(rng, (5,)), "b_zero": integers(rng, (5,), types[1])}
    inputs |= {"c": rng.integers(-3000, 3000, (5,)).astype(np.int32)}
    if quantised:
        inputs |= target(rng, types[0], factor=20)
    check("QGemm", inputs, MICROSOFT, transA=transposed, transB=transposed, alpha=1.5, constants=("b", "b_scale", "b_zero"))


def test_dynamic_products(check, rng):
    a = rng.normal(0, 1, (2, 4, 9)).astype(np.float32)
    for columns in (False, True):
        shape = (5,) if columns else (1,)
        b = {"b": integers(rng, (9, 5)), "b_scale": scale(rng, shape), "b_zero": integers(rng, shape)}
        bias = {"bias": rng.normal(0, 1, 5).astype(np.float32)}
        check("DynamicQuantizeMatMul", {"a": a} | b | bias, MICROSOFT)
        integer = {"a": integers(rng, (4, 9)), "b": b["b"], "a_scale": scale(rng, (1,)), "b_scale": b["b_scale"],
                   "a_zero": integers(rng, (1,)), "b_zero": b["b_zero"]}
        check("MatMulIntegerToFloat", integer | bias, MICROSOFT)


@pytest.mark.parametrize("bits,zeros", [(4, "none"), (4, "packed"), (4, "float"), (8, "none"), (8, "packed"), (2, "packed")])
def test_matmul_nbits(check, rng, bits, zeros):
    k, n, block = 80, 6, 32
    blocks = -(-k // block)
    inputs = {
        "a": rng.normal(0, 1, (2, 3, k)).astype(np.float32),
        "b": integers(rng, (n, blocks, block * bits // 8)),
        "scales": scale(rng, (n * blocks,)),
    }
    if zeros == "packed":
        inputs["zeros"] = integers(rng, (n * (-(-blocks * bits // 8)),))
    elif zeros == "float":
        inputs["zeros"] = rng.uniform(0, 15, (n * blocks,)).astype(np.float32)
    check("MatMulNBits", inputs, MICROSOFT, 1e-5, K=k, N=n, bits=bits, block_size=block, constants=("b", "scales", "zeros"))


def test_microsoft_quantize_4_and_16_bits(check, rng):
    x = rng.normal(0, 1, (4, 6)).astype(np.float32)
    for dtype in (np.uint16, np.int16):
        parameters = {"scale": scale(rng), "zero": integers(rng, (), dtype)}
        check("QuantizeLinear", {"x": x} | parameters, MICROSOFT)
        check("DequantizeLinear", {"x": integers(rng, (4, 6), dtype)} | parameters, MICROSOFT)


def test_scale_that_does_not_fit_is_an_error(rng):
    model, feeds = one_node("QuantizeLinear", {"x": np.zeros((2, 3), np.float32), "scale": scale(rng, (4,))})
    with pytest.raises(Exception, match="does not fit"):
        ort.InferenceSession(model)
