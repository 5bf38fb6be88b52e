"""Loading of models and choice of providers, as oriel.ort shares them with onnxruntime: every test here passes with both."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from session_peers import adapter_model, api, build, CPU, info, mul_model, open_session, session, state, x, y  # noqa: F401

from oriel import ort

# Loading


def test_files_that_are_no_models(api, state, tmp_path):
    for wrong in (None, 3, onnx.load_from_string(mul_model())):
        with pytest.raises(TypeError, match="Unable to load from type"):
            api.InferenceSession(wrong, providers=CPU)
    with pytest.raises(state.NoSuchFile, match="NO_SUCHFILE"):
        api.InferenceSession(str(tmp_path / "absent.onnx"), providers=CPU)
    (tmp_path / "garbage.onnx").write_bytes(b"garbagegarbage")
    for garbage in (b"garbage", str(tmp_path / "garbage.onnx")):
        with pytest.raises(state.InvalidProtobuf, match="INVALID_PROTOBUF"):
            api.InferenceSession(garbage, providers=CPU)
    (tmp_path / "empty.onnx").touch()
    for empty in (b"", tmp_path / "empty.onnx"):
        with pytest.raises(state.InvalidArgument, match="No graph was found in the protobuf"):
            api.InferenceSession(empty, providers=CPU)
    with pytest.raises((TypeError, AttributeError)):
        api.InferenceSession(mul_model(), 5, providers=CPU)


@pytest.mark.parametrize(
    "domain, opsets, expected",
    [
        ("", [("", 17)], "InvalidGraph"),
        ("ai.onnx.ml", [("", 17), ("ai.onnx.ml", 3)], "InvalidGraph"),
        ("acme", [("", 17)], "InvalidGraph"),
        ("acme", [("", 17), ("acme", 1)], "Fail"),
        ("com.microsoft", [("", 17), ("com.microsoft", 1)], "Fail"),
    ],
)
def test_unknown_operators(api, state, domain, opsets, expected):
    node = helper.make_node("Frobnicate", ["X"], ["Y"], domain=domain)
    graph = helper.make_graph([node], "g", [info("X", 1, [2])], [info("Y", 1, [2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*o) for o in opsets], ir_version=8)
    with pytest.raises(getattr(state, expected), match="Frobnicate"):
        open_session(api, model.SerializeToString())


def test_the_last_of_constants_with_one_name(api, x):
    nodes = [
        helper.make_node("Constant", [], ["k"], name="first", value_float=12.0),
        helper.make_node("Mul", ["X", "k"], ["Y"]),
        helper.make_node("Constant", [], ["k"], name="last", value_float=2.0),
    ]
    session = open_session(api, build(nodes, [info("X", 1, [3, 2])], [info("Y", 1, [3, 2])]))
    np.testing.assert_array_equal(session.run(None, {"X": x})[0], 2 * x)


def test_paths_and_bytes(api, tmp_path, x, y):
    path = tmp_path / "model.onnx"
    path.write_bytes(mul_model())
    for model in (path, str(path), mul_model()):
        np.testing.assert_array_equal(open_session(api, model).run(None, {"X": x})[0], y)


def test_description_of_models(api, session):
    (wanted,) = session.get_inputs()
    assert (wanted.name, wanted.type, wanted.shape) == ("X", "tensor(float)", ["n", 2])
    assert str(wanted) == "NodeArg(name='X', type='tensor(float)', shape=['n', 2])"
    with pytest.raises(AttributeError):
        wanted.name = "Q"
    meta = session.get_modelmeta()
    assert (meta.graph_name, meta.domain, meta.description, meta.version) == ("g", "", "", 2**63 - 1)
    assert meta.custom_metadata_map == {}
    told = open_session(api, mul_model(metadata={"a": "1", "b": "ß"})).get_modelmeta()
    assert told.custom_metadata_map == {"a": "1", "b": "ß"}
    assert session.get_inputs() is session.get_inputs()


def test_declared_names_of_dimensions(api):
    nodes = [
        helper.make_node("Concat", ["a", "b"], ["c"], axis=0),
        helper.make_node("Slice", ["a", "starts", "ends"], ["s"]),
        helper.make_node("NonZero", ["a"], ["z"]),
        helper.make_node("Relu", ["b"], ["r"]),
    ]
    constants = [numpy_helper.from_array(np.array([v], np.int64), n) for n, v in (("starts", 1), ("ends", 2**40))]
    inputs = [info("a", 1, ["None", 2, "w"]), info("b", 1, ["n", 2, "w"])]
    outputs = [
        info("c", 1, ["total", 2, "w"]),
        info("s", 1, ["rest", "two", None]),
        info("z", 7, [3, None]),
        info("r", 1, ["m", 2, "w"]),
    ]
    session = open_session(api, build(nodes, inputs, outputs, constants))
    assert [v.shape for v in session.get_inputs()] == [["None", 2, "w"], ["n", 2, "w"]]
    shapes = [v.shape for v in session.get_outputs()]
    assert shapes[0] == ["total", 2, "w"] and shapes[2] == [3, None] and shapes[3] == ["m", 2, "w"]
    assert shapes[1][0] == "rest" and shapes[1][1] in (2, "two")
    a, b = np.ones((2, 2, 3), np.float32), np.ones((4, 2, 3), np.float32)
    assert [r.shape for r in session.run(None, {"a": a, "b": b})] == [(6, 2, 3), (1, 2, 3), (3, 12), (4, 2, 3)]


def test_overridable_initializers(api):
    session = open_session(api, adapter_model())
    assert [i.name for i in session.get_inputs()] == ["X"]
    assert [(i.name, i.type) for i in session.get_overridable_initializers()] == [("A", "tensor(float)")]
    ones = np.ones((2, 2), np.float32)
    np.testing.assert_array_equal(session.run(None, {"X": ones})[0], ones)
    np.testing.assert_array_equal(session.run(None, {"X": ones, "A": 5 * ones})[0], 11 * ones)


# Providers


def test_provider_arguments(api):
    if api is ort:
        check = ort.check_and_normalize_provider_args
    else:
        from onnxruntime.capi.onnxruntime_inference_collection import check_and_normalize_provider_args as check
    known = ["a", "b", "c"]
    assert check(None, None, known) == ([], [])
    assert check(["a", "b"], None, known) == (["a", "b"], [{}, {}])
    assert check([("a", {1: 2}), "b"], None, known) == (["a", "b"], [{"1": "2"}, {}])
    assert check(("a", "b"), ({1: 2}, {}), known) == (["a", "b"], [{"1": "2"}, {}])
    with pytest.warns(UserWarning, match="Duplicate provider 'a' encountered, ignoring"):
        assert check(["a", "b", "a"], [{"x": 1}, {}, {"y": 2}], known) == (["a", "b"], [{"x": "1"}, {}])
    with pytest.warns(
        UserWarning, match="Specified provider 'd' is not in available provider names.Available providers: 'a, b, c'"
    ):
        assert check(["d", "a"], None, known) == (["d", "a"], [{}, {}])
    wrong = [
        (3, None),
        ([3], None),
        (["a"], 3),
        (["a"], ["x"]),
        (["a", "b"], [{}]),
        ([("a", {})], [{}]),
        ([["a", {}]], None),
        ([("a",)], None),
    ]
    for providers, options in wrong:
        with pytest.raises(ValueError):
            check(providers, options, known)


def test_providers_that_are_not_there(api):
    with pytest.warns(UserWarning, match="Specified provider 'CUDAExecutionProvider' is not in available"):
        session = api.InferenceSession(
            mul_model(), providers=[("CUDAExecutionProvider", {"device_id": 0}), "CPUExecutionProvider"]
        )
    assert session.get_providers() == CPU and session._enable_fallback
    with pytest.warns(UserWarning, match="Foo"):
        session = api.InferenceSession(mul_model(), providers=["Foo"])
    assert session.get_providers() == CPU and not session._enable_fallback
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="Unknown Provider Type: Foo"):
        api.InferenceSession(mul_model(), providers=["Foo"], enable_fallback=0)
    with pytest.raises(ValueError, match="same length"):
        api.InferenceSession(mul_model(), providers=CPU, provider_options=[{}, {}], enable_fallback=0)
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="Unknown Provider Type: InvalidProvider"):
        open_session(api, mul_model()).set_providers(["InvalidProvider"])


def test_fallback_switch(session):
    session.disable_fallback()
    assert session._enable_fallback is False
    session.enable_fallback()
    assert session._enable_fallback is True and session._fallback_providers == CPU


def test_providers_of_options(api, state):
    options = api.SessionOptions()
    for call, error in (
        (lambda: options.add_provider("Foo", {}), RuntimeError),
        (lambda: options.add_provider("CUDAExecutionProvider", {}), state.InvalidArgument),
        (lambda: options.add_provider("CPUExecutionProvider", {"a": 1}), TypeError),
        (lambda: options.set_provider_selection_policy(3), TypeError),
        (lambda: options.add_provider_for_devices([], {}), state.InvalidArgument),
    ):
        with pytest.raises(error):
            call()
    assert not options.has_providers()
    options.add_provider("CPUExecutionProvider", {})
    assert options.has_providers()
    assert api.InferenceSession(mul_model(), options).get_providers() == CPU
    with pytest.warns(UserWarning, match="already been configured with providers"):
        api.InferenceSession(mul_model(), options, providers=CPU)
    policy = api.SessionOptions()
    policy.set_provider_selection_policy(api.OrtExecutionProviderDevicePolicy.PREFER_CPU)
    assert api.InferenceSession(mul_model(), policy).get_providers()[-1] == "CPUExecutionProvider"


def test_choice_by_delegate(api):
    seen = []

    def choose(devices, model_metadata, runtime_metadata, most):
        seen.append((len(devices), dict(model_metadata), most))
        return [devices[-1]]

    options = api.SessionOptions()
    options.set_provider_selection_policy_delegate(choose)
    session = api.InferenceSession(mul_model(), options)
    assert session.get_providers() == CPU
    ((count, metadata, most),) = seen
    assert count >= 1 and most >= 1 and metadata


def test_ep_devices(api, state):
    device = api.get_ep_devices()[-1]
    assert device.ep_name == "CPUExecutionProvider" and device.device.type == api.OrtHardwareDeviceType.CPU
    assert isinstance(device.ep_metadata, dict) and isinstance(device.ep_options, dict) and device.ep_vendor
    assert isinstance(device.device.vendor, str) and isinstance(device.device.vendor_id, int)
    with pytest.raises(RuntimeError):
        device.create_sync_stream()
    options = api.SessionOptions()
    options.add_provider_for_devices([device], {})
    assert api.InferenceSession(mul_model(), options).get_providers() == CPU
    (hardware,) = [d for d in state.get_hardware_devices() if d.type.value == 0]
    details = state.get_hardware_device_ep_incompatibility_details("CPUExecutionProvider", hardware)
    assert (details["reasons_bitmask"], details["error_code"]) == (0, 0)
    with pytest.raises(state.InvalidArgument):
        state.get_hardware_device_ep_incompatibility_details("", hardware)
    not_applicable = state.OrtCompiledModelCompatibility.EP_NOT_APPLICABLE
    assert state.get_model_compatibility_for_ep_devices([device], "any") == not_applicable
    with pytest.raises(RuntimeError):
        state.get_model_compatibility_for_ep_devices([], "any")
    with pytest.raises(TypeError):
        state.get_model_compatibility_for_ep_devices([device], None)


def test_compatibility_info(state, tmp_path):
    content = mul_model(metadata={"ep_compatibility_info.One": "v1"})
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert state.get_compatibility_info_from_model_bytes(content, "One") == "v1"
    assert state.get_compatibility_info_from_model(str(path), "One") == "v1"
    assert state.get_compatibility_info_from_model_bytes(content, "Other") is None
    for call in (
        lambda: state.get_compatibility_info_from_model_bytes(b"", "One"),
        lambda: state.get_compatibility_info_from_model_bytes(b"no model at all", "One"),
        lambda: state.get_compatibility_info_from_model_bytes(content, ""),
        lambda: state.get_compatibility_info_from_model(str(tmp_path / "absent"), "One"),
        lambda: state.get_compatibility_info_from_model("", "One"),
    ):
        with pytest.raises(RuntimeError):
            call()


def test_functions_of_the_module(api):
    assert "Build Info" in api.get_build_info()
    assert api.get_all_providers()[-1] == "CPUExecutionProvider" and "CUDAExecutionProvider" in api.get_all_providers()
    for call in (lambda: api.set_default_logger_severity("a"), lambda: api.set_seed("a")):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(RuntimeError):
        api.set_default_logger_severity(5)
    api.enable_telemetry_events()
    api.disable_telemetry_events()
    info = api.OrtMemoryInfo("Cpu", api.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, api.OrtMemType.DEFAULT)
    api.create_and_register_allocator(info, None)
    api.create_and_register_allocator(info, api.OrtArenaCfg(0, -1, -1, -1))
    api.create_and_register_allocator_v2("CPUExecutionProvider", info, {}, None)
    with pytest.raises(RuntimeError, match="CUDAExecutionProvider"):
        api.create_and_register_allocator_v2("CUDAExecutionProvider", info, {}, None)
    with pytest.raises(Exception, match="nope.so"):
        api.register_execution_provider_library("x", "/nope.so")
    with pytest.raises(Exception, match="was not registered"):
        api.unregister_execution_provider_library("x")


def test_enumerations(api):
    level = api.GraphOptimizationLevel.ORT_ENABLE_ALL
    assert (level.name, level.value, int(level), str(level)) == (
        "ORT_ENABLE_ALL",
        99,
        99,
        "GraphOptimizationLevel.ORT_ENABLE_ALL",
    )
    assert repr(level) == "<GraphOptimizationLevel.ORT_ENABLE_ALL: 99>"
    assert api.GraphOptimizationLevel(99) == level and {level: 1}[api.GraphOptimizationLevel(99)] == 1
    assert list(api.ExecutionMode.__members__) == ["ORT_SEQUENTIAL", "ORT_PARALLEL"]
    flags = api.OrtCompileApiFlags
    assert flags.ERROR_IF_NO_NODES_COMPILED | flags.ERROR_IF_OUTPUT_FILE_EXISTS == 3
