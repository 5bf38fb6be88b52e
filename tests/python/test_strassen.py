"""Strassen's products: where they are chosen, what turns them off, and that results agree."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from oriel import ort


def floats(rng, *dims):
    return rng.uniform(-1, 1, dims).astype(np.float32)


def model(nodes, inputs, outputs, constants):
    graph = helper.make_graph(
        nodes, "products",
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, d) for n, d in inputs],
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, d) for n, d in outputs],
        [numpy_helper.from_array(v, n) for n, v in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=8).SerializeToString()


def product(rows, k=400, n=333, seed=1):
    """MatMul with a bias, an activation and a residual; n is no multiple of a panel."""
    rng = np.random.default_rng(seed)
    w, bias = floats(rng, k, n), floats(rng, n)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], name="product"),
        helper.make_node("Add", ["p", "bias"], ["s"]),
        helper.make_node("Add", ["s", "r"], ["t"]),
        helper.make_node("Relu", ["t"], ["y"]),
    ]
    built = model(nodes, [("x", [1, rows, k]), ("r", [1, rows, n])], [("y", [1, rows, n])], {"w": w, "bias": bias})

    def feeds(m):
        return {"x": floats(rng, 1, m, k), "r": floats(rng, 1, m, n)}

    def expected(feed):
        return np.maximum(feed["x"].astype(np.float64) @ w + bias + feed["r"], 0)

    return built, feeds, expected


def opened(built, options=None, entries=(), provider="OpenVINOExecutionProvider", threads=1):
    chosen = ort.SessionOptions()
    chosen.intra_op_num_threads = threads
    for key, value in entries:
        chosen.add_session_config_entry(key, value)
    return ort.InferenceSession(built, chosen, providers=[provider], provider_options=[options or {}])


def algorithms(session):
    return [step["algorithm"] for step in session._session.steps() if step["op"] in ("MatMul", "Gemm")]


@pytest.mark.parametrize("provider", ["OpenVINOExecutionProvider", "CPUExecutionProvider"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [197, 256])
def test_many_rows_take_seven_products(rows, threads, provider):
    built, feeds, expected = product(rows)
    session = opened(built, provider=provider, threads=threads)
    assert algorithms(session) == ["strassen"]
    feed = feeds(rows)
    want = expected(feed)
    got = session.run(None, feed)[0]
    assert np.sqrt(np.mean((got - want) ** 2)) <= 2e-6 * np.sqrt(np.mean(want**2))
    plain = opened(built, {"strassen": "off"}, provider=provider, threads=threads).run(None, feed)[0]
    np.testing.assert_allclose(got, plain, atol=2e-5 * np.abs(want).max())
    assert not np.array_equal(got, plain)


def test_what_turns_it_off():
    built, _, _ = product(256)
    assert algorithms(opened(built)) == ["strassen"]
    assert algorithms(opened(built, {"strassen": "off"})) == ["packed"]
    assert algorithms(opened(built, entries=[("session.oriel.strassen", "off")])) == ["packed"]
    assert algorithms(opened(built, {"strassen": "on"}, [("session.oriel.strassen", "off")])) == ["strassen"]
    assert algorithms(opened(built, {"winograd": "off"})) == ["strassen"]
    assert algorithms(opened(built, {"precision": "ACCURACY"})) == ["packed"]
    assert algorithms(opened(built, {"weights_budget": "min"})) == ["packed"]
    for options, entries in (({"strassen": "yes"}, []), ({}, [("session.oriel.strassen", "yes")])):
        with pytest.raises(Exception, match='strassen.*"yes".*expected "on" or "off"'):
            opened(built, options, entries)


@pytest.mark.parametrize("rows", [8, 63, "rows"])
def test_few_or_unknown_rows_stay_plain(rows):
    built, feeds, expected = product(rows)
    session = opened(built, {"weights_budget": str(10**9)})
    assert algorithms(session) == ["packed"]
    for m in (1, 256) if rows == "rows" else (rows,):
        feed = feeds(m)
        np.testing.assert_allclose(session.run(None, feed)[0], expected(feed), atol=1e-4)


def test_budget_in_bytes():
    built, _, _ = product(256)
    steps = opened(built)._session.steps()
    packed = sum(s["packed_bytes"] for s in steps)
    plain = sum(s["packed_bytes"] for s in opened(built, {"weights_budget": "min"})._session.steps())
    assert 1.5 * plain < packed < 1.9 * plain
    assert algorithms(opened(built, {"weights_budget": str(packed - plain)})) == ["strassen"]
    assert algorithms(opened(built, {"weights_budget": str(packed - plain - 1)})) == ["packed"]


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias", ["row", "column", "matrix", "one"])
def test_gemm(bias, transposed):
    rng = np.random.default_rng(3)
    m, k, n = 201, 384, 200
    w = floats(rng, n, k) if transposed else floats(rng, k, n)
    c = {"row": floats(rng, n), "column": floats(rng, m, 1), "matrix": floats(rng, m, n), "one": floats(rng, 1)}[bias]
    node = helper.make_node("Gemm", ["x", "w", "c"], ["y"], transB=transposed, alpha=0.5, beta=-2.0)
    session = opened(model([node], [("x", [m, k])], [("y", [m, n])], {"w": w, "c": c}))
    assert algorithms(session) == ["strassen"]
    x = floats(rng, m, k)
    want = 0.5 * (x.astype(np.float64) @ (w.T if transposed else w)) - 2.0 * c
    got = session.run(None, {"x": x})[0]
    assert np.sqrt(np.mean((got - want) ** 2)) <= 2e-6 * np.sqrt(np.mean(want**2))


def test_transposed_left_operands_stay_plain():
    rng = np.random.default_rng(4)
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transA=1)
    built = model([node], [("x", [384, 256])], [("y", [256, 256])], {"w": floats(rng, 384, 256)})
    assert algorithms(opened(built)) == ["packed"]


def test_one_constant_for_many_and_for_few_rows():
    rng = np.random.default_rng(5)
    w = floats(rng, 384, 384)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("MatMul", ["z", "w"], ["v"])]
    for few_first in (False, True):
        order = nodes[::-1] if few_first else nodes
        shapes = [("x", [256, 384]), ("z", [4, 384])]
        session = opened(model(order, shapes, [("y", [256, 384]), ("v", [4, 384])], {"w": w}))
        assert sorted(algorithms(session)) == ["packed", "strassen"]
        feed = {"x": floats(rng, 256, 384), "z": floats(rng, 4, 384)}
        y, v = session.run(None, feed)
        np.testing.assert_allclose(y, feed["x"].astype(np.float64) @ w, atol=1e-4)
        np.testing.assert_allclose(v, feed["z"].astype(np.float64) @ w, atol=1e-4)


def test_results_do_not_depend_on_threads():
    built, feeds, _ = product(199)
    feed = feeds(199)
    one, two = (opened(built, threads=t).run(None, feed)[0] for t in (1, 2))
    np.testing.assert_array_equal(one, two)
