"""The session API: the same calls on oriel.ort and on onnxruntime, and what Oriel promises beyond."""

import threading
import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from oriel import ort


def small_model(size=3, weight=None):
    """a, b [n, size] -> c = a + b, d = relu(c) + w."""
    shape = ["n", size]
    values = [0.5] * size if weight is None else weight
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["a", "b"], ["c"], name="sum"),
            helper.make_node("Relu", ["c"], ["r"], name="clamp"),
            helper.make_node("Add", ["r", "w"], ["d"], name="shift"),
        ],
        "small",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "ab"],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "cd"],
        [helper.make_tensor("w", TensorProto.FLOAT, [size], values)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="tests")
    return model.SerializeToString()


def endless_model():
    """A loop of 2^40 turns over a small sum."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["x", "x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [4]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [4]),
        ],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["count", "yes", "start"], ["end"], body=body)],
        "endless",
        [helper.make_tensor_value_info("start", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("end", TensorProto.FLOAT, [4])],
        [
            helper.make_tensor("count", TensorProto.INT64, [], [1 << 40]),
            helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


@pytest.fixture(params=["oriel", "onnxruntime"])
def api(request):
    """Each module in turn: what passes with both is behaviour that they share."""
    if request.param == "oriel":
        return ort
    return pytest.importorskip("onnxruntime")


@pytest.fixture
def session(api):
    return api.InferenceSession(small_model(), providers=["CPUExecutionProvider"])


@pytest.fixture
def feeds(rng):
    return {n: rng.standard_normal((2, 3)).astype(np.float32) for n in "ab"}


def expected(feeds):
    total = feeds["a"] + feeds["b"]
    return total, np.maximum(total, 0) + np.float32(0.5)


def test_run_forms(session, feeds):
    c, d = expected(feeds)
    for names in (None, []):
        results = session.run(names, feeds)
        np.testing.assert_array_equal(results[0], c)
        np.testing.assert_array_equal(results[1], d)
    (only,) = session.run(["d"], feeds)
    np.testing.assert_array_equal(only, d)
    again, first = session.run(["d", "c"], feeds)
    np.testing.assert_array_equal(again, d)
    np.testing.assert_array_equal(first, c)
    (listed,) = session.run(["c"], {"a": [[1.0, 2.0, 3.0]], "b": feeds["b"][:1]})
    np.testing.assert_allclose(listed, feeds["b"][:1] + np.array([1, 2, 3], np.float32))


def test_values_as_feeds(api, session, feeds):
    mixed = {"a": api.OrtValue.ortvalue_from_numpy(feeds["a"]), "b": feeds["b"]}
    np.testing.assert_array_equal(session.run(["d"], mixed)[0], expected(feeds)[1])


def test_wrong_feeds(api, session, feeds):
    invalid = api.capi.onnxruntime_pybind11_state.InvalidArgument if api is not ort else ort.InvalidArgument
    a = feeds["a"]
    with pytest.raises(ValueError, match=r"\['b'\]\) are missing"):
        session.run(None, {"a": a})
    with pytest.raises(TypeError):
        session.run("d", feeds)
    cases = [
        (None, {**feeds, "z": a}, "z"),
        (["q"], feeds, "q"),
        (None, {**feeds, "a": a.astype(np.float64)}, "tensor.double.*tensor.float"),
        (None, {**feeds, "a": a[0]}, "Got: 1 Expected: 2"),
        (None, {**feeds, "a": a[:, :2]}, "Got: 2 Expected: 3"),
    ]
    for names, wrong, text in cases:
        with pytest.raises(invalid, match=text):
            session.run(names, wrong)
    np.testing.assert_array_equal(session.run(["d"], feeds)[0], expected(feeds)[1])


def test_description(api, session):
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [(n, "tensor(float)", ["n", 3]) for n in "ab"]
    assert [o.name for o in session.get_outputs()] == ["c", "d"]
    assert session.get_overridable_initializers() == []
    assert session.get_modelmeta().producer_name == "tests"
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert session.get_provider_options() == {"CPUExecutionProvider": {}}
    assert session.end_profiling() == ""
    assert session.get_profiling_start_time_ns() == 0
    options = api.SessionOptions()
    assert api.InferenceSession(small_model(), options, providers=["CPUExecutionProvider"]).get_session_options()


def test_terminate_before_a_run(api, session, feeds):
    options = api.RunOptions()
    assert (options.terminate, options.logid, options.log_severity_level) == (False, "", -1)
    options.terminate = True
    with pytest.raises(Exception, match="terminate flag"):
        session.run(None, feeds, options)
    options.terminate = False
    assert len(session.run(None, feeds, options)) == 2
    options.add_run_config_entry("k", "v")
    assert options.get_run_config_entry("k") == "v"
    with pytest.raises(RuntimeError, match="does not have"):
        options.get_run_config_entry("x")


def test_terminate_stops_a_run_under_way(api):
    session = api.InferenceSession(endless_model(), providers=["CPUExecutionProvider"])
    options = api.RunOptions()
    timer = threading.Timer(0.2, lambda: setattr(options, "terminate", True))
    timer.start()
    with pytest.raises(Exception, match="terminate"):
        session.run(None, {"start": np.zeros(4, np.float32)}, options)
    timer.join()


def test_run_async(session, feeds):
    seen = {}
    done = threading.Event()

    def callback(results, user_data, error):
        seen.update(results=results, user_data=user_data, error=error, thread=threading.get_ident())
        done.set()

    session.run_async(["d"], feeds, callback, {"key": 5})
    assert done.wait(30)
    np.testing.assert_array_equal(seen["results"][0], expected(feeds)[1])
    assert (seen["user_data"], seen["error"]) == ({"key": 5}, "")
    assert seen["thread"] != threading.get_ident()
    done.clear()
    session.run_async(None, {**feeds, "a": feeds["a"].astype(np.float64)}, callback, None)
    assert done.wait(30)
    assert seen["results"] == [] and "tensor(double)" in seen["error"]


def test_many_async_runs_finish(feeds):
    session = ort.InferenceSession(small_model())
    left = threading.Semaphore(0)
    for _ in range(50):
        session.run_async(None, feeds, lambda r, u, e: left.release(), None)
    for _ in range(50):
        assert left.acquire(timeout=30)


def test_providers():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = ort.InferenceSession(
            small_model(), providers=[("OpenVINOExecutionProvider", {"device_type": "CPU", "num_of_threads": 1}), "CPUExecutionProvider"]
        )
    assert session.get_providers() == ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
    assert session.get_provider_options()["OpenVINOExecutionProvider"] == {"device_type": "CPU", "num_of_threads": "1"}
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        session = ort.InferenceSession(small_model(), providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert session.get_providers() == ["CPUExecutionProvider"]
    with pytest.warns(UserWarning, match="Unknown Provider Type: Foo"):
        ort.InferenceSession(small_model(), providers=["Foo"])
    for providers, options in [(["Foo"], None), ([3], None), (["CPUExecutionProvider"], [{}, {}])]:
        with pytest.raises((RuntimeError, ValueError)):
            ort.InferenceSession(small_model(), providers=providers, provider_options=options, enable_fallback=0)
    with pytest.raises(ort.EPFail, match="NPU_9"):
        ort.InferenceSession(small_model(), providers=[("OpenVINOExecutionProvider", {"device_type": "NPU_9"})])


def test_set_providers(feeds):
    session = ort.InferenceSession(small_model())
    session.set_providers(["OpenVINOExecutionProvider"], [{"device_type": "CPU"}])
    assert session.get_providers()[0] == "OpenVINOExecutionProvider"
    np.testing.assert_array_equal(session.run(["d"], feeds)[0], expected(feeds)[1])
    with pytest.raises(RuntimeError, match="Foo"):
        session.set_providers(["Foo"])
    with pytest.raises(ort.EPFail):
        session.set_providers([("OpenVINOExecutionProvider", {"device_type": "NPU_9"})])
    assert session.get_providers()[0] == "OpenVINOExecutionProvider"
    np.testing.assert_array_equal(session.run(["d"], feeds)[0], expected(feeds)[1])
    session.set_providers(["CPUExecutionProvider"])
    assert session.get_providers() == ["CPUExecutionProvider"]


def test_assignment_names_the_models_nodes():
    (part,) = ort.InferenceSession(small_model()).get_provider_graph_assignment_info()
    assert part.ep_name == "CPUExecutionProvider"
    assert {"sum", "clamp", "shift"} == {n.name for n in part.get_nodes()}
