"""Arithmetic operators against numpy: every element type, broadcasting, edges, versions of old models."""

import math

import numpy as np
import oriel.ort
import pytest
from onnx import TensorProto, helper

FLOATS = [np.float32, np.float64, np.float16]
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


def one_node(op, inputs, num_outputs=1, opset=21, outputs=None, **attributes):
    """A model of one node; dimensions are free. An input that is None is omitted."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    results = outputs or [f"y{i}" for i in range(num_outputs)]
    node = helper.make_node(op, names, results, **attributes)
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), [None] * x.ndim)
        for name, x in zip(names, inputs)
        if x is not None
    ]
    graph = helper.make_graph([node], op, infos, [helper.ValueInfoProto(name=name) for name in results])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    return model.SerializeToString()


def feeds_of(inputs):
    return {f"x{i}": x for i, x in enumerate(inputs) if x is not None}


def run(op, *inputs, **options):
    """The results of one node: one array, or a list where there are more."""
    results = oriel.ort.InferenceSession(one_node(op, inputs, **options)).run(None, feeds_of(inputs))
    return results[0] if len(results) == 1 else results


def check(result, expected, rtol=1e-6, atol=0.0):
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    if expected.dtype == np.float16:
        rtol = max(rtol, 2e-3)
    np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)


UNARY = {
    "Abs": np.abs,
    "Acos": np.arccos,
    "Acosh": np.arccosh,
    "Asin": np.arcsin,
    "Asinh": np.arcsinh,
    "Atan": np.arctan,
    "Atanh": np.arctanh,
    "Ceil": np.ceil,
    "Cos": np.cos,
    "Cosh": np.cosh,
    "Exp": np.exp,
    "Floor": np.floor,
    "Log": np.log,
    "Neg": np.negative,
    "Reciprocal": np.reciprocal,
    "Round": np.rint,
    "Sign": np.sign,
    "Sin": np.sin,
    "Sinh": np.sinh,
    "Sqrt": np.sqrt,
    "Tan": np.tan,
    "Tanh": np.tanh,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Erf": np.vectorize(math.erf, otypes=[np.float64]),
    "Elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    "HardSigmoid": lambda x: np.clip(np.float64(np.float32(0.2)) * x + 0.5, 0, 1),
    "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "LeakyRelu": lambda x: np.where(x < 0, np.float64(np.float32(0.01)) * x, x),
    "ThresholdedRelu": lambda x: np.where(x > 1, x, 0),
    "Mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "Gelu": lambda x: x / 2 * (1 + np.vectorize(math.erf, otypes=[np.float64])(x / math.sqrt(2))),
    "Celu": lambda x: np.maximum(x, 0) + np.minimum(0, np.expm1(np.minimum(x, 0))),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("dtype", FLOATS)
def test_unary(op, dtype, rng):
    special = [0, 1, -1, 0.5, -2.5, 1.5, np.nan]
    if op not in ("HardSwish", "Mish", "Gelu", "Softsign"):
        special += [np.inf, -np.inf]
    x = np.concatenate([rng.normal(size=14) * 3, special]).astype(dtype)
    check(run(op, x, opset=28), UNARY[op](x.astype(np.float64)).astype(dtype), atol=1e-12)
    for shape in [(), (0, 3), (2, 3, 1, 5)]:
        x = rng.uniform(1, 2, size=shape).astype(dtype)
        check(run(op, x, opset=28), np.asarray(UNARY[op](x.astype(np.float64)), dtype), atol=1e-12)


BINARY = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Equal": np.equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Min": np.minimum,
    "Max": np.maximum,
}
SHAPES = [((2, 3), (2, 3)), ((2, 1, 4), (3, 1)), ((), (5,)), ((0, 3), (1, 3)), ((4,), (2, 3, 4))]


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_binary(op, dtype, rng):
    for a_shape, b_shape in SHAPES:
        a, b = (rng.integers(0, 100, size=s).astype(dtype) for s in (a_shape, b_shape))
        check(run(op, a, b), np.asarray(BINARY[op](a, b)))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_division(dtype, rng):
    low = -100 if np.issubdtype(dtype, np.signedinteger) else 0
    a = rng.integers(low, 100, size=60).astype(dtype)
    b = rng.integers(low, 100, size=60).astype(dtype)
    b[b == 0] = 3
    wide_a, wide_b = a.astype(object), b.astype(object)
    truncated = [int(abs(p) // abs(q)) * (1 if (p < 0) == (q < 0) else -1) for p, q in zip(wide_a, wide_b)]
    check(run("Div", a, b), np.array(truncated).astype(dtype))
    check(run("Mod", a, b), np.mod(a, b))
    check(run("Mod", a, b, fmod=1), np.fmod(a, b))
    zero = np.zeros(60, dtype)
    check(run("Div", a, zero), zero)
    check(run("Mod", a, zero), zero)


def test_least_integer_divided_by_minus_one():
    for dtype in (np.int8, np.int32, np.int64):
        least = np.array([np.iinfo(dtype).min], dtype)
        minus_one = np.array([-1], dtype)
        check(run("Div", least, minus_one), least)
        check(run("Mod", least, minus_one), np.zeros(1, dtype))
        check(run("Abs", least), least)
        check(run("Neg", least), least)


def test_mod_of_floats(rng):
    a, b = rng.normal(size=(2, 50)).astype(np.float32) * 5
    check(run("Mod", a, b, fmod=1), np.fmod(a, b))
    check(run("Mod", a, b, opset=28), np.mod(a.astype(np.float64), b).astype(np.float32))
    zeros = run("Mod", np.float32([0, -0.0, 3, np.inf]), np.float32([-2, 2, np.inf, 2]), opset=28)
    np.testing.assert_array_equal(zeros, np.float32([-0.0, 0, 3, np.nan]))
    assert list(np.signbit(zeros[:2])) == [True, False]


def test_pow_mixed_types():
    base = np.array([2, -3, 7, 1, -1], np.int64)
    powers = run("Pow", base, np.array([10, 3, 22, -5, -3], np.int64))
    check(powers, np.array([1024, -27, 7**22, 1, -1], np.int64))
    check(run("Pow", np.float32([2, 9]), np.array([3, 0], np.int32)), np.float32([8, 1]))
    check(run("Pow", np.array([4, 9], np.int32), np.float32([0.5, 0.5])), np.array([2, 3], np.int32))


def test_extrema_keep_nan():
    x, y = np.float32([1, np.nan, 3]), np.float32([np.nan, 2, 1])
    check(run("Max", x, y), np.maximum(x, y))
    check(run("Min", x, y, x), np.minimum(x, y))
    check(run("Clip", x, np.float32(2), None), np.float32([2, np.nan, 3]))
    check(run("ReduceMax", x.reshape(1, 3), keepdims=0), np.float32(np.nan))


@pytest.mark.parametrize("dtype", FLOATS)
def test_clip_without_bounds_is_finite(dtype):
    x = np.array([np.inf, -np.inf, np.nan, 2], dtype)
    limits = np.finfo(dtype)
    check(run("Clip", x), np.array([limits.max, limits.min, np.nan, 2], dtype))


def test_sum_and_mean_broadcast(rng):
    x = [rng.normal(size=s).astype(np.float32) for s in [(2, 1, 3), (4, 1), (3,)]]
    check(run("Sum", *x), x[0] + x[1] + x[2], atol=1e-6)
    check(run("Mean", *x), (x[0] + x[1] + x[2]) / np.float32(3), atol=1e-6)


def test_where_moves_strings():
    condition = np.array([[True], [False]])
    chosen = run("Where", condition, np.array(["a", "b"], object), np.array(["c", "d"], object))
    assert chosen.tolist() == [["a", "b"], ["c", "d"]]


REDUCTIONS = {
    "ReduceSum": np.sum,
    "ReduceProd": np.prod,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceMean": np.mean,
    "ReduceL1": lambda x, **k: np.sum(np.abs(x), **k),
    "ReduceL2": lambda x, **k: np.sqrt(np.sum(x * x, **k)),
    "ReduceSumSquare": lambda x, **k: np.sum(x * x, **k),
    "ReduceLogSum": lambda x, **k: np.log(np.sum(x, **k)),
    "ReduceLogSumExp": lambda x, **k: np.log(np.sum(np.exp(x), **k)),
}


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int32])
def test_reductions(op, dtype, rng):
    x = rng.integers(1, 5, size=(2, 3, 1, 4)).astype(dtype)
    for axes in [(0,), (1, -1), (0, 1, 2, 3), (-2,)]:
        for keep in (0, 1):
            expected = REDUCTIONS[op](x.astype(np.float64), axis=axes, keepdims=bool(keep)).astype(dtype)
            check(run(op, x, np.array(axes, np.int64), keepdims=keep), expected)
            if op != "ReduceSum":
                check(run(op, x, axes=axes, keepdims=keep, opset=13), expected)
    check(run(op, x, keepdims=0), np.asarray(REDUCTIONS[op](x.astype(np.float64)), dtype))


def test_reductions_of_nothing():
    x = np.zeros((2, 0, 3), np.float32)
    axes = np.array([1], np.int64)
    empty = {"ReduceSum": 0, "ReduceProd": 1, "ReduceMax": -np.inf, "ReduceMin": np.inf, "ReduceLogSum": -np.inf}
    for op, value in empty.items():
        check(run(op, x, axes, opset=20), np.full((2, 1, 3), value, np.float32))
    check(run("ReduceSum", x, np.zeros(0, np.int64), noop_with_empty_axes=1), x)


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
def test_arg_extrema(op, rng):
    x = rng.integers(0, 3, size=(3, 7, 2)).astype(np.float32)
    f = np.argmax if op == "ArgMax" else np.argmin
    check(run(op, x, axis=1, keepdims=0), f(x, axis=1))
    last = 6 - f(x[:, ::-1], axis=1)
    check(run(op, x, axis=-2, select_last_index=1), last[:, None])


def test_cumulative(rng):
    x = rng.integers(1, 4, size=(2, 5)).astype(np.int64)
    axis = np.array(1)
    check(run("CumSum", x, axis), np.cumsum(x, 1))
    check(run("CumSum", x, axis, reverse=1), np.cumsum(x[:, ::-1], 1)[:, ::-1])
    check(run("CumSum", x, axis, exclusive=1), np.cumsum(x, 1) - x)
    check(run("CumProd", x, axis, exclusive=1, reverse=1, opset=26), np.cumprod(x[:, ::-1], 1)[:, ::-1] // x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_gemm(dtype, rng):
    a, b = rng.integers(-5, 5, size=(3, 4)).astype(dtype), rng.integers(-5, 5, size=(4, 5)).astype(dtype)
    for bias in [None, np.ones((), dtype), np.arange(5).astype(dtype), np.arange(3).reshape(3, 1).astype(dtype)]:
        expected = a @ b if bias is None else a @ b + bias
        check(run("Gemm", a, b, bias), expected)
        check(run("Gemm", a.T.copy(), b.T.copy(), bias, transA=1, transB=1), expected)
    check(run("Gemm", a, b, np.ones(5, dtype), alpha=2.0, beta=3.0), (2 * (a @ b) + 3).astype(dtype))
    check(run("Gemm", np.zeros((2, 0), dtype), np.zeros((0, 3), dtype)), np.zeros((2, 3), dtype))


EQUATIONS = [
    ("ij,jk->ik", [(3, 4), (4, 5)]),
    ("bij,bjk", [(2, 3, 4), (2, 4, 5)]),
    ("ii->i", [(4, 4)]),
    ("ii", [(4, 4)]),
    ("i,j,k->kji", [(2,), (3,), (4,)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
    ("a...b->b...", [(2, 3, 4, 5)]),
    ("ij->", [(3, 4)]),
    (" b n h w , n d -> b d h w ", [(2, 3, 4, 5), (3, 6)]),
    ("ba,B", [(2, 3), (4,)]),
    ("...", [(2, 3)]),
    ("i...->...", [(2, 3, 4)]),
    ("ij,j", [(0, 3), (3,)]),
]


@pytest.mark.parametrize("equation, shapes", EQUATIONS)
def test_einsum(equation, shapes, rng):
    x = [rng.integers(-4, 5, size=s).astype(np.float32) for s in shapes]
    check(run("Einsum", *x, equation=equation), np.asarray(np.einsum(equation.replace(" ", ""), *x)))


@pytest.mark.parametrize("equation", ["ij->k", "i,j", "i1->i", "ij->ii", "i..j"])
def test_einsum_rejects(equation):
    with pytest.raises(Exception, match="Einsum"):
        run("Einsum", np.ones((2, 3), np.float32), equation=equation)


def test_cast_between_numbers(rng):
    types = FLOATS + INTEGERS + [np.bool_]
    values = rng.integers(0, 100, size=20)
    for source in types:
        x = values.astype(source)
        for target in types:
            check(run("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(target))), x.astype(target))
    wide = np.array([300, -200, 2**31 + 5, -1], np.int64)
    for target in INTEGERS:
        check(run("Cast", wide, to=helper.np_dtype_to_tensor_dtype(np.dtype(target))), wide.astype(target))


def test_cast_strings():
    text = np.array(["1e3", "-2.5", "+INF", "-inf", "NaN", " 7 "], object)
    check(run("Cast", text, to=TensorProto.FLOAT), np.float32([1000, -2.5, np.inf, -np.inf, np.nan, 7]))
    check(run("Cast", np.array(["-9223372036854775808", "12"], object), to=TensorProto.INT64), np.array([-(2**63), 12]))
    assert run("Cast", np.array([1 / 3]), to=TensorProto.STRING).tolist() == ["0.33333333"]
    numbers = run("Cast", np.float32([0.1, 3, np.nan, np.inf, -np.inf]), to=TensorProto.STRING)
    assert numbers.tolist() == ["0.1", "3", "NaN", "INF", "-INF"]
    assert run("Cast", np.array([2**63], np.uint64), to=TensorProto.STRING).tolist() == ["9223372036854775808"]
    with pytest.raises(Exception, match="no number"):
        run("Cast", np.array(["seven"], object), to=TensorProto.FLOAT)


def test_bits(rng):
    a, b = rng.integers(0, 200, size=(2, 30)).astype(np.uint8)
    check(run("BitwiseAnd", a, b), a & b)
    check(run("BitwiseOr", a, b), a | b)
    check(run("BitwiseXor", a, b), a ^ b)
    check(run("BitwiseNot", a), ~a)
    check(run("BitShift", a, b % 8, direction="LEFT"), a << (b % 8))
    check(run("BitShift", a, b % 8, direction="RIGHT"), a >> (b % 8))
    negative, amounts = np.array([-8, -8, 8, -8], np.int32), np.array([1, 40, 40, -1], np.int32)
    check(run("BitShift", negative, amounts, direction="RIGHT", opset=28), np.array([-4, -1, 0, -1], np.int32))
    check(run("BitShift", negative, amounts, direction="LEFT", opset=28), np.array([-16, 0, 0, 0], np.int32))


@pytest.mark.parametrize("length", [1, 2, 7, 12, 30])
def test_fourier(length, rng):
    def parts(numbers):
        return np.stack([numbers.real, numbers.imag], -1).astype(np.float32)

    x = rng.normal(size=(2, 12, 3, 2)).astype(np.float32)
    signal = x[..., 0] + 1j * x[..., 1]
    number, axis = np.array(length, np.int64), np.array(1, np.int64)
    near = {"rtol": 1e-4, "atol": 1e-5}
    forward = parts(np.fft.fft(signal, length, axis=1))
    check(run("DFT", x, number, axis), forward, **near)
    check(run("DFT", x, number, axis=1, opset=17), forward, **near)
    check(run("DFT", x, number, axis, inverse=1), parts(np.fft.ifft(signal, length, axis=1)), **near)
    half = np.fft.rfft(x[..., 0], length, axis=1)
    check(run("DFT", x[..., :1], number, axis, onesided=1), parts(half), **near)
    real = np.fft.irfft(half, length, axis=1)[..., None].astype(np.float32)
    check(run("DFT", parts(half), number, axis, onesided=1, inverse=1), real, **near)


def test_short_time_fourier(rng):
    x = rng.normal(size=(2, 50, 1)).astype(np.float32)
    window = rng.uniform(size=15).astype(np.float32)
    result = run("STFT", x, np.array(4, np.int64), window)
    frames = np.stack([x[:, s : s + 15, 0] * window for s in range(0, 36, 4)], 1)
    expected = np.fft.rfft(frames, axis=-1)
    check(result, np.stack([expected.real, expected.imag], -1).astype(np.float32), 1e-4, 1e-5)


def test_random_numbers_have_their_moments():
    shape = [100, 200]
    normal = run("RandomNormal", shape=shape, mean=3.0, scale=2.0, seed=7.0)
    assert abs(normal.mean() - 3) < 0.06
    assert abs(normal.std() - 2) < 0.06
    uniform = run("RandomUniformLike", np.zeros(shape, np.float64), low=-1.0, high=3.0)
    assert uniform.dtype == np.float64
    assert uniform.min() >= -1
    assert uniform.max() < 3
    assert abs(uniform.mean() - 1) < 0.05
    coins = run("Bernoulli", np.full(shape, 0.25, np.float32), dtype=TensorProto.INT32)
    assert set(np.unique(coins)) == {0, 1}
    assert abs(coins.mean() - 0.25) < 0.02
    draws = run("Multinomial", np.log(np.float32([[0.2, 0.3, 0.5]])), sample_size=20000, seed=1.0)
    assert draws.dtype == np.int32
    np.testing.assert_allclose(np.bincount(draws[0]) / 20000, [0.2, 0.3, 0.5], atol=0.02)


def test_seeds_repeat_and_runs_differ():
    model = one_node("RandomNormal", [], shape=[8], seed=5.0)
    first, second = (oriel.ort.InferenceSession(model).run(None, {})[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    session = oriel.ort.InferenceSession(one_node("RandomNormal", [], shape=[8]))
    assert (session.run(None, {})[0] != session.run(None, {})[0]).any()


def test_dropout(rng):
    x = rng.normal(size=(100, 50)).astype(np.float32)
    output, mask = run("Dropout", x, num_outputs=2)
    check(output, x)
    assert mask.all()
    output, mask = run("Dropout", x, np.float32(0.25), np.array(True), num_outputs=2, seed=3)
    assert abs(mask.mean() - 0.75) < 0.03
    check(output, np.where(mask, x / np.float32(0.75), 0).astype(np.float32))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_losses(reduction, rng):
    x = rng.normal(size=(3, 5, 2)).astype(np.float32)
    labels = rng.integers(0, 5, size=(3, 2))
    labels[0, 0] = 2
    weights = rng.uniform(1, 2, size=5).astype(np.float32)
    logs = x - np.log(np.exp(x).sum(1, keepdims=True))
    chosen = np.where(labels == 2, 0, weights[labels])
    picked = -np.take_along_axis(logs, labels[:, None], 1)[:, 0] * chosen
    expected = {"none": picked, "sum": picked.sum(), "mean": picked.sum() / chosen.sum()}[reduction]
    options = {"reduction": reduction, "ignore_index": 2}
    loss, log_probabilities = run("SoftmaxCrossEntropyLoss", x, labels, weights, num_outputs=2, **options)
    check(loss, np.float32(expected), 1e-5, 1e-6)
    check(log_probabilities, logs, 1e-5, 1e-6)
    check(run("NegativeLogLikelihoodLoss", logs, labels, weights, **options), np.float32(expected), 1e-5, 1e-6)
    with pytest.raises(Exception, match="label 5"):
        run("NegativeLogLikelihoodLoss", logs, np.full_like(labels, 5), weights, **options)


def test_determinants(rng):
    x = rng.normal(size=(2, 3, 4, 4))
    check(run("Det", x), np.linalg.det(x))
    check(run("Det", np.zeros((2, 2), np.float32)), np.float32(0))


def test_binary_operators_before_opset_7(rng):
    a = rng.normal(size=(2, 3, 4)).astype(np.float32)
    b = rng.normal(size=(3,)).astype(np.float32)
    check(run("Add", a, b, opset=6, axis=1, broadcast=1), a + b[:, None])
    check(run("Mul", a, b, opset=1, axis=-2, broadcast=1), a * b[:, None])
    check(run("Sub", a, a[0, 0], opset=6, broadcast=1), a - a[0, 0])
    check(run("Greater", a, b, opset=1, axis=1, broadcast=1), a > b[:, None])
    check(run("PRelu", a, b, opset=6), np.where(a < 0, a * b[:, None], a))
    check(run("Clip", a, opset=6, min=-0.5, max=0.25), np.clip(a, -0.5, 0.25).astype(np.float32))
    check(run("Cast", a, opset=1, to="INT32"), a.astype(np.int32))


def test_operators_of_the_first_version(rng):
    x = rng.normal(size=(2, 3)).astype(np.float32)
    check(run("Affine", x, opset=1, alpha=2.0, beta=-1.0), 2 * x - 1, atol=1e-6)
    check(run("ScaledTanh", x, opset=1, alpha=2.0, beta=0.5), 2 * np.tanh(0.5 * x), atol=1e-6)
    softplus = np.logaddexp(0.5 * x, 0).astype(np.float32)
    check(run("ParametricSoftplus", x, opset=1, alpha=2.0, beta=0.5), 2 * softplus, atol=1e-6)
    check(run("Dropout", x, opset=6, is_test=1), x)
    check(run("Exp", x, opset=1, consumed_inputs=[0]), np.exp(x))


def test_shapes_follow_from_contents():
    """A Reshape whose target is computed by arithmetic on shapes has a known output shape."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("ReduceProd", ["s"], ["n"], keepdims=1),
        helper.make_node("Div", ["n", "six"], ["rows"]),
        helper.make_node("Mul", ["rows", "one"], ["same"]),
        helper.make_node("Concat", ["same", "six"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    numbers = [helper.make_tensor(name, TensorProto.INT64, [1], [n]) for name, n in (("six", 6), ("one", 1))]
    graph = helper.make_graph(
        nodes,
        "shapes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 3, 2])],
        [helper.ValueInfoProto(name="y")],
        numbers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = oriel.ort.InferenceSession(model.SerializeToString())
    assert session.get_outputs()[0].shape == [4, 6]
