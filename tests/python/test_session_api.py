"""The session API: the same calls on oriel.ort and on onnxruntime, and what Oriel promises beyond."""

import gc
import json
import threading
import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

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
        [numpy_helper.from_array(np.array(values, np.float32), "w")],
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
            small_model(),
            providers=[
                ("OpenVINOExecutionProvider", {"device_type": "CPU", "num_of_threads": 1}),
                "CPUExecutionProvider",
            ],
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


def test_assignment_names_the_models_nodes(api):
    options = api.SessionOptions()
    session = api.InferenceSession(small_model(), options, providers=["CPUExecutionProvider"])
    with pytest.raises(Exception, match='record_ep_graph_assignment_info.*must be set to "1"'):
        session.get_provider_graph_assignment_info()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = api.InferenceSession(small_model(), options, providers=["CPUExecutionProvider"])
    parts = session.get_provider_graph_assignment_info()
    assert {p.ep_name for p in parts} == {"CPUExecutionProvider"}
    nodes = [(n.domain, n.op_type, n.name) for p in parts for n in p.get_nodes()]
    assert sorted(nodes) == [("", "Add", "shift"), ("", "Add", "sum"), ("", "Relu", "clamp")]


def test_ort_value(api, rng):
    array = rng.standard_normal((2, 3)).astype(np.float32)
    value = api.OrtValue.ortvalue_from_numpy(array)
    assert (value.device_name(), value.shape(), value.data_type(), value.element_type()) == (
        "cpu",
        [2, 3],
        "tensor(float)",
        1,
    )
    assert (value.has_value(), value.is_tensor(), value.is_sparse_tensor(), value.is_tensor_sequence()) == (
        True,
        True,
        False,
        False,
    )
    assert value.tensor_size_in_bytes() == 24
    assert value.data_ptr() == array.ctypes.data
    np.testing.assert_array_equal(value.numpy(), array)
    value.update_inplace(np.full((2, 3), 7, np.float32))
    np.testing.assert_array_equal(array, np.full((2, 3), 7, np.float32))
    with pytest.raises(RuntimeError):
        value.update_inplace(np.zeros((3, 3), np.float32))
    made = api.OrtValue.ortvalue_from_shape_and_type([2, 0, 4], np.float32)
    assert made.shape() == [2, 0, 4] and made.numpy().size == 0
    assert api.OrtValue.ortvalue_from_shape_and_type([2], TensorProto.FLOAT16).data_type() == "tensor(float16)"
    bits = api.OrtValue.ortvalue_from_numpy_with_onnx_type(np.array([0x3F80], np.uint16), TensorProto.BFLOAT16)
    assert bits.data_type() == "tensor(bfloat16)"
    with pytest.raises(RuntimeError):
        api.OrtValue.ortvalue_from_numpy(array, "cuda", 0)


def test_string_values():
    value = ort.OrtValue.ortvalue_from_numpy(np.array([["a", "bä"], ["", "c"]], dtype=object))
    assert value.data_type() == "tensor(string)"
    assert value.numpy().tolist() == [["a", "bä"], ["", "c"]]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, np.int8, np.int64, np.uint16, np.bool_])
def test_dlpack_shares_memory(kind):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(kind)
    value = ort.OrtValue.from_dlpack(array)
    assert value.data_ptr() == array.ctypes.data
    assert value.__dlpack_device__() == (1, 0)
    del array
    back = np.from_dlpack(value)
    assert back.dtype == kind and back.ctypes.data == value.data_ptr()
    del value
    np.testing.assert_array_equal(back, np.array([[0, 1, 2], [3, 4, 5]]).astype(kind))


def test_dlpack_refuses(api):
    with pytest.raises(RuntimeError, match="contiguous"):
        api.OrtValue.from_dlpack(np.zeros((4, 4), np.float32)[:, ::2])
    with pytest.raises(TypeError, match="dltensor"):
        api.OrtValue.from_dlpack(3)
    value = api.OrtValue.ortvalue_from_numpy(np.zeros(3, np.float32))
    capsule = value._ortvalue.to_dlpack()
    assert api.OrtValue.from_dlpack(capsule).data_ptr() == value.data_ptr()
    with pytest.raises(TypeError, match="dltensor"):
        api.OrtValue.from_dlpack(capsule)


def test_strings_have_no_dlpack():
    with pytest.raises(RuntimeError, match="string"):
        ort.OrtValue.ortvalue_from_numpy(np.array(["a"], dtype=object)).to_dlpack()


def test_run_with_ort_values(api, session, feeds):
    values = {n: api.OrtValue.ortvalue_from_numpy(v) for n, v in feeds.items()}
    c, d = session.run_with_ort_values(None, values)
    np.testing.assert_array_equal(c.numpy(), expected(feeds)[0])
    np.testing.assert_array_equal(d.numpy(), expected(feeds)[1])
    (only,) = session.run_with_ort_values(["d"], values)
    assert only.data_type() == "tensor(float)"
    with pytest.raises(ValueError, match="missing"):
        session.run_with_ort_values(["d"], {"a": values["a"]})


def test_binding(api, session, feeds):
    binding = session.io_binding()
    binding.bind_cpu_input("a", feeds["a"])
    b = feeds["b"]
    binding.bind_input("b", "cpu", 0, np.float32, b.shape, b.ctypes.data)
    with pytest.raises(RuntimeError, match="At least one output"):
        session.run_with_iobinding(binding)
    binding.bind_output("d")
    session.run_with_iobinding(binding)
    (d,) = binding.get_outputs()
    np.testing.assert_array_equal(d.numpy(), expected(feeds)[1])
    (copy,) = binding.copy_outputs_to_cpu()
    np.testing.assert_array_equal(copy, expected(feeds)[1])
    assert len(binding.get_outputs_as_ortvaluevector()) == 1
    assert binding.get_outputs_as_ortvaluevector()[0].shape() == [2, 3]

    into = np.zeros((2, 3), np.float32)
    binding.clear_binding_outputs()
    binding.bind_output("c", "cpu", 0, np.float32, into.shape, into.ctypes.data)
    held = api.OrtValue.ortvalue_from_shape_and_type([2, 3], np.float32)
    binding.bind_ortvalue_output("d", held)
    for _ in range(2):
        feeds["a"][:] += 1
        into[:] = 0
        session.run_with_iobinding(binding)
        np.testing.assert_array_equal(into, expected(feeds)[0])
        np.testing.assert_array_equal(held.numpy(), expected(feeds)[1])
    assert binding.get_outputs()[1].data_ptr() == held.data_ptr()
    wrong = np.zeros((4, 4), np.float32)
    binding.bind_output("c", "cpu", 0, np.float32, wrong.shape, wrong.ctypes.data)
    with pytest.raises(RuntimeError, match="dimensions"):
        session.run_with_iobinding(binding)
    with pytest.raises(RuntimeError, match="zz"):
        binding.bind_cpu_input("zz", into)
    binding.clear_binding_inputs()


def test_binding_refuses_a_wrong_batch(feeds):
    session = ort.InferenceSession(small_model())
    binding = session.io_binding()
    for name, value in feeds.items():
        binding.bind_cpu_input(name, value)
    wrong = np.zeros((5, 3), np.float32)
    binding.bind_output("d", "cpu", 0, np.float32, wrong.shape, wrong.ctypes.data)
    with pytest.raises(RuntimeError):
        session.run_with_iobinding(binding)


def test_bound_outputs_of_control_flow():
    branches = [
        helper.make_graph(
            [helper.make_node(op, ["x", "x"], ["y"])],
            op,
            [],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
        )
        for op in ("Add", "Mul")
    ]
    graph = helper.make_graph(
        [helper.make_node("If", ["which"], ["out"], then_branch=branches[0], else_branch=branches[1])],
        "choice",
        [
            helper.make_tensor_value_info("which", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [4]),
        ],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
    session = ort.InferenceSession(model)
    into = np.zeros(4, np.float32)
    binding = session.io_binding()
    binding.bind_cpu_input("x", np.array([1, 2, 3, 4], np.float32))
    binding.bind_output("out", "cpu", 0, np.float32, [4], into.ctypes.data)
    for which, result in ((True, [2, 4, 6, 8]), (False, [1, 4, 9, 16])):
        binding.bind_cpu_input("which", np.array(which))
        session.run_with_iobinding(binding)
        np.testing.assert_array_equal(into, result)


def test_devices_and_memory(api, session):
    device = api.OrtDevice.make("cpu", 0)
    assert (device.device_type(), device.device_id(), device.device_mem_type(), device.device_vendor_id()) == (
        0,
        0,
        0,
        0,
    )
    info = session.get_input_memory_infos()[0]
    assert (info.name, info.device_id, info.allocator_type, info.mem_type) == (
        "Cpu",
        0,
        api.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        api.OrtMemType.DEFAULT,
    )
    own = api.OrtMemoryInfo("Cpu", api.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, api.OrtMemType.DEFAULT)
    assert own.name == "Cpu"
    assert "CPUExecutionProvider" in [d.ep_name for d in api.get_ep_devices()]
    arena = api.OrtArenaCfg({"max_mem": 1024})
    assert (arena.max_mem, arena.initial_chunk_size_bytes) == (1024, -1)


def test_option_defaults_and_types(api):
    options = api.SessionOptions()
    assert options.graph_optimization_level == api.GraphOptimizationLevel.ORT_ENABLE_ALL
    assert options.execution_mode == api.ExecutionMode.ORT_SEQUENTIAL
    assert options.execution_order == api.ExecutionOrder.DEFAULT
    defaults = {
        "enable_cpu_mem_arena": True,
        "enable_mem_pattern": True,
        "enable_mem_reuse": True,
        "enable_profiling": False,
        "inter_op_num_threads": 0,
        "intra_op_num_threads": 0,
        "log_severity_level": -1,
        "log_verbosity_level": 0,
        "logid": "",
        "optimized_model_filepath": "",
        "profile_file_prefix": "onnxruntime_profile_",
        "use_deterministic_compute": False,
        "use_per_session_threads": True,
    }
    assert {name: getattr(options, name) for name in defaults} == defaults
    for name, wrong in [("intra_op_num_threads", "2"), ("logid", 3), ("no_such_option", 1), ("execution_mode", "x")]:
        with pytest.raises((TypeError, AttributeError)):
            setattr(options, name, wrong)
    options.add_session_config_entry("session.x", "1")
    assert options.get_session_config_entry("session.x") == "1"
    with pytest.raises(RuntimeError, match="session.y"):
        options.get_session_config_entry("session.y")
    assert not options.has_providers()
    options.add_provider("CPUExecutionProvider", {})
    assert options.has_providers()


def test_free_dimensions(api):
    options = api.SessionOptions()
    options.add_free_dimension_override_by_name("n", 5)
    session = api.InferenceSession(small_model(), options, providers=["CPUExecutionProvider"])
    assert [i.shape for i in session.get_inputs()] == [[5, 3], [5, 3]]


def test_providers_from_options():
    options = ort.SessionOptions()
    options.add_provider("OpenVINOExecutionProvider", {"device_type": "CPU"})
    session = ort.InferenceSession(small_model(), options)
    assert session.get_provider_options()["OpenVINOExecutionProvider"] == {"device_type": "CPU"}
    options = ort.SessionOptions()
    devices = ort.get_ep_devices()
    options.add_provider_for_devices([d for d in devices if d.ep_name == "CPUExecutionProvider"], {})
    assert options.has_providers()
    assert ort.InferenceSession(small_model(), options).get_providers() == ["CPUExecutionProvider"]
    with pytest.raises(ort.InvalidArgument, match="same execution provider"):
        options.add_provider_for_devices(devices, {})


def test_custom_operators_wait(tmp_path):
    library = tmp_path / "ops.so"
    with pytest.raises(ort.Fail, match="ops.so"):
        ort.SessionOptions().register_custom_ops_library(library)
    library.touch()
    with pytest.raises(ort.NotImplemented, match="ops.so.*C ABI"):
        ort.SessionOptions().register_custom_ops_library(str(library))


def test_add_initializer(api, feeds):
    options = api.SessionOptions()
    weight = np.array([1, 2, 3], np.float32)
    value = api.OrtValue.ortvalue_from_numpy(weight)  # onnxruntime does not keep it alive
    options.add_initializer("w", value)
    session = api.InferenceSession(small_model(), options, providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(["d"], feeds)[0], np.maximum(feeds["a"] + feeds["b"], 0) + weight)


def test_add_initializer_of_another_shape():
    options = ort.SessionOptions()
    options.add_initializer("w", ort.OrtValue.ortvalue_from_numpy(np.zeros(4, np.float32)))
    with pytest.raises(ort.InvalidArgument, match='"w".*f32.4.*f32.3'):
        ort.InferenceSession(small_model(), options)


def test_add_external_initializers(api, feeds, tmp_path):
    path = tmp_path / "external.onnx"
    onnx.save(
        onnx.load_from_string(small_model()), path, save_as_external_data=True, location="gone.bin", size_threshold=0
    )
    (tmp_path / "gone.bin").unlink()
    options = api.SessionOptions()
    weight = np.array([4, 5, 6], np.float32)
    value = api.OrtValue.ortvalue_from_numpy(weight)
    options.add_external_initializers(["w"], [value])
    session = api.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(["d"], feeds)[0], np.maximum(feeds["a"] + feeds["b"], 0) + weight)
    with pytest.raises(RuntimeError, match="length"):
        options.add_external_initializers(["w"], [])


def test_optimized_model_is_written(feeds, tmp_path, reference):
    options = ort.SessionOptions()
    options.optimized_model_filepath = tmp_path / "optimised.onnx"
    session = ort.InferenceSession(small_model(), options)
    onnx.checker.check_model(tmp_path / "optimised.onnx")
    again = ort.InferenceSession(tmp_path / "optimised.onnx")
    for one, other in zip(session.run(None, feeds), again.run(None, feeds)):
        np.testing.assert_array_equal(one, other)
    options.optimized_model_filepath = str(tmp_path / "no" / "folder.onnx")
    with pytest.raises(ort.Fail, match="folder.onnx"):
        ort.InferenceSession(small_model(), options)


def test_module_functions(api):
    assert api.get_version_string() == api.__version__
    assert api.get_build_info()
    assert api.has_collective_ops() is False
    assert api.get_device() == "CPU"
    assert "CPUExecutionProvider" in api.get_available_providers()
    assert set(api.get_available_providers()) <= set(api.get_all_providers())
    api.disable_telemetry_events()
    api.set_default_logger_severity(2)
    api.set_default_logger_verbosity(0)
    with pytest.raises(RuntimeError, match="severity"):
        api.set_default_logger_severity(9)


def test_severity_silences_warnings():
    ort.set_default_logger_severity(3)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ort.InferenceSession(small_model(), providers=["CUDAExecutionProvider"])
    finally:
        ort.set_default_logger_severity(2)


def test_seed_repeats():
    graph = helper.make_graph(
        [helper.make_node("RandomNormal", [], ["x"], shape=[16])],
        "random",
        [],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()

    def draw(seed):
        ort.set_seed(seed)
        session = ort.InferenceSession(model)
        return [session.run(None, {})[0] for _ in range(2)]

    first, again, other = draw(7), draw(7), draw(8)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, other)


def test_profile(api, feeds, tmp_path):
    options = api.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "trace")
    session = api.InferenceSession(small_model(), options, providers=["CPUExecutionProvider"])
    assert session.get_profiling_start_time_ns() > 0
    for _ in range(3):
        session.run(None, feeds)
    name = session.end_profiling()
    assert name.startswith(str(tmp_path / "trace_")) and name.endswith(".json")
    with open(name, encoding="utf-8") as file:
        events = json.load(file)
    for event in events:
        assert event["ph"] == "X" and event["ts"] >= 0 and event["dur"] >= 0 and event["pid"] > 0
    named = " ".join(e["name"] for e in events if e["cat"] == "Node")
    assert named.count("sum") == 3 and named.count("clamp") >= 1
    assert {e["args"]["provider"] for e in events if e["cat"] == "Node"} == {"CPUExecutionProvider"}
    assert len([e for e in events if e["name"] == "model_run"]) == 3
    session.run(None, feeds)


def test_profile_of_a_dropped_session(feeds, tmp_path):
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "dropped")
    session = ort.InferenceSession(small_model(), options)
    session.run(None, feeds)
    del session
    gc.collect()
    (written,) = tmp_path.glob("dropped_*.json")
    assert any("shift" in e["name"] for e in json.loads(written.read_text()))


def test_value_vectors(feeds):
    session = ort.InferenceSession(small_model())
    given, made = ort.OrtValueVector(), ort.OrtValueVector()
    for name in "ab":
        given.push_back(ort.OrtValue.ortvalue_from_numpy(feeds[name]))
    session.run_with_ortvaluevector(ort.RunOptions(), ["a", "b"], given, ["d"], made, [])
    np.testing.assert_array_equal(made[0].numpy(), expected(feeds)[1])
    assert made.element_type_at(0) == TensorProto.FLOAT and made.bool_tensor_indices() == []
    held = made[0].data_ptr()
    given[0].update_inplace(feeds["b"])
    session.run_with_ortvaluevector(ort.RunOptions(), ["a", "b"], given, ["d"], made, [])
    assert len(made) == 1 and made[0].data_ptr() == held
    np.testing.assert_array_equal(made[0].numpy(), np.maximum(2 * feeds["b"], 0) + np.float32(0.5))
    with pytest.raises(RuntimeError, match="fetches"):
        session.run_with_ortvaluevector(ort.RunOptions(), ["a", "b"], given, ["d", "c"], made, [])
    target = ort.OrtValue.ortvalue_from_shape_and_type([2, 3], np.float32)
    ort.copy_tensors([ort.OrtValue.ortvalue_from_numpy(feeds["a"])], [target])
    np.testing.assert_array_equal(target.numpy(), feeds["a"])


def test_bound_outputs_as_a_vector(session, feeds):
    binding = session.io_binding()
    for name, value in feeds.items():
        binding.bind_cpu_input(name, value)
    binding.bind_output("d")
    session.run_with_iobinding(binding)
    np.testing.assert_array_equal(binding.get_outputs_as_ortvaluevector()[0].numpy(), expected(feeds)[1])
