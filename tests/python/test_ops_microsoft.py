"""Floating point operators of com.microsoft against onnxruntime, or their definitions where it has no CPU kernel."""

import math

import numpy as np
import pytest
from one_node import assert_same, one_node

pytest.importorskip("onnxruntime")
from oriel import ort

MICROSOFT = "com.microsoft"


@pytest.fixture
def check(reference):
    def compare(op, inputs, tolerance=2e-5, domain=MICROSOFT, compared=None, **arguments):
        model, feeds = one_node(op, inputs, domain, **arguments)
        theirs = reference(model).run(None, feeds)
        ours = ort.InferenceSession(model).run(None, feeds)
        for a, b in list(zip(ours, theirs, strict=True))[:compared]:
            assert_same(a, b, tolerance)

    return compare


def floats(rng, *shape):
    return rng.normal(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize(
    "activation,parameters",
    [
        ("Relu", None),
        ("Tanh", None),
        ("Sigmoid", None),
        ("LeakyRelu", [0.2]),
        ("Clip", [-0.5, 0.75]),
        ("HardSigmoid", [0.3, 0.4]),
    ],
)
@pytest.mark.parametrize("summed", [False, True])
def test_fused_conv(check, rng, activation, parameters, summed):
    inputs = {
        "x": floats(rng, 1, 4, 6, 6),
        "w": floats(rng, 8, 2, 3, 3),
        "b": floats(rng, 8),
        "z": floats(rng, 1, 8, 6, 6) if summed else None,
    }
    arguments = {"activation_params": parameters} if parameters else {}
    check("FusedConv", inputs, activation=activation, group=2, pads=[1, 1, 1, 1], kernel_shape=[3, 3], **arguments)


def test_fused_gemm(check, rng):
    inputs = {"a": floats(rng, 4, 5), "b": floats(rng, 3, 5), "c": floats(rng, 3)}
    check("FusedGemm", inputs, activation="LeakyRelu", activation_alpha=0.3, transB=1, alpha=0.5, beta=2.0)


@pytest.mark.parametrize("flags", [{}, {"transA": 1, "transB": 1, "alpha": 0.5}, {"transBatchA": 1, "transBatchB": 1}])
def test_fused_matmul(check, rng, flags):
    a, b = floats(rng, 2, 3, 4, 5), floats(rng, 2, 3, 5, 6)
    if flags.get("transBatchA"):
        a, b = a.transpose(2, 0, 1, 3).copy(), b.transpose(2, 0, 1, 3).copy()
    elif flags:
        a, b = a.swapaxes(2, 3).copy(), b.swapaxes(2, 3).copy()
    check("FusedMatMul", {"a": a, "b": b}, **flags)


def test_gelus(check, rng):
    x, bias = floats(rng, 2, 3, 8), floats(rng, 8)
    check("Gelu", {"x": x})
    check("BiasGelu", {"x": x, "b": bias})
    check("FastGelu", {"x": x}, tolerance=1e-4)
    check("FastGelu", {"x": x, "b": bias}, tolerance=1e-4)
    check("QuickGelu", {"x": x}, alpha=1.3)


@pytest.mark.parametrize("bias", [False, True])
def test_skip_norms(check, rng, bias):
    inputs = {"x": floats(rng, 2, 3, 8), "skip": floats(rng, 2, 3, 8), "gamma": floats(rng, 8)}
    extra = {"bias": floats(rng, 8)} if bias else {}
    check("SkipSimplifiedLayerNormalization", inputs | extra, epsilon=1e-5)
    check("SkipLayerNormalization", inputs | {"beta": floats(rng, 8)} | extra, epsilon=1e-5)


def test_simplified_layer_norm(check, rng):
    inputs = {"x": floats(rng, 2, 3, 8), "gamma": floats(rng, 8)}
    check("SimplifiedLayerNormalization", inputs, domain="", axis=-1, epsilon=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_embed_layer_norm(check, rng, masked):
    inputs = {
        "ids": rng.integers(0, 20, (2, 5)).astype(np.int32),
        "segments": rng.integers(0, 2, (2, 5)).astype(np.int32),
        "word": floats(rng, 20, 8),
        "position": floats(rng, 7, 8),
        "segment": floats(rng, 2, 8),
        "gamma": floats(rng, 8),
        "beta": floats(rng, 8),
    }
    if masked:
        inputs["mask"] = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
    check("EmbedLayerNormalization", inputs, outputs=2, epsilon=1e-6)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("single", [False, True])
def test_rotary_embedding(check, rng, interleaved, single):
    angles = rng.uniform(0, 6, (10, 4)).astype(np.float32)
    positions = np.array([3]) if single else np.array([[0, 4, 9], [1, 2, 3]])
    caches = {"positions": positions, "cos": np.cos(angles), "sin": np.sin(angles)}
    check("RotaryEmbedding", {"x": floats(rng, 2, 3, 24)} | caches, interleaved=interleaved)
    check("RotaryEmbedding", {"x": floats(rng, 2, 3, 3, 8)} | caches, interleaved=interleaved)


def test_small_operators(check, rng):
    check("Trilu", {"x": floats(rng, 2, 4, 5), "k": np.array(1)}, upper=0)
    check("Inverse", {"x": floats(rng, 2, 4, 4)}, tolerance=1e-4)
    check("ExpandDims", {"x": floats(rng, 2, 4), "axis": np.array(-1, np.int32)}, constants=("axis",))
    check(
        "GridSample",
        {"x": floats(rng, 1, 2, 5, 6), "grid": rng.uniform(-1, 1, (1, 3, 4, 2)).astype(np.float32)},
        mode="bilinear",
    )


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_crop_and_resize(check, rng, mode):
    boxes = np.array([[0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], [-0.2, 0.3, 1.3, 0.6], [0.8, 0.9, 0.1, 0.2]], np.float32)
    inputs = {
        "x": floats(rng, 2, 3, 9, 8),
        "rois": boxes,
        "batch": np.array([0, 1, 1, 0], np.int32),
        "size": np.array([4, 5], np.int32),
    }
    check("CropAndResize", inputs, mode=mode, extrapolation_value=7.5, constants=("size",))


def attention_inputs(rng, heads=2, size=4, hidden=6):
    return {
        "x": floats(rng, 2, 5, hidden),
        "w": floats(rng, hidden, 3 * heads * size),
        "b": floats(rng, 3 * heads * size),
    }


MASKS = {
    "none": None,
    "lengths": np.array([5, 3], np.int32),
    "spans": np.array([5, 4, 0, 1], np.int32),
    "keys": np.array([[1, 1, 1, 1, 0], [1, 1, 0, 1, 1]], np.int32),
    "pairs": np.tril(np.ones((2, 5, 5), np.int32)),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("unidirectional", [0, 1])
def test_attention(check, rng, mask, unidirectional):
    check("Attention", attention_inputs(rng) | {"mask": MASKS[mask]}, num_heads=2, unidirectional=unidirectional)


def test_attention_with_past(check, rng):
    inputs = attention_inputs(rng) | {"mask": None, "past": floats(rng, 2, 2, 2, 3, 4)}
    check("Attention", inputs, outputs=2, num_heads=2, unidirectional=1)
    inputs = attention_inputs(rng) | {"mask": None, "past": None, "bias": floats(rng, 2, 2, 5, 5)}
    check("Attention", inputs, num_heads=2, scale=0.3)


def test_qattention(check, rng):
    inputs = {
        "x": rng.integers(0, 256, (2, 5, 8)).astype(np.uint8),
        "w": rng.integers(-128, 128, (8, 24)).astype(np.int8),
        "b": floats(rng, 24),
        "xs": np.float32(0.02),
        "ws": np.float32(0.01),
        "mask": np.array([5, 3], np.int32),
        "xz": np.uint8(120),
        "wz": np.int8(3),
    }
    check("QAttention", inputs, num_heads=2)


def test_multi_head_attention(check, rng):
    q, k, v = (floats(rng, 2, n, 8) for n in (5, 7, 7))
    plain = {"q": q, "k": k, "v": v}
    check("MultiHeadAttention", plain, num_heads=2)
    check("MultiHeadAttention", plain | {"b": floats(rng, 24), "mask": np.array([7, 4], np.int32)}, num_heads=2)
    mask = rng.integers(0, 2, (2, 7)).astype(np.int32)
    mask[:, 0] = 1
    check(
        "MultiHeadAttention", plain | {"b": None, "mask": mask, "bias": floats(rng, 1, 2, 5, 7)}, num_heads=2, scale=0.2
    )
    past = {"b": None, "mask": None, "bias": None, "pk": floats(rng, 2, 2, 3, 4), "pv": floats(rng, 2, 2, 3, 4)}
    check("MultiHeadAttention", {"q": q, "k": k[:, :5], "v": v[:, :5]} | past, outputs=3, num_heads=2, unidirectional=1)


def test_packed_multi_head_attention(reference, rng):
    packed = floats(rng, 2, 5, 2, 3, 4)
    parts = [np.ascontiguousarray(packed[:, :, :, i]).reshape(2, 5, 8) for i in range(3)]
    model, feeds = one_node("MultiHeadAttention", dict(zip("qkv", parts)), MICROSOFT, num_heads=2)
    expected = reference(model).run(None, feeds)[0]
    for inputs in ({"q": packed}, {"q": parts[0], "k": np.ascontiguousarray(packed[:, :, :, 1:])}):
        model, feeds = one_node("MultiHeadAttention", inputs, MICROSOFT, num_heads=2)
        assert_same(ort.InferenceSession(model).run(None, feeds)[0], expected, 2e-5)


@pytest.mark.parametrize(
    "options", [{}, {"local_window_size": 3}, {"softcap": 0.7}, {"smooth_softmax": 1}, {"scale": 0.3}]
)
@pytest.mark.parametrize("rotary", [0, 1])
@pytest.mark.parametrize("packed", [False, True])
def test_group_query_attention(check, rng, options, rotary, packed):
    heads, shared, size = 4, 2, 16
    angles = rng.uniform(0, 6, (16, size // 2)).astype(np.float32)
    caches = {"cos": np.cos(angles), "sin": np.sin(angles)} if rotary else {}

    def inputs(length, total, past):
        q, kv = floats(rng, 2, length, heads * size), [floats(rng, 2, length, shared * size) for _ in range(2)]
        given = {"q": np.concatenate([q, *kv], 2), "k": None, "v": None} if packed else {"q": q, "k": kv[0], "v": kv[1]}
        cache = [floats(rng, 2, shared, past, size) for _ in range(2)]
        given |= {
            "pk": cache[0],
            "pv": cache[1],
            "lengths": np.full(2, total - 1, np.int32),
            "total": np.array([total], np.int32),
        }
        return given | caches

    arguments = {"num_heads": heads, "kv_num_heads": shared, "do_rotary": rotary, **options}
    check("GroupQueryAttention", inputs(5, 5, 0), outputs=3, **arguments)
    check("GroupQueryAttention", inputs(1, 7, 6), outputs=3, **arguments)


@pytest.mark.parametrize("masked", [False, True])
def test_quantised_embed_layer_norm(check, rng, masked):
    def table(*shape):
        return rng.integers(0, 256, shape).astype(np.uint8)

    names = ("word", "position", "segment", "gamma", "beta")
    inputs = {
        "ids": rng.integers(0, 20, (2, 5)).astype(np.int32),
        "segments": rng.integers(0, 2, (2, 5)).astype(np.int32),
        **dict(zip(names, (table(20, 8), table(7, 8), table(2, 8), table(8), table(8)))),
        "mask": np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32) if masked else None,
    }
    inputs |= {f"{n}_scale": np.float32(rng.uniform(0.01, 0.05)) for n in names}
    inputs |= {f"{n}_zero": np.uint8(rng.integers(100, 150)) for n in names}
    check("QEmbedLayerNormalization", inputs, outputs=2, epsilon=1e-6)


@pytest.mark.parametrize("directions,by_column,zero", [(1, False, 128), (2, False, 120), (2, True, 128)])
def test_dynamic_quantize_lstm(reference, rng, directions, by_column, zero):
    """Within what the peer loses by quantising its inputs; and exactly the LSTM of the weights that the bytes stand for."""
    size, hidden = 6, 8
    scale = [rng.uniform(0.003, 0.006, (directions, 4 * hidden) if by_column else (directions,)).astype(np.float32) for _ in range(2)]
    zeros = np.full(scale[0].shape, zero, np.uint8)
    w, r = (rng.integers(0, 256, (directions, extent, 4 * hidden)).astype(np.uint8) for extent in (size, hidden))
    x, b = floats(rng, 5, 2, size), floats(rng, directions, 8 * hidden) * 0.1
    kind = {1: "forward", 2: "bidirectional"}[directions]
    operands = {"x": x, "w": w, "r": r, "b": b, "l": None, "h": None, "c": None, "p": None}
    operands |= {"ws": scale[0], "wz": zeros, "rs": scale[1], "rz": zeros}
    constants = ("w", "r", "ws", "wz", "rs", "rz")
    quantised, feeds = one_node(
        "DynamicQuantizeLSTM", operands, MICROSOFT, outputs=3, constants=constants, hidden_size=hidden, direction=kind
    )

    def plain(q, s):
        s = s[:, None, :] if by_column else s[:, None, None]
        return ((q.astype(np.float32) - zero) * s).transpose(0, 2, 1).copy()

    same, _ = one_node(
        "LSTM", {"x": x, "w": plain(w, scale[0]), "r": plain(r, scale[1]), "b": b}, outputs=3, constants=("w", "r"),
        hidden_size=hidden, direction=kind,
    )
    ours = ort.InferenceSession(quantised).run(None, feeds)
    for a, exact, theirs in zip(ours, reference(same).run(None, feeds), reference(quantised).run(None, feeds), strict=True):
        assert_same(a, exact, 2e-5)
        np.testing.assert_allclose(a, theirs, atol=0.03)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean"])
def test_distances(check, rng, metric):
    check("CDist", {"a": floats(rng, 5, 3), "b": floats(rng, 7, 3)}, metric=metric)


def test_unique_and_range(check):
    check("Unique", {"x": np.float32([2, 1, 1, 3, 4, 3])}, outputs=3)
    for numbers in ((np.int64(2), np.int64(9), np.int64(3)), (np.float32(1), np.float32(3.5), None)):
        check("Range", dict(zip(("start", "limit", "delta"), numbers)))


def test_integer_product_of_16_bits(check, rng):
    a, b = (rng.integers(-3000, 3000, s).astype(np.int16) for s in ((4, 3), (3, 5)))
    check("MatMulInteger16", {"a": a, "b": b})


def run_one(op, inputs, outputs=1, **arguments):
    model, feeds = one_node(op, inputs, MICROSOFT, outputs=outputs, **arguments)
    return ort.InferenceSession(model).run(None, feeds)


@pytest.mark.parametrize("op", ["NhwcConv", "NhwcFusedConv"])
def test_nhwc_conv(rng, op):
    # No CPU kernel of onnxruntime's computes these in f32: its Conv between transpositions is the witness.
    x, w, b = floats(rng, 2, 7, 5, 4), floats(rng, 6, 2, 3, 2), floats(rng, 6)
    shared = {"group": 2, "strides": [2, 1], "pads": [1, 0, 1, 1], "dilations": [1, 2]}
    model, feeds = one_node("Conv", {"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2)), "w": w, "b": b}, "", **shared)
    (expected,) = ort.InferenceSession(model).run(None, feeds)
    expected = expected.transpose(0, 2, 3, 1)
    inputs = {"x": x, "w": w, "b": b}
    if op == "NhwcFusedConv":
        inputs["z"] = floats(rng, *expected.shape)
        expected = np.maximum(expected + inputs["z"], 0)
        shared["activation"] = "Relu"
    assert_same(run_one(op, inputs, **shared)[0], np.ascontiguousarray(expected), 2e-5)


def group_norm(x, gamma, beta, groups, silu, epsilon=1e-5):
    """By the definition, channels last."""
    n, channels = x.shape[0], x.shape[-1]
    parts = x.astype(np.float64).reshape(n, -1, groups, channels // groups)
    mean = parts.mean((1, 3), keepdims=True)
    parts = (parts - mean) / np.sqrt(parts.var((1, 3), keepdims=True) + epsilon)
    y = parts.reshape(x.shape) * gamma + beta
    return (y / (1 + np.exp(-y)) if silu else y).astype(x.dtype)


@pytest.mark.parametrize("silu", [0, 1])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_group_norm(rng, silu, kind):
    x, gamma, beta = floats(rng, 2, 5, 3, 12).astype(kind), floats(rng, 12), floats(rng, 12)
    expected = group_norm(x, gamma, beta, 4, silu)
    tolerance = 2e-5 if kind == np.float32 else 2e-3
    inputs = {"x": x, "gamma": gamma, "beta": beta}
    assert_same(run_one("GroupNorm", inputs, groups=4, activation=silu)[0], expected, tolerance)
    first = {**inputs, "x": np.ascontiguousarray(np.moveaxis(x, -1, 1))}
    (y,) = run_one("GroupNorm", first, groups=4, activation=silu, channels_last=0)
    assert_same(y, np.ascontiguousarray(np.moveaxis(expected, -1, 1)), tolerance)


@pytest.mark.parametrize("skip_shape", [(2, 5, 3, 12), (2, 1, 1, 12), (2, 12)])
@pytest.mark.parametrize("biased", [False, True])
def test_skip_group_norm(rng, skip_shape, biased):
    x, gamma, beta, skip = floats(rng, 2, 5, 3, 12), floats(rng, 12), floats(rng, 12), floats(rng, *skip_shape)
    bias = floats(rng, 12) if biased else None
    total = x + skip.reshape(2, *skip_shape[1:-1], *([1, 1] if len(skip_shape) == 2 else []), 12)
    total = total if bias is None else total + bias
    inputs = {"x": x, "gamma": gamma, "beta": beta, "skip": skip, "bias": bias}
    y, s = run_one("SkipGroupNorm", inputs, outputs=2, groups=3, activation=1)
    assert_same(s, total, 2e-5)
    assert_same(y, group_norm(total, gamma, beta, 3, 1), 5e-5)


def test_group_norm_names_a_wrong_activation(rng):
    with pytest.raises(ort.InvalidGraph, match="GroupNorm.*activation is 2"):
        inputs = {"x": floats(rng, 1, 2, 2, 4), "g": floats(rng, 4), "b": floats(rng, 4)}
        run_one("GroupNorm", inputs, groups=2, activation=2)


def test_bias_add(rng):
    x, bias, skip = floats(rng, 2, 3, 8), floats(rng, 8), floats(rng, 2, 3, 8)
    assert_same(run_one("BiasAdd", {"x": x, "bias": bias, "skip": skip})[0], x + bias + skip, 1e-6)


def test_bias_split_gelu(rng):
    x, bias = floats(rng, 2, 3, 10), floats(rng, 10)
    left, right = np.split((x + bias).astype(np.float64), 2, axis=-1)
    gelu = right * 0.5 * (1 + np.vectorize(math.erf)(right / math.sqrt(2)))
    assert_same(run_one("BiasSplitGelu", {"x": x, "bias": bias})[0], (left * gelu).astype(np.float32), 2e-5)
