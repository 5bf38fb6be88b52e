"""Composites: what models spell out node by node becomes one node where it computes the same, and stays where it does not."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import oriel.ort as ort

SQRT_HALF = 0.5**0.5
TANH_FACTOR = (2 / np.pi) ** 0.5


class Builder:
    """Nodes and constants of a model under construction; every call gives the name of a result."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def constant(self, value, dtype=np.float32):
        name = self.name()
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def __call__(self, op, *inputs, outputs=1, **attributes):
        names = [self.name() for _ in range(outputs)]
        given = [self.constant(x) if isinstance(x, (int, float)) else x for x in inputs]
        self.nodes.append(helper.make_node(op, given, names, **attributes))
        return names[0] if outputs == 1 else names

    def model(self, inputs, outputs):
        def info(name, shape, kind=TensorProto.FLOAT):
            return helper.make_tensor_value_info(name, kind, shape)

        graph = helper.make_graph(
            self.nodes,
            "g",
            [info(*i) for i in inputs],
            [info(o, None) for o in outputs],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        return model.SerializeToString()


def optimised(model, folder, level=ort.GraphOptimizationLevel.ORT_ENABLE_ALL):
    """The operators that are left after optimising."""
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]


def check(model, feeds, reference, tolerance=2e-5):
    """Results of every level and provider against onnxruntime."""
    want = reference(model).run(None, feeds)
    for level in ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL:
        for provider in "CPUExecutionProvider", "OpenVINOExecutionProvider":
            options = ort.SessionOptions()
            options.graph_optimization_level = level
            got = ort.InferenceSession(model, options, providers=[provider]).run(None, feeds)
            for g, w in zip(got, want, strict=True):
                assert g.shape == w.shape
                np.testing.assert_allclose(g, w, rtol=tolerance, atol=tolerance)


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# GELU


def gelu_by_erf(b, x, spelling="last", root=SQRT_HALF, one=1.0, half=0.5):
    inner = b("Div", x, 1 / root) if spelling == "div" else b("Mul", x, root)
    sum_ = b("Add", b("Erf", inner), one)
    if spelling == "first":
        return b("Mul", b("Mul", x, half), sum_)
    if spelling == "middle":
        return b("Mul", x, b("Mul", sum_, half))
    if spelling == "halved":
        return b("Div", b("Mul", sum_, x), 1 / half)
    return b("Mul", b("Mul", x, sum_), half)


def gelu_by_tanh(b, x, cube="pow", factor=0.044715, outer=TANH_FACTOR):
    if cube == "pow":
        third = b("Pow", x, 3.0)
    elif cube == "products":
        third = b("Mul", b("Mul", x, x), x)
    else:
        third = b("Mul", x, b("Pow", x, 2.0))
    inner = b("Mul", b("Add", x, b("Mul", third, factor)), outer)
    return b("Mul", b("Mul", x, 0.5), b("Add", b("Tanh", inner), 1.0))


@pytest.mark.parametrize("spelling", ["last", "first", "middle", "div", "halved"])
def test_gelu_by_erf(spelling, tmp_path, reference):
    b = Builder()
    model = b.model([("x", ["n", 7])], [gelu_by_erf(b, "x", spelling)])
    assert optimised(model, tmp_path) == ["Gelu"]
    check(model, {"x": 3 * values(5, 7)}, reference)


@pytest.mark.parametrize("cube", ["pow", "products", "square"])
def test_gelu_by_tanh(cube, tmp_path, reference):
    b = Builder()
    model = b.model([("x", [3, 7])], [gelu_by_tanh(b, "x", cube)])
    assert optimised(model, tmp_path) == ["Gelu"]
    check(model, {"x": 3 * values(3, 7)}, reference)


@pytest.mark.parametrize(
    "build",
    [
        lambda b: gelu_by_erf(b, "x", root=0.7),
        lambda b: gelu_by_erf(b, "x", one=1.01),
        lambda b: gelu_by_erf(b, "x", half=0.6),
        lambda b: gelu_by_tanh(b, "x", factor=0.045),
        lambda b: gelu_by_tanh(b, "x", outer=0.8),
    ],
)
def test_gelu_with_other_constants_stays(build, tmp_path, reference):
    b = Builder()
    model = b.model([("x", [3, 7])], [build(b)])
    assert "Gelu" not in optimised(model, tmp_path)
    check(model, {"x": values(3, 7)}, reference)


def test_gelu_whose_erf_is_read_elsewhere_stays(tmp_path, reference):
    b = Builder()
    erf = b("Erf", b("Mul", "x", SQRT_HALF))
    y = b("Mul", b("Mul", "x", b("Add", erf, 1.0)), 0.5)
    shared = b.model([("x", [3, 7])], [y, b("Neg", erf)])
    given = b.model([("x", [3, 7])], [y, erf])
    for model in shared, given:
        assert "Gelu" not in optimised(model, tmp_path)
        check(model, {"x": values(3, 7)}, reference)


def test_composites_wait_for_the_extended_level(tmp_path):
    b = Builder()
    model = b.model([("x", [3, 7])], [gelu_by_erf(b, "x")])
    level = ort.GraphOptimizationLevel
    assert "Gelu" not in optimised(model, tmp_path, level.ORT_DISABLE_ALL)
    assert "Gelu" not in optimised(model, tmp_path, level.ORT_ENABLE_BASIC)
    assert "Gelu" in optimised(model, tmp_path, level.ORT_ENABLE_EXTENDED)


def test_gelu_behind_a_product(reference):
    b = Builder()
    product = b("Add", b("MatMul", "x", b.constant(values(9, 21))), b.constant(values(21, seed=1)))
    model = b.model([("x", ["n", 9])], [gelu_by_erf(b, product)])
    check(model, {"x": values(4, 9, seed=2)}, reference)


# Swish


def test_swish(tmp_path, reference):
    b = Builder()
    model = b.model([("x", ["n", 7])], [b("Mul", "x", b("Sigmoid", "x"))])
    assert optimised(model, tmp_path) == ["Swish"]
    check(model, {"x": values(2, 7)}, reference)


def test_product_with_the_sigmoid_of_another_value_stays(tmp_path, reference):
    b = Builder()
    model = b.model([("x", [2, 7]), ("y", [2, 7])], [b("Mul", "x", b("Sigmoid", "y"))])
    assert "Swish" not in optimised(model, tmp_path)
    check(model, {"x": values(2, 7), "y": values(2, 7, seed=1)}, reference)


# Normalisations


def layer_norm(b, x, size, axes=(-1,), variance_axes=None, epsilon=1e-3, late=False, twice=False, pow_=True, bias=True):
    mean = b("ReduceMean", x, axes=list(axes))
    d = b("Sub", x, mean)
    e = b("Sub", x, mean) if twice else d
    square = b("Pow", d, 2.0) if pow_ else b("Mul", d, d)
    variance = b("ReduceMean", square, axes=list(variance_axes or axes))
    root = b("Add", b("Sqrt", variance), epsilon) if late else b("Sqrt", b("Add", variance, epsilon))
    y = b("Mul", b("Div", e, root), b.constant(values(*size, seed=3)))
    return b("Add", y, b.constant(values(*size, seed=4))) if bias else y


@pytest.mark.parametrize("options", [{}, {"twice": True}, {"pow_": False}, {"bias": False}, {"axes": (-2, -1), "size": (6, 10)}])
def test_layer_norm(options, tmp_path, reference):
    b = Builder()
    size = options.pop("size", (10,)) if "size" in options else (10,)
    options = {k: v for k, v in options.items() if k != "size"}
    model = b.model([("x", ["n", 6, 10])], [layer_norm(b, "x", size, **options)])
    assert optimised(model, tmp_path) == ["LayerNormalization"]
    check(model, {"x": 2 + values(3, 6, 10)}, reference)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"late": True}, (10,)),
        ({"variance_axes": (-2,)}, (10,)),
        ({"axes": (-2,)}, (10,)),
        ({}, (6, 10)),
        ({}, (1,)),
    ],
)
def test_what_is_no_layer_norm_stays(options, size, tmp_path, reference):
    b = Builder()
    model = b.model([("x", [3, 6, 10])], [layer_norm(b, "x", size, **options)])
    assert "LayerNormalization" not in optimised(model, tmp_path)
    check(model, {"x": 2 + values(3, 6, 10)}, reference)


def rms_norm(b, x, form="divide", late=False):
    mean = b("ReduceMean", b("Pow", x, 2.0), axes=[-1])
    root = b("Add", b("Sqrt", mean), 1e-3) if late else b("Sqrt", b("Add", mean, 1e-3))
    if form == "divide":
        y = b("Div", x, root)
    elif form == "inverse":
        y = b("Mul", x, b("Div", 1.0, root))
    else:
        y = b("Mul", b("Reciprocal", root), x)
    return b("Mul", b.constant(values(10, seed=3)), y)


@pytest.mark.parametrize("form", ["divide", "inverse", "reciprocal"])
def test_rms_norm(form, tmp_path, reference):
    b = Builder()
    model = b.model([("x", ["n", 6, 10])], [rms_norm(b, "x", form)])
    assert optimised(model, tmp_path) == ["RMSNormalization"]
    check(model, {"x": values(2, 6, 10)}, reference)


def test_epsilon_behind_the_root_is_no_rms_norm(tmp_path, reference):
    b = Builder()
    model = b.model([("x", [2, 6, 10])], [rms_norm(b, "x", late=True)])
    assert "RMSNormalization" not in optimised(model, tmp_path)
    check(model, {"x": values(2, 6, 10)}, reference)


# Attention


def heads(b, x, count, size, perm=(0, 2, 1, 3)):
    shape = b.constant([0, 0, count, size], np.int64)
    return b("Transpose", b("Reshape", x, shape), perm=list(perm))


def attention(b, q, k, v, count=3, size=8, scale="scores", mask=None, axis=-1, keys="direct", late=False):
    """Scaled dot-product attention from projections [batch, steps, count * size], as exporters write it."""
    factor = size**-0.5
    query = heads(b, q, count, size)
    if keys == "direct":
        key = heads(b, k, count, size, (0, 2, 3, 1))
    else:
        key = b("Transpose", heads(b, k, count, size), perm=[0, 1, 3, 2])
    value = heads(b, v, count, size)
    if scale == "both":
        query, key = b("Mul", query, factor**0.5), b("Mul", key, factor**0.5)
    if scale == "query":
        query = b("Div", query, 1 / factor)
    scores = b("MatMul", query, key)
    if scale == "scores":
        scores = b("Mul", scores, factor)
    if mask is not None:
        scores = mask(scores)
    if late:
        scores = b("Mul", scores, 0.5)
    y = b("MatMul", b("Softmax", scores, axis=axis), value)
    merged = b.constant([0, 0, count * size], np.int64)
    return b("Reshape", b("Transpose", y, perm=[0, 2, 1, 3]), merged)


PACKED = [("q", ["b", "s", 24]), ("k", ["b", "t", 24]), ("v", ["b", "t", 24])]


def packed(batch=2, queries=5, keys=7, size=24):
    return {"q": values(batch, queries, size), "k": values(batch, keys, size, seed=1), "v": values(batch, keys, size, seed=2)}


@pytest.mark.parametrize("scale", ["scores", "query", "both", "none"])
@pytest.mark.parametrize("keys", ["direct", "twice"])
def test_attention(scale, keys, tmp_path, reference):
    b = Builder()
    model = b.model(PACKED, [attention(b, "q", "k", "v", scale=scale, keys=keys)])
    operators = optimised(model, tmp_path)
    assert "Attention" in operators and "Softmax" not in operators and "MatMul" not in operators
    for sizes in {}, {"batch": 1, "queries": 1, "keys": 33}, {"batch": 3, "queries": 40, "keys": 1}, {"queries": 0}:
        check(model, packed(**sizes), reference)


@pytest.mark.parametrize("shape", [["b", 1, 1, "t"], ["b", 1, "s", "t"], ["b", 3, "s", "t"], ["s", "t"], [1, 3, 1, "t"], ["b", 1, "s", "w"], [1]])
def test_attention_with_an_added_mask(shape, tmp_path, reference):
    b = Builder()
    model = b.model([*PACKED, ("m", shape)], [attention(b, "q", "k", "v", mask=lambda s: b("Add", "m", s))])
    assert "Attention" in optimised(model, tmp_path)
    extents = {"b": 2, "s": 5, "t": 7, "w": 7}
    mask = values(*[extents.get(d, d) for d in shape], seed=5)
    mask.flat[:: 2 if mask.size > 1 else 1] -= np.float32(1e9) if mask.size > 1 else 0
    check(model, {**packed(), "m": mask}, reference)
    if "w" in shape:
        check(model, {**packed(), "m": mask[..., :1]}, reference)


def test_attention_over_a_cache_whose_mask_has_names_of_its_own(tmp_path, reference):
    """Steps are as many as a sum of two operands has, the mask's columns as many as one more name says."""
    b = Builder()
    x = b("Add", "x", "positions")
    query, new = heads(b, x, 3, 8), heads(b, b("Neg", x), 3, 8)
    keys, value = b("Concat", "past_k", new, axis=2), b("Concat", "past_v", new, axis=2)
    scores = b("Mul", b("MatMul", query, b("Transpose", keys, perm=[0, 1, 3, 2])), 8**-0.5)
    weights = b("Softmax", b("Add", scores, "m"), axis=-1)
    y = b("Transpose", b("MatMul", weights, value), perm=[0, 2, 1, 3])
    cache = ["b", 3, "past", 8]
    inputs = [("x", ["b", "s", 24]), ("positions", [1, "p", 24]), ("past_k", cache), ("past_v", cache)]
    model = b.model([*inputs, ("m", ["b", 1, "s", "total"])], [y, keys])
    operators = optimised(model, tmp_path)
    assert "Attention" in operators and "Softmax" not in operators
    for batch, steps, positions, past in (2, 5, 5, 7), (1, 1, 1, 40), (2, 3, 1, 0), (1, 1, 4, 2), (1, 1, 1, 0):
        total = past + max(steps, positions)
        feeds = {
            "x": values(batch, steps, 24),
            "positions": values(1, positions, 24, seed=1),
            "past_k": values(batch, 3, past, 8, seed=2),
            "past_v": values(batch, 3, past, 8, seed=3),
        }
        for columns in total, 1:
            check(model, {**feeds, "m": values(batch, 1, steps, columns, seed=5)}, reference)
    feeds.update(m=values(1, 1, 1, 9))
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        ort.InferenceSession(model).run(None, feeds)


@pytest.mark.parametrize("hides", [False, True])
def test_attention_with_a_chosen_mask(hides, tmp_path, reference):
    low = float(np.finfo(np.float32).min)

    def mask(scores):
        return b("Where", "m", low, scores) if hides else b("Where", "m", scores, low)

    b = Builder()
    model = b.model([*PACKED, ("m", ["b", 1, "s", "t"], TensorProto.BOOL)], [attention(b, "q", "k", "v", mask=mask)])
    assert "Attention" in optimised(model, tmp_path)
    keep = np.random.default_rng(6).random((2, 1, 5, 7)) < 0.5
    keep[..., 0] = True
    check(model, {**packed(), "m": ~keep if hides else keep}, reference)


def test_attention_that_shares_a_projection(reference):
    """One product for Q, K and V, parted behind the transposition; the parts are read where they lie."""
    b = Builder()
    x = b("MatMul", "x", b.constant(values(12, 72)))
    x = b("Transpose", b("Reshape", x, b.constant([0, 0, 3, 3, 8], np.int64)), perm=[2, 0, 3, 1, 4])
    q, k, v = (b("Squeeze", p, b.constant([0], np.int64)) for p in b("Split", x, outputs=3, axis=0))
    scores = b("Mul", b("MatMul", q, b("Transpose", k, perm=[0, 1, 3, 2])), 8**-0.5)
    y = b("Transpose", b("MatMul", b("Softmax", scores), v), perm=[0, 2, 1, 3])
    model = b.model([("x", ["b", "s", 12])], [b("Reshape", y, b.constant([0, 0, 24], np.int64))])
    check(model, {"x": values(2, 9, 12)}, reference)
    taken = Builder()
    x = taken("MatMul", "x", taken.constant(values(12, 72)))
    x = taken("Transpose", taken("Reshape", x, taken.constant([0, 0, 3, 3, 8], np.int64)), perm=[2, 0, 3, 1, 4])
    q, k, v = (taken("Gather", x, taken.constant(i, np.int64), axis=0) for i in (0, 1, -1))
    y = taken("MatMul", taken("Softmax", taken("MatMul", q, taken("Transpose", k, perm=[0, 1, 3, 2]))), v)
    # K is also an output, so it has to be computed for itself.
    model = taken.model([("x", ["b", "s", 12])], [y, k])
    check(model, {"x": 0.3 * values(2, 9, 12)}, reference)


def test_attention_over_windows(tmp_path, reference):
    """A mask by window between two reshapes, as shifted windows have it."""
    b = Builder()

    def mask(scores):
        scores = b("Add", scores, b.constant(values(1, 3, 6, 6, seed=7)))
        scores = b("Reshape", scores, b.constant([-1, 4, 3, 6, 6], np.int64))
        scores = b("Add", scores, b.constant(values(1, 4, 1, 6, 6, seed=8)))
        return b("Reshape", scores, b.constant([-1, 3, 6, 6], np.int64))

    model = b.model([(n, [4, 6, 24]) for n in "qkv"], [attention(b, "q", "k", "v", mask=mask)])
    operators = optimised(model, tmp_path)
    assert "Attention" in operators and "Softmax" not in operators
    check(model, packed(4, 6, 6), reference)


@pytest.mark.parametrize(
    "build",
    [
        lambda b: attention(b, "q", "k", "v", axis=2),
        lambda b: attention(b, "q", "k", "v", mask=lambda s: b("Add", s, "m"), late=True),
        lambda b: attention(b, "q", "k", "v", mask=lambda s: b("Where", b("Greater", "m", 0.0), s, -2.0)),
    ],
)
def test_what_is_no_attention_stays(build, tmp_path, reference):
    b = Builder()
    model = b.model([*PACKED, ("m", ["b", 1, "s", "t"])], [build(b)])
    assert "Attention" not in optimised(model, tmp_path)
    check(model, {**packed(), "m": values(2, 1, 5, 7, seed=9)}, reference)


def test_attention_whose_weights_are_read_elsewhere_stays(tmp_path, reference):
    b = Builder()
    y = attention(b, "q", "k", "v")
    weights = next(n.output[0] for n in b.nodes if n.op_type == "Softmax")
    model = b.model(PACKED, [y, weights])
    assert "Attention" not in optimised(model, tmp_path)
    check(model, packed(), reference)


# Projections


def projected(b, x, seed, bias=True):
    y = b("MatMul", x, b.constant(0.3 * values(12, 24, seed=seed)))
    return b("Add", b.constant(values(24, seed=seed + 1)), y) if bias else y


@pytest.mark.parametrize("bias", [True, False])
def test_projections_of_one_value_become_one_product(bias, tmp_path, reference):
    b = Builder()
    model = b.model([("x", ["b", "s", 12])], [attention(b, *(projected(b, "x", 20 + 2 * i, bias) for i in range(3)))])
    operators = optimised(model, tmp_path)
    assert operators.count("MatMul") == 1 and operators.count("Split") == 1 and "Attention" in operators
    for sizes in (2, 9, 12), (1, 1, 12), (3, 70, 12):
        check(model, {"x": values(*sizes)}, reference)


def test_projections_of_keys_and_values_become_one_product(tmp_path, reference):
    b = Builder()
    q, k, v = projected(b, "x", 20), projected(b, "y", 22), projected(b, "y", 24)
    model = b.model([("x", ["b", "s", 12]), ("y", ["b", "t", 12])], [attention(b, q, k, v)])
    assert optimised(model, tmp_path).count("MatMul") == 2
    check(model, {"x": values(2, 4, 12), "y": values(2, 11, 12, seed=1)}, reference)


def test_projections_that_differ_stay(tmp_path, reference):
    b = Builder()
    q, k, v = projected(b, "x", 20), projected(b, "x", 22, bias=False), projected(b, "x", 24)
    model = b.model([("x", ["b", "s", 12])], [attention(b, q, k, v), v])
    assert optimised(model, tmp_path).count("MatMul") == 3
    check(model, {"x": values(2, 4, 12)}, reference)


# Products of flattened rows


def flattened(b, x, kind="Gemm", seed=40, columns=10, **attributes):
    """x [.., 12] as rows, times a matrix, in the axes of x again."""
    leading = b("Slice", b("Shape", x), b.constant([0], np.int64), b.constant([-1], np.int64))
    rows = b("Reshape", x, b.constant([-1, 12], np.int64))
    weights = values(columns, 12, seed=seed) if attributes.get("transB") else values(12, columns, seed=seed)
    bias = [] if kind == "MatMul" else [b.constant(values(columns, seed=seed + 1))]
    y = b(kind, rows, b.constant(weights), *bias, **attributes)
    return b("Reshape", y, b("Concat", leading, b.constant([columns], np.int64), axis=0))


@pytest.mark.parametrize("kind", ["Gemm", "MatMul"])
@pytest.mark.parametrize("leading", [("b", "s"), (2, 5), ("a", 3, "c")])
def test_product_of_flattened_rows(kind, leading, tmp_path, reference):
    b = Builder()
    y = b("Relu", flattened(b, "x", kind))
    y = b("Add", flattened(b, "x", kind, seed=50), y)
    model = b.model([("x", [*leading, 12])], [y])
    operators = optimised(model, tmp_path)
    assert operators.count("MatMul") == 2 and "Gemm" not in operators and "Reshape" not in operators
    for extents in {"b": 2, "s": 7, "a": 2, "c": 5}, {"b": 0, "s": 3, "a": 0, "c": 5}:
        check(model, {"x": values(*[extents.get(d, d) for d in leading], 12)}, reference)


@pytest.mark.parametrize("attributes", [{"transB": 1}, {"alpha": 0.5}, {"beta": 2.0}])
def test_product_of_flattened_rows_that_is_no_plain_one_stays(attributes, tmp_path, reference):
    b = Builder()
    model = b.model([("x", ["b", "s", 12])], [flattened(b, "x", **attributes)])
    assert "Gemm" in optimised(model, tmp_path)
    check(model, {"x": values(2, 5, 12)}, reference)


def test_product_of_flattened_rows_that_is_read_elsewhere_stays(tmp_path, reference):
    b = Builder()
    y = flattened(b, "x")
    product = next(n.output[0] for n in b.nodes if n.op_type == "Gemm")
    model = b.model([("x", ["b", "s", 12])], [y, b("Neg", product)])
    assert "Gemm" in optimised(model, tmp_path)
    check(model, {"x": values(2, 5, 12)}, reference)


def test_product_of_rows_that_are_cut_otherwise_stays(tmp_path, reference):
    b = Builder()
    rows = b("Reshape", "x", b.constant([-1, 6], np.int64))
    y = b("MatMul", rows, b.constant(values(6, 4)))
    model = b.model([("x", [2, 5, 12])], [b("Reshape", y, b.constant([2, 5, 8], np.int64))])
    assert optimised(model, tmp_path) == ["Reshape", "MatMul", "Reshape"]
    check(model, {"x": values(2, 5, 12)}, reference)


# Extents of two names that meet


@pytest.mark.parametrize("extents", [(4, 4, 4), (4, 1, 4), (1, 4, 1), (0, 1, 1), (1, 0, 0), (0, 0, 1), (1, 1, 1)])
def test_broadcast_of_extents_with_other_names(extents, reference):
    b = Builder()
    y = b("Add", b("Mul", "x", "y"), "x")
    y = b("Concat", y, b("Add", y, "z"), axis=0)
    y = b("Reshape", y, b.constant([-1], np.int64))
    model = b.model([(n, [n, 3]) for n in "xyz"], [b("Exp", y), b("Cast", b("Shape", y), to=TensorProto.FLOAT)])
    check(model, {n: values(e, 3, seed=i) for i, (n, e) in enumerate(zip("xyz", extents, strict=True))}, reference)


# Identities


def test_identities_go(tmp_path, reference):
    b = Builder()
    y = b("Cast", "x", to=TensorProto.FLOAT)
    y = b("Mul", b("Div", y, 1.0), 1.0)
    y = b("Reshape", y, b.constant([3, 4], np.int64))
    y = b("Pad", y, b.constant([0, 0, 0, 0], np.int64))
    y = b("Slice", y, b.constant([0], np.int64), b.constant([4], np.int64), b.constant([1], np.int64))
    y = b("Expand", b("Concat", b("Dropout", y), axis=0), b.constant([3, 1], np.int64))
    model = b.model([("x", [3, 4])], [b("Neg", y)])
    assert optimised(model, tmp_path) == ["Neg"]
    check(model, {"x": values(3, 4)}, reference)


def test_what_changes_its_operand_stays(tmp_path, reference):
    b = Builder()
    y = b("Reshape", "x", b.constant([4, 3], np.int64))
    y = b("Slice", y, b.constant([-1], np.int64), b.constant([-9], np.int64), b.constant([0], np.int64), b.constant([-1], np.int64))
    y = b("Pad", y, b.constant([1, 0, -1, 0], np.int64))
    y = b("Mul", y, b.constant([[[1.0]]]))
    model = b.model([("x", [3, 4])], [b("Expand", y, b.constant([2, 1, 1], np.int64))])
    assert optimised(model, tmp_path) == ["Reshape", "Slice", "Pad", "Mul", "Expand"]
    check(model, {"x": values(3, 4)}, reference)
