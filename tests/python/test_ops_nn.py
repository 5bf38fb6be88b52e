"""Convolutions, pools, normalisations, recurrences and attention: against onnxruntime, or numpy where that lacks a version."""

import numpy as np
import onnx
import pytest
from one_node import assert_same, one_node

pytest.importorskip("onnxruntime")
from oriel import ort  # noqa: E402

SEEDS = range(12)


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def nameless(model):
    """The same model with a symbol for every extent of its inputs."""
    proto = onnx.load_from_string(model)
    for i, value in enumerate(proto.graph.input):
        for k, dim in enumerate(value.type.tensor_type.shape.dim):
            dim.dim_param = f"d{i}_{k}"
    return proto.SerializeToString()


def run(op, operands, opset, outputs=1, **attributes):
    """Results with known and with symbolic extents, which have to agree."""
    inputs = {f"x{i}": x for i, x in enumerate(operands)}
    model, feeds = one_node(op, inputs, outputs=outputs, opsets={"": opset}, **attributes)
    results = ort.InferenceSession(model).run(None, feeds)
    for a, b in zip(results, ort.InferenceSession(nameless(model)).run(None, feeds)):
        np.testing.assert_array_equal(a, b)
    return results, model, feeds


@pytest.fixture
def check(reference):
    def compare(op, operands, opset, outputs=1, tolerance=1e-5, **attributes):
        ours, model, feeds = run(op, operands, opset, outputs, **attributes)
        for a, b in zip(ours, reference(model).run(None, feeds), strict=True):
            assert_same(a, b, tolerance)

    return compare


def window(rng, rank, dilations=True, ceil=True):
    """Attributes of a random window. onnxruntime ignores dilations where it finds the pads of SAME_*."""
    kernel = rng.integers(1, 4, rank)
    attributes = {"kernel_shape": kernel.tolist(), "strides": np.minimum(kernel, rng.integers(1, 4, rank)).tolist()}
    kind = rng.integers(4)
    if kind == 0:
        attributes["auto_pad"] = str(rng.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]))
    elif dilations:
        attributes["dilations"] = rng.integers(1, 3, rank).tolist()
    if kind == 1:
        attributes["pads"] = [int(rng.integers(0, kernel[i % rank])) for i in range(2 * rank)]
    if ceil and rng.integers(2):
        attributes["ceil_mode"] = 1
    return attributes


@pytest.mark.parametrize("seed", SEEDS)
def test_pools(check, seed):
    rng = np.random.default_rng(seed)
    rank = seed % 3 + 1
    x = normal(rng, 2, 3, *rng.integers(5, 9, rank))
    check("MaxPool", [x], 12, 2, **window(rng, rank), storage_order=int(rank == 2 and seed % 2))
    check("MaxPool", [rng.integers(-128, 128, x.shape).astype(np.int8)], 12, **window(rng, rank))
    check("AveragePool", [x], 22, **window(rng, rank), count_include_pad=seed % 2)
    check("LpPool", [x], 18, **window(rng, rank), p=seed % 3 + 1)
    for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"):
        check(op, [x], 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_convolutions(check, seed):
    rng = np.random.default_rng(seed)
    rank, group = seed % 3 + 1, seed % 2 + 1
    attributes = window(rng, rank, dilations=seed % 4 > 0, ceil=False)
    x = normal(rng, 2, 2 * group, *rng.integers(6, 9, rank))
    bias = normal(rng, 3 * group) if seed % 2 else None
    check("Conv", [x, normal(rng, 3 * group, 2, *attributes["kernel_shape"]), bias], 11, group=group, **attributes)
    w = normal(rng, 2 * group, 3, *attributes["kernel_shape"])
    if "pads" not in attributes and seed % 3 == 0:
        natural = [s * (n - 1) for s, n in zip(attributes["strides"], x.shape[2:])]
        attributes["output_shape"] = [int(n + rng.integers(0, 4)) for n in natural]
    elif "auto_pad" not in attributes:
        attributes["output_padding"] = [s - 1 for s in attributes["strides"]]
    check("ConvTranspose", [x, w, bias], 11, group=group, **attributes)


@pytest.mark.parametrize("seed", SEEDS)
def test_deformable_convolution(check, seed):
    rng = np.random.default_rng(seed)
    group, offsets, kernel, stride = seed % 2 + 1, seed % 3 + 1, int(rng.integers(1, 4)), seed % 2 + 1
    x = normal(rng, 2, group * offsets, 6, 7)
    out = [(n + 2 - kernel) // stride + 1 for n in x.shape[2:]]
    check(
        "DeformConv",
        [
            x,
            normal(rng, 2 * group, offsets, kernel, kernel),
            2 * normal(rng, 2, offsets * kernel**2 * 2, *out),
            normal(rng, 2 * group) if seed % 2 else None,
            normal(rng, 2, offsets * kernel**2, *out) if seed % 3 else None,
        ],
        19,
        group=group,
        offset_group=offsets,
        strides=[stride] * 2,
        pads=[1] * 4,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_normalisations(check, seed):
    rng = np.random.default_rng(seed)
    groups = seed % 3 + 1
    channels = groups * int(rng.integers(1, 4))
    x = normal(rng, 2, channels, *rng.integers(1, 5, seed % 3 + 1))
    scale, bias, mean, variance = (normal(rng, channels) for _ in range(4))
    for version in (7, 9, 14, 15):
        check("BatchNormalization", [x, scale, bias, mean, variance**2 + 0.1], version, epsilon=1e-3)
    check("InstanceNormalization", [x, scale, bias], 6, epsilon=1e-2)
    check("GroupNormalization", [x, scale, bias], 21, num_groups=groups)
    check("GroupNormalization", [x, scale[:groups], bias[:groups]], 18, num_groups=groups)
    check("LRN", [normal(rng, 2, 5, 3, 2)], 13, size=2 * groups - 1, alpha=0.1, beta=0.6, bias=1.5)
    axis = int(rng.integers(-x.ndim, x.ndim))
    parameter = normal(rng, *x.shape[axis:])
    check("LayerNormalization", [x, parameter, normal(rng, *parameter.shape)], 17, 3, axis=axis)
    check("RMSNormalization", [x, parameter], 23, axis=axis)
    check("LpNormalization", [x], 1, axis=axis, p=seed % 2 + 1)
    check("MeanVarianceNormalization", [normal(rng, 2, 3, 4, 5)], 13, axes=[0, 2, 3][: groups + 1])
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        for version in (1, 11, 13):
            check(op, [x], version, axis=axis % x.ndim if version == 1 else axis)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("op,gates,functions", [("RNN", 1, 1), ("GRU", 3, 2), ("LSTM", 4, 3)])
def test_recurrences(check, seed, op, gates, functions):
    rng = np.random.default_rng(seed)
    direction = ("forward", "reverse", "bidirectional")[seed % 3]
    directions, steps, batch, width, hidden = 1 + (seed % 3 == 2), 5, 3, 4, 3
    attributes = {"direction": direction, "hidden_size": hidden}
    if seed % 2:
        takes_alpha = {"LeakyRelu", "ThresholdedRelu", "Elu", "HardSigmoid", "ScaledTanh", "Affine"}
        takes_beta = {"HardSigmoid", "ScaledTanh", "Affine"}
        names = rng.choice(sorted(takes_alpha | {"Relu", "Tanh", "Sigmoid", "Softsign", "Softplus"}), functions * directions)
        attributes["activations"] = [str(n) for n in names]
        alpha = [float(rng.uniform(0.1, 1)) for n in names if n in takes_alpha]
        beta = [float(rng.uniform(0.1, 1)) for n in names if n in takes_beta]
        attributes.update({k: v for k, v in (("activation_alpha", alpha), ("activation_beta", beta)) if v})
    if seed % 4 > 1:
        attributes["clip"] = 0.8
    if op == "GRU":
        attributes["linear_before_reset"] = seed // 2 % 2
    if op == "LSTM":
        attributes["input_forget"] = seed // 3 % 2
    states = [normal(rng, directions, batch, hidden) if seed % 3 else None for _ in range(1 + (op == "LSTM"))]
    operands = [
        normal(rng, steps, batch, width),
        normal(rng, directions, gates * hidden, width),
        normal(rng, directions, gates * hidden, hidden),
        normal(rng, directions, 2 * gates * hidden) if seed % 4 else None,
        np.array([5, 2, 0], np.int32) if seed % 5 else None,
        *states,
    ]
    if op == "LSTM":
        operands.append(normal(rng, directions, 3 * hidden) if seed % 2 else None)
    check(op, operands, 14, 3 if op == "LSTM" else 2, tolerance=3e-5, **attributes)


@pytest.mark.parametrize("op,gates", [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_recurrences_with_batch_first(rng, op, gates):
    x, h = normal(rng, 4, 2, 3), normal(rng, 2, 2, 5)
    w, r = normal(rng, 2, gates * 5, 3), normal(rng, 2, gates * 5, 5)
    attributes = {"hidden_size": 5, "direction": "bidirectional"}
    swap = lambda t: np.ascontiguousarray(np.swapaxes(t, 0, 1))  # noqa: E731
    (y, last), _, _ = run(op, [x, w, r, None, None, h], 14, 2, **attributes)
    (y1, last1), _, _ = run(op, [swap(x), w, r, None, None, swap(h)], 14, 2, layout=1, **attributes)
    np.testing.assert_array_equal(y.transpose(2, 0, 1, 3), y1)
    np.testing.assert_array_equal(swap(last), last1)


@pytest.mark.parametrize("seed", range(24))
def test_attention(check, seed):
    rng = np.random.default_rng(seed)
    batch, shared, kv, queries, keys, size, v_size = 2, seed % 2 + 1, 2, 3, int(rng.integers(1, 6)), 4, 5
    heads, past = kv * shared, seed % 3 if seed % 4 == 0 else None
    total = keys + (past or 0)
    attributes = {"is_causal": seed // 2 % 2, "softcap": 1.5 * (seed // 3 % 2)}
    if seed % 3 == 0:
        attributes["scale"] = 0.7
    if seed % 2:
        operands = [normal(rng, batch, queries, heads * size), normal(rng, batch, keys, kv * size), normal(rng, batch, keys, kv * v_size)]
        attributes.update(q_num_heads=heads, kv_num_heads=kv)
    else:
        operands = [normal(rng, batch, heads, queries, size), normal(rng, batch, kv, keys, size), normal(rng, batch, kv, keys, v_size)]
    masks = [None, (queries, total), (1, heads, queries, total), (batch, 1, queries, total)]
    mask = masks[seed // 4 % 4]
    if mask is not None:
        mask = normal(rng, *mask) if seed % 2 else rng.integers(0, 2, mask).astype(bool)
    operands.append(mask)
    if past is not None:
        operands += [normal(rng, batch, kv, past, size), normal(rng, batch, kv, past, v_size)]
    elif seed % 4 == 1:
        operands += [None, None, rng.integers(1, keys + 1, batch)]
    check("Attention", operands, 24, 3 if past is not None else 1, **attributes)


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embedding(check, rng, interleaved):
    cosines, sines = normal(rng, 9, 3), normal(rng, 9, 3)
    ids = rng.integers(0, 9, (2, 4))
    check("RotaryEmbedding", [normal(rng, 2, 3, 4, 6), cosines, sines, ids], 23, interleaved=interleaved)
    packed = [normal(rng, 2, 4, 3 * 8), normal(rng, 2, 4, 3), normal(rng, 2, 4, 3)]
    check("RotaryEmbedding", packed, 23, interleaved=interleaved, num_heads=3, rotary_embedding_dim=6)


def batch_normalization(x, scale, bias, mean, variance, axes, epsilon=1e-5, momentum=0.9):
    """The training outputs: y, running mean and variance, the batch's mean and variance."""
    m, v = x.mean(axes, dtype=np.float64), x.var(axes, dtype=np.float64)
    shape = [1 if a in axes else n for a, n in enumerate(x.shape)]
    y = (x - m.reshape(shape)) / np.sqrt(v.reshape(shape) + epsilon) * scale.reshape(shape) + bias.reshape(shape)
    return y, mean * momentum + m * (1 - momentum), variance * momentum + v * (1 - momentum), m, v


@pytest.mark.parametrize("version,outputs,spatial", [(14, 3, 1), (9, 5, 1), (7, 5, 1), (7, 3, 0), (7, 5, 0)])
def test_batch_normalization_in_training(rng, version, outputs, spatial):
    x = normal(rng, 4, 3, 2, 5)
    axes = (0, 2, 3) if spatial else (0,)
    parameters = [np.abs(normal(rng, *(x.shape[1:2] if spatial else x.shape[1:]))) + 0.1 for _ in range(4)]
    attributes = {"momentum": 0.75} | ({"training_mode": 1} if version >= 14 else {"spatial": spatial} if version < 9 else {})
    ours, _, _ = run("BatchNormalization", [x, *parameters], version, outputs, **attributes)
    for a, b in zip(ours, batch_normalization(x, *parameters, axes, momentum=0.75)):
        assert_same(a, b.astype(np.float32), 1e-5)


def test_batch_normalization_by_element(rng):
    x, parameters = normal(rng, 4, 3, 2), [np.abs(normal(rng, 3, 2)) + 0.1 for _ in range(4)]
    scale, bias, mean, variance = parameters
    (y,), _, _ = run("BatchNormalization", [x, *parameters], 7, spatial=0)
    assert_same(y, ((x - mean) / np.sqrt(variance + np.float32(1e-5)) * scale + bias), 1e-5)


def test_real_exponents_of_version_1(rng):
    x = normal(rng, 2, 3, 4, 6)
    (y,), _, _ = run("LpPool", [x], 1, kernel_shape=[2, 3], strides=[2, 3], p=2.5)
    blocks = np.abs(x.reshape(2, 3, 2, 2, 2, 3)) ** 2.5
    assert_same(y, blocks.sum((3, 5)) ** (1 / 2.5), 1e-5)
    model, feeds = one_node("GlobalLpPool", {"x": x}, opsets={"": 1}, p=1.5)
    (y,) = ort.InferenceSession(model).run(None, feeds)
    assert_same(y, (np.abs(x) ** 1.5).sum((2, 3), keepdims=True) ** (1 / 1.5), 1e-5)


def test_unpooling_inverts_pooling(rng):
    x = np.abs(normal(rng, 2, 3, 4, 6))
    attributes = {"kernel_shape": [2, 2], "strides": [2, 2]}
    (y, where), _, _ = run("MaxPool", [x], 12, 2, **attributes)
    (back,), _, _ = run("MaxUnpool", [y, where], 11, **attributes)
    assert back.shape == x.shape and set(np.flatnonzero(back)) == set(where.ravel())
    np.testing.assert_array_equal(back[back != 0], x[back != 0])
    (wide,), _, _ = run("MaxUnpool", [y, where, np.array([2, 3, 5, 7])], 11, **attributes)
    np.testing.assert_array_equal(wide[:, :, :4, :6], back)
    assert not wide[:, :, 4:].any() and not wide[..., 6:].any()


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_element_types(rng, dtype):
    """Within one rounding of what f32 gives for the same numbers."""
    x = normal(rng, 2, 4, 5, 6).astype(np.float16)
    channel, weights = x[0, :, 0, 0], normal(rng, 4, 4, 2, 2).astype(np.float16)
    cases = [
        ("Conv", [x, weights], 22, {}),
        ("ConvTranspose", [x, weights], 22, {}),
        ("MaxPool", [x], 22, {"kernel_shape": [2, 2]}),
        ("AveragePool", [x], 22, {"kernel_shape": [2, 2]}),
        ("GlobalAveragePool", [x], 22, {}),
        ("InstanceNormalization", [x, channel, channel], 22, {}),
        ("LayerNormalization", [x, x[0, 0, 0]], 17, {}),
        ("LRN", [x], 13, {"size": 3}),
        ("LogSoftmax", [x], 13, {}),
        ("GRU", [x[0], x[:1, :3, 0], x[:1, :3, 0, :1]], 22, {"hidden_size": 1}),
        ("Attention", [x, x, x], 23, {}),
    ]
    for op, operands, version, attributes in cases:
        exact, _, _ = run(op, [o.astype(np.float32) for o in operands], version, **attributes)
        ours, _, _ = run(op, [o.astype(dtype) for o in operands], version, **attributes)
        for a, b in zip(ours, exact):
            assert a.dtype == dtype
            assert_same(a.astype(np.float32), b, 1e-3 if dtype == np.float16 else 1e-6)


def test_empty_batches(rng):
    none = normal(rng, 0, 4, 5, 6)
    assert run("Conv", [none, normal(rng, 3, 4, 2, 2)], 22)[0][0].shape == (0, 3, 4, 5)
    assert run("MaxPool", [none], 22, kernel_shape=[2, 2])[0][0].shape == (0, 4, 4, 5)
    assert run("GlobalAveragePool", [none], 22)[0][0].shape == (0, 4, 1, 1)
    assert run("InstanceNormalization", [none, none[0:0, :, 0, 0].sum(0), np.ones(4, np.float32)], 22)[0][0].shape == none.shape
    assert run("Softmax", [none], 11, axis=2)[0][0].shape == none.shape
    assert run("Attention", [none, none, none], 23)[0][0].shape == none.shape


@pytest.mark.parametrize(
    "op,operands,attributes",
    [
        ("MaxPool", [(1, 1, 4)], {"kernel_shape": [5]}),
        ("MaxPool", [(1, 1, 4)], {"kernel_shape": [2, 2]}),
        ("MaxPool", [(1, 1, 4)], {"kernel_shape": [2], "strides": [0]}),
        ("AveragePool", [(1, 1)], {"kernel_shape": [1]}),
        ("LpPool", [(1, 1, 4)], {"kernel_shape": [1 << 40]}),
        ("Conv", [(1, 3, 4), (2, 2, 1)], {}),
        ("ConvTranspose", [(1, 3, 4), (2, 2, 1)], {}),
        ("ConvTranspose", [(1, 2, 4), (2, 2, 1)], {"output_shape": [1, 2, 3, 4, 5, 6]}),
        ("BatchNormalization", [(1, 3, 4), (3,), (3,), (3,), (2,)], {}),
        ("GroupNormalization", [(1, 3, 4), (3,), (3,)], {"num_groups": 2}),
        ("LayerNormalization", [(2, 3), (4,)], {}),
        ("Softmax", [(2, 3)], {"axis": 2}),
        ("LRN", [(2, 3)], {"size": 0}),
        ("LSTM", [(2, 1, 3), (1, 8, 4), (1, 8, 2)], {"hidden_size": 2}),
        ("GRU", [(2, 1, 3), (1, 6, 3), (1, 6, 2)], {"activations": ["Sigmoid", "Nothing"]}),
        ("RNN", [(2, 1, 3), (1, 2, 3), (1, 2, 2)], {"direction": "sideways"}),
        ("Attention", [(1, 2, 6), (1, 2, 6), (1, 2, 6)], {}),
        ("Attention", [(1, 2, 6), (1, 2, 6), (1, 2, 6)], {"q_num_heads": 1 << 40, "kv_num_heads": 1 << 40}),
        ("RotaryEmbedding", [(1, 2, 3, 5), (1, 3, 2), (1, 3, 2)], {}),
    ],
)
def test_rejects(op, operands, attributes):
    inputs = {f"x{i}": np.zeros(shape, np.float32) for i, shape in enumerate(operands)}
    model, feeds = one_node(op, inputs, opsets={"": 24}, **attributes)
    for candidate in (model, nameless(model)):
        with pytest.raises(Exception, match=op):
            ort.InferenceSession(candidate).run(None, feeds)
