"""Behaviour that oriel.ort shares with onnxruntime: every test here passes with both."""

import json
import os
import threading

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oriel import ort

CPU = ["CPUExecutionProvider"]
info = helper.make_tensor_value_info


@pytest.fixture(params=["oriel", "onnxruntime"])
def api(request):
    """Each module in turn."""
    return ort if request.param == "oriel" else pytest.importorskip("onnxruntime")


@pytest.fixture
def state(api):
    """The module of inner names."""
    if api is ort:
        return ort.state
    from onnxruntime.capi import onnxruntime_pybind11_state

    return onnxruntime_pybind11_state


def build(nodes, inputs, outputs, initializers=(), opset=17, metadata=None):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()


def mul_model(**more):
    """Y [n, 2] = X * [[1, 2]]."""
    weights = numpy_helper.from_array(np.array([[1, 2]], np.float32), "W")
    node = helper.make_node("Mul", ["X", "W"], ["Y"], name="times")
    return build([node], [info("X", 1, ["n", 2])], [info("Y", 1, ["n", 2])], [weights], **more)


def identity_model(kind, shape=None, opset=21):
    node = helper.make_node("Identity", ["X"], ["Y"])
    return build([node], [info("X", kind, shape)], [info("Y", kind, shape)], opset=opset)


def adapter_model():
    """Y = X + X @ A, where A may be given and is zero otherwise."""
    nodes = [helper.make_node("MatMul", ["X", "A"], ["t"]), helper.make_node("Add", ["X", "t"], ["Y"])]
    zeros = numpy_helper.from_array(np.zeros((2, 2), np.float32), "A")
    inputs = [info("X", 1, [2, 2]), info("A", 1, ["r", "k"])]
    return build(nodes, inputs, [info("Y", 1, [2, 2])], [zeros])


def open_session(api, model, options=None, **more):
    return api.InferenceSession(model, options, providers=CPU, **more)


@pytest.fixture
def x():
    return np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture
def y(x):
    return x * np.array([[1, 2]], np.float32)


@pytest.fixture
def session(api):
    return open_session(api, mul_model())


# Feeds and outputs


def test_layouts_of_arrays(session, x, y):
    wide = np.zeros((3, 4), np.float32)
    wide[:, ::2] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    forms = [
        x,
        np.asfortranarray(x),
        wide[:, ::2],
        x[::-1][::-1],
        read_only,
        np.ma.array(x),
        x.tolist(),
        [x[0], x[1], x[2]],
    ]
    for form in forms:
        np.testing.assert_array_equal(session.run(None, {"X": form})[0], y)
    assert session.run(None, {"X": np.zeros((0, 2), np.float32)})[0].shape == (0, 2)


def test_names_of_outputs(session, x, y):
    for names in (None, [], ("Y",), ["Y"]):
        np.testing.assert_array_equal(session.run(names, {"X": x})[0], y)
    assert len(session.run(["Y", "Y"], {"X": x})) == 2
    for names in ("Y", [3], 7):
        with pytest.raises(TypeError):
            session.run(names, {"X": x})


def test_results_are_the_callers(api, x):
    plain = build(
        [helper.make_node("Add", ["X", "X"], ["Y"])],
        [info("X", 1, [3, 2])],
        [info("Y", 1, [3, 2]), info("X", 1, [3, 2])],
    )
    session = open_session(api, plain)
    kept = [session.run(None, {"X": np.full((3, 2), i, np.float32)}) for i in range(5)]
    for i, (twice, same) in enumerate(kept):
        np.testing.assert_array_equal(twice, np.full((3, 2), 2 * i))
        np.testing.assert_array_equal(same, np.full((3, 2), i))
    through = session.run(None, {"X": x})[1]
    assert not np.shares_memory(through, x)


def test_types_of_results(api):
    kinds = [
        np.float32,
        np.float64,
        np.float16,
        np.int8,
        np.int16,
        np.int32,
        np.int64,
        np.uint8,
        np.uint16,
        np.uint32,
        np.uint64,
        np.bool_,
    ]
    for kind in kinds:
        number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        value = np.array([0, 1, 1]).astype(kind)
        (result,) = open_session(api, identity_model(number)).run(None, {"X": value})
        assert result.dtype == kind and result.base is not None
        assert api is not ort or result.dtype.type is value.dtype.type
        np.testing.assert_array_equal(result, value)


def test_wrong_feeds(state, session, x):
    with pytest.raises(ValueError, match=r"Required inputs \(\['X'\]\) are missing from input feed \(\[\]\)"):
        session.run(None, {})
    with pytest.raises(AttributeError):
        session.run(None, None)
    for value in (object(), memoryview(x), [[1.0, 2.0], [1.0]], "text", b"bytes"):
        with pytest.raises(RuntimeError):
            session.run(None, {"X": value})
    for value in (x.astype(np.int64), x[0], np.ones((3, 5), np.float32), np.array([["a", "b"]])):
        with pytest.raises(state.InvalidArgument, match="INVALID_ARGUMENT"):
            session.run(None, {"X": value})
    with pytest.raises(state.InvalidArgument, match="Invalid input name: Q"):
        session.run(None, {"X": x, "Q": x})
    with pytest.raises(state.InvalidArgument, match="Invalid output name:Z"):
        session.run(["Z"], {"X": x})
    with pytest.raises(TypeError):
        session.run(None, {"X": x}, 5)


def test_strings(api):
    session = open_session(api, identity_model(TensorProto.STRING))
    words = [["Olá", "你好"], ["여보세요", ""]]
    for form in (np.array(words), np.array(words, object), words):
        result = session.run(None, {"X": form})[0]
        assert result.dtype == object and result.tolist() == words
    void = np.array([b"must", b"have"], np.void)
    assert session.run(None, {"X": void})[0].tolist() == ["must", "have"]
    mixed = np.array(["a", 1, None], object)
    assert session.run(None, {"X": mixed})[0].tolist() == ["a", "1", "None"]


def test_bytes(x):
    session = open_session(ort, identity_model(TensorProto.STRING))
    for given in (np.array([b"a", b"bc"]), [b"a", b"bc"], np.array([b"a", b"bc"], object)):
        assert session.run(None, {"X": given})[0].tolist() == ["a", "bc"]
    zeros = np.array([b"A\0A\0", b"B\0B\0"], np.void)
    assert session.run(None, {"X": zeros})[0].tolist() == ["A\0A\0", "B\0B\0"]


def sequence_model():
    nodes = [
        helper.make_node("SequenceAt", ["S", "i"], ["Y"]),
        helper.make_node("SequenceInsert", ["S", "Y"], ["Q"]),
        helper.make_node("SequenceLength", ["Q"], ["n"]),
    ]
    inputs = [helper.make_tensor_sequence_value_info("S", 1, None), info("i", 7, [])]
    outputs = [info("Y", 1, None), helper.make_tensor_sequence_value_info("Q", 1, None), info("n", 7, [])]
    return build(nodes, inputs, outputs)


def test_sequences(api, state, x):
    session = open_session(api, sequence_model())
    described = [(v.name, v.type, v.shape) for v in session.get_inputs() + session.get_outputs()]
    assert described == [
        ("S", "seq(tensor(float))", []),
        ("i", "tensor(int64)", []),
        ("Y", "tensor(float)", []),
        ("Q", "seq(tensor(float))", []),
        ("n", "tensor(int64)", []),
    ]
    index = np.array(1, np.int64)
    at, grown, length = session.run(None, {"S": [x, x + 1], "i": index})
    np.testing.assert_array_equal(at, x + 1)
    assert isinstance(grown, list) and len(grown) == 3 and length == 3 and length.shape == ()
    with pytest.raises(state.InvalidArgument):
        session.run(None, {"S": [], "i": index})
    with pytest.raises(state.InvalidArgument):
        session.run(None, {"S": x, "i": index})
    with pytest.raises(Exception):
        session.run(None, {"S": [x.astype(np.int64)], "i": index})


def test_maps(api, state, x):
    kind = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    node = helper.make_node("DictVectorizer", ["M"], ["Y"], domain="ai.onnx.ml", int64_vocabulary=[1, 2])
    session = open_session(api, build([node], [helper.make_value_info("M", kind)], [info("Y", 1, None)]))
    assert [(v.name, v.type, v.shape) for v in session.get_inputs()] == [("M", "map(int64,tensor(float))", [])]
    for given in ({1: 2.0, 2: 3.0}, {np.int64(1): np.float32(2), np.int32(2): np.float64(3)}):
        np.testing.assert_array_equal(session.run(None, {"M": given})[0], [[2, 3]])
    with pytest.raises(RuntimeError, match="Unexpected key type  <class 'str'>"):
        session.run(None, {"M": {1: 2.0, "a": 3.0}})
    with pytest.raises(RuntimeError, match="empty"):
        session.run(None, {"M": {}})
    for wrong in ({"a": 2.0}, x):
        with pytest.raises(state.InvalidArgument):
            session.run(None, {"M": wrong})


def test_zipmap_gives_dicts(api):
    node = helper.make_node("ZipMap", ["X"], ["Z"], domain="ai.onnx.ml", classlabels_strings=["a", "b", "c"])
    row = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    output = helper.make_value_info("Z", helper.make_sequence_type_proto(row))
    session = open_session(api, build([node], [info("X", 1, [2, 3])], [output]))
    assert session.get_outputs()[0].type == "seq(map(string,tensor(float)))"
    (result,) = session.run(None, {"X": np.array([[1, 0, 3], [4, 2, 1]], np.float32)})
    assert result == [{"a": 1.0, "b": 0.0, "c": 3.0}, {"a": 4.0, "b": 2.0, "c": 1.0}]


def test_optionals(api, x):
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [None]))
    node = helper.make_node("OptionalHasElement", ["O"], ["Y"])
    model = build([node], [helper.make_value_info("O", kind)], [info("Y", 9, [])], opset=18)
    session = open_session(api, model)
    assert [(v.name, v.type, v.shape) for v in session.get_inputs()] == [("O", "optional(tensor(float))", [None])]
    for feeds, has in (({"O": None}, False), ({}, False), ({"O": x[0]}, True), ({"O": [1.0]}, True)):
        assert session.run(None, feeds)[0] == has


def test_bfloat16_by_its_bits(api):
    session = open_session(api, identity_model(TensorProto.BFLOAT16, [2]))
    bits = np.array([0x3F80, 0xC000], np.uint16)
    value = api.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, TensorProto.BFLOAT16)
    (out,) = session.run_with_ort_values(None, {"X": value})
    assert (out.data_type(), out.element_type(), out.shape()) == ("tensor(bfloat16)", TensorProto.BFLOAT16, [2])
    into = np.zeros(2, np.uint16)
    binding = session.io_binding()
    binding.bind_input("X", "cpu", 0, TensorProto.BFLOAT16, [2], bits.ctypes.data)
    binding.bind_output("Y", "cpu", 0, TensorProto.BFLOAT16, [2], into.ctypes.data)
    session.run_with_iobinding(binding)
    np.testing.assert_array_equal(into, bits)


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


# Options


def test_attributes_of_options(api):
    options = api.SessionOptions()
    good = {
        "graph_optimization_level": api.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        "execution_mode": api.ExecutionMode.ORT_PARALLEL,
        "execution_order": api.ExecutionOrder.PRIORITY_BASED,
        "intra_op_num_threads": np.int64(2),
        "enable_profiling": False,
        "enable_mem_pattern": True,
        "logid": "me",
        "log_severity_level": 3,
    }
    for name, value in good.items():
        setattr(options, name, value)
        assert getattr(options, name) == value
    options.enable_mem_reuse = 0
    assert options.enable_mem_reuse is False
    wrong = {
        "graph_optimization_level": 99,
        "execution_mode": 1,
        "intra_op_num_threads": 1.5,
        "inter_op_num_threads": 2**40,
        "log_severity_level": "x",
        "logid": None,
        "profile_file_prefix": 5,
        "enable_profiling": "x",
    }
    for name, value in wrong.items():
        with pytest.raises(TypeError):
            setattr(options, name, value)
    with pytest.raises(AttributeError):
        options.no_such_thing = 1


def test_methods_of_options(api):
    options = api.SessionOptions()
    for key, value in ((1, "a"), ("a", 1)):
        with pytest.raises(TypeError):
            options.add_session_config_entry(key, value)
    for key, value in (("", "a"), ("k" * 1025, "a"), ("k", "v" * 8193)):
        with pytest.raises(RuntimeError, match="longer than maximum length"):
            options.add_session_config_entry(key, value)
    with pytest.raises(TypeError):
        options.add_free_dimension_override_by_name("n", "3")
    value = api.OrtValue.ortvalue_from_numpy(np.ones((1, 2), np.float32))
    options.add_initializer("W", value)
    with pytest.raises(RuntimeError, match="already been added: W"):
        options.add_initializer("W", value)
    with pytest.raises(RuntimeError, match="must be an OrtValue"):
        options.add_initializer("V", np.ones(2))
    with pytest.raises(Exception, match="nope.so"):
        options.register_custom_ops_library("nope.so")


def test_dimensions_by_denotation(api):
    x = info("x", 1, ["a", "b", 5])
    x.type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    x.type.tensor_type.shape.dim[1].denotation = "DATA_CHANNEL"
    model = build([helper.make_node("Abs", ["x"], ["y"])], [x], [info("y", 1, None)])
    options = api.SessionOptions()
    options.add_free_dimension_override_by_denotation("DATA_BATCH", 3)
    options.add_free_dimension_override_by_denotation("DATA_CHANNEL", 5)
    assert open_session(api, model, options).get_inputs()[0].shape == [3, 5, 5]


def test_options_of_a_session_are_its_own(api):
    options = api.SessionOptions()
    options.intra_op_num_threads = 2
    session = open_session(api, mul_model(), options)
    assert session.get_session_options() is not options
    assert session.get_session_options().intra_op_num_threads == 2
    options.intra_op_num_threads = 1
    assert session.get_session_options().intra_op_num_threads == 2


@pytest.fixture
def configured(monkeypatch):
    monkeypatch.setenv("ORT_LOAD_CONFIG_FROM_MODEL", "1")

    def make(settings):
        text = settings if isinstance(settings, str) else json.dumps({"session_options": settings})
        return mul_model(metadata={"ort_config": text})

    return make


def test_options_from_the_model(api, configured):
    model = configured(
        {
            "inter_op_num_threads": 5,
            "intra_op_num_threads": 2,
            "graph_optimization_level": 1,
            "execution_mode": 1,
            "other": 1,
        }
    )
    options = open_session(api, model).get_session_options()
    assert (options.inter_op_num_threads, options.intra_op_num_threads) == (5, 2)
    assert options.graph_optimization_level == api.GraphOptimizationLevel.ORT_ENABLE_BASIC
    assert options.execution_mode == api.ExecutionMode.ORT_PARALLEL
    assert open_session(api, configured("[]")).get_session_options().intra_op_num_threads == 0
    own = api.SessionOptions()
    own.intra_op_num_threads = 1
    assert (
        open_session(api, configured({"intra_op_num_threads": 3}), own).get_session_options().intra_op_num_threads == 3
    )
    wrong = ("{bad", {"intra_op_num_threads": "x"}, {"graph_optimization_level": 7})
    for settings in wrong:
        with pytest.raises(RuntimeError, match="Could not finalize session options"):
            open_session(api, configured(settings), enable_fallback=0)


def test_configuration_is_left_alone_by_default(api, monkeypatch):
    monkeypatch.delenv("ORT_LOAD_CONFIG_FROM_MODEL", raising=False)
    model = mul_model(metadata={"ort_config": json.dumps({"session_options": {"intra_op_num_threads": 3}})})
    assert open_session(api, model).get_session_options().intra_op_num_threads == 0


def external_model(folder):
    """mul_model() with its weights in ext.bin, which is not there; the weights' bytes."""
    model = onnx.load_from_string(mul_model())
    content = np.array([[1, 2]], np.float32).tobytes()
    onnx.save(model, folder / "ext.onnx", save_as_external_data=True, location="ext.bin", size_threshold=0)
    (folder / "ext.bin").unlink()
    return folder / "ext.onnx", content


def test_external_files_in_memory(api, tmp_path, x, y):
    path, content = external_model(tmp_path)
    with pytest.raises(Exception, match="ext.bin"):
        open_session(api, path)
    options = api.SessionOptions()
    options.add_external_initializers_from_files_in_memory(["ext.bin"], [content], [len(content)])
    for model in (str(path), path.read_bytes()):
        np.testing.assert_array_equal(open_session(api, model, options).run(None, {"X": x})[0], y)
    with pytest.raises(RuntimeError):
        options.add_external_initializers_from_files_in_memory(["a"], [], [1])
    short = api.SessionOptions()
    short.add_external_initializers_from_files_in_memory(["ext.bin"], [content[:4]], [4])
    with pytest.raises(Exception):
        open_session(api, path, short)


def test_optimised_model_with_external_data(api, tmp_path, x, y):
    options = api.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "out.onnx")
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "out.bin")
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "4")
    open_session(api, mul_model(), options)
    assert (tmp_path / "out.bin").stat().st_size >= 8
    np.testing.assert_array_equal(open_session(api, tmp_path / "out.onnx").run(None, {"X": x})[0], y)


def test_cancelled_load(api, state):
    options = api.SessionOptions()
    options.set_load_cancellation_flag(True)
    with pytest.raises(state.ModelLoadCanceled):
        open_session(api, mul_model(), options)
    options.set_load_cancellation_flag(False)
    open_session(api, mul_model(), options)


def test_run_options(api, session, x):
    options = api.RunOptions()
    options.terminate = 3
    assert options.terminate is True
    options.terminate = False
    options.only_execute_path_to_fetches = True
    options.logid = "run"
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    assert options.get_run_config_entry("memory.enable_memory_arena_shrinkage") == "cpu:0"
    for name, value in (("log_severity_level", "a"), ("logid", 3)):
        with pytest.raises(TypeError):
            setattr(options, name, value)
    with pytest.raises(AttributeError):
        options.no_such_thing = 1
    with pytest.raises(TypeError):
        options.add_active_adapter(3)
    assert len(session.run(["Y"], {"X": x}, options)) == 1
    assert len(session.run(None, {"X": x}, run_options=None)) == 1


def test_only_the_path_to_what_is_fetched(api):
    nodes = [
        helper.make_node("Add", ["a", "b"], ["s"]),
        helper.make_node("Sub", ["a", "b"], ["d"]),
        helper.make_node("Neg", ["s"], ["o0"]),
        helper.make_node("Neg", ["d"], ["o1"]),
    ]
    session = open_session(
        api, build(nodes, [info(n, 1, [10]) for n in "ab"], [info(n, 1, [10]) for n in ("o0", "o1")])
    )
    options = api.RunOptions()
    options.only_execute_path_to_fetches = True
    feeds = {n: np.full(10, v, np.float32) for n, v in (("a", 1), ("b", 3))}
    np.testing.assert_array_equal(session.run(["o0"], feeds, options)[0], np.full(10, -4))
    np.testing.assert_array_equal(session.run(["o1"], feeds, options)[0], np.full(10, 2))


# Values


def test_creation_of_values(api, state):
    make = api.OrtValue
    for kind, name, number, size in (
        (np.float16, "float16", 10, 12),
        (np.float64, "double", 11, 48),
        (np.bool_, "bool", 9, 6),
        (np.int8, "int8", 3, 6),
    ):
        value = make.ortvalue_from_numpy(np.zeros((2, 3), kind))
        assert (value.data_type(), value.element_type(), value.tensor_size_in_bytes()) == (
            f"tensor({name})",
            number,
            size,
        )
        assert value.numpy().dtype == kind
    assert make.ortvalue_from_numpy(np.array(3, np.float32)).shape() == []
    for shape in ([2, 3], (2, 3), np.array([2, 3])):
        assert make.ortvalue_from_shape_and_type(shape, np.float32).shape() == [2, 3]
    for number, name, size in (
        (16, "bfloat16", 12),
        (17, "float8e4m3fn", 6),
        (22, "int4", 3),
        (21, "uint4", 3),
        (9, "bool", 6),
    ):
        value = make.ortvalue_from_shape_and_type([2, 3], number)
        assert (value.data_type(), value.element_type(), value.tensor_size_in_bytes()) == (
            f"tensor({name})",
            number,
            size,
        )
    for kind, name in (
        (float, "double"),
        (int, "int64"),
        ("float32", "float"),
        (np.dtype("f2"), "float16"),
        (None, "double"),
    ):
        assert make.ortvalue_from_shape_and_type([1], kind).data_type() == f"tensor({name})"
    reinterpreted = make.ortvalue_from_numpy_with_onnx_type(np.zeros(2, np.float32), TensorProto.INT32)
    assert reinterpreted.data_type() == "tensor(int32)" and reinterpreted.numpy().dtype == np.int32
    packed = make.ortvalue_from_numpy_with_onnx_type(np.zeros(2, np.uint8), TensorProto.INT4)
    assert packed.data_type() == "tensor(int4)" and packed.tensor_size_in_bytes() == 1
    apart = np.ones((4, 4), np.float32)[:, ::2]
    value = make.ortvalue_from_numpy(apart)
    assert value.data_ptr() != apart.ctypes.data
    np.testing.assert_array_equal(value.numpy(), apart)


def test_values_that_cannot_be(api):
    make = api.OrtValue
    array = np.zeros(2, np.float32)
    for call in (
        lambda: make.ortvalue_from_numpy([1.0, 2.0]),
        lambda: make.ortvalue_from_numpy(np.zeros(2, np.longdouble)),
        lambda: make.ortvalue_from_numpy(np.zeros(2, "M8[s]")),
        lambda: make.ortvalue_from_numpy(array, "cuda", 0),
        lambda: make.ortvalue_from_numpy(array, "gpu", 0, 0x10DE),
        lambda: make.ortvalue_from_shape_and_type([-1], np.float32),
        lambda: make.ortvalue_from_shape_and_type([1], 0),
        lambda: make.ortvalue_from_shape_and_type([1], 99),
        lambda: make.ortvalue_from_shape_and_type([1], np.float32, "cuda", 0),
        lambda: make.ortvalue_from_numpy_with_onnx_type(array, TensorProto.INT64),
        lambda: make.ortvalue_from_numpy_with_onnx_type(array, 99),
        lambda: make.ortvalue_from_numpy(array).as_sparse_tensor(),
        lambda: make.ortvalue_from_numpy(array).update_inplace(np.zeros(3, np.float32)),
    ):
        with pytest.raises(RuntimeError):
            call()
    for place in ("foo", "CPU"):
        with pytest.raises(Exception, match=f"Unsupported device type: {place}"):
            make.ortvalue_from_numpy(array, place)
    with pytest.raises(ValueError, match="needs to be of type"):
        make(3)
    with pytest.raises(TypeError, match="numpy.ndarray or an OrtValue"):
        make.ortvalue_from_numpy(array).update_inplace([1.0, 2.0])


def test_update_in_place(api, x):
    value = api.OrtValue.ortvalue_from_numpy(x)
    value.update_inplace(np.asfortranarray(x + 1))
    np.testing.assert_array_equal(value.numpy(), np.arange(1, 7, dtype=np.float32).reshape(3, 2))
    value.update_inplace(api.OrtValue.ortvalue_from_numpy(np.full((3, 2), 9, np.float32)))
    np.testing.assert_array_equal(x, np.full((3, 2), 9))


def test_values_as_arrays(api, x):
    value = api.OrtValue.ortvalue_from_numpy(x)
    shared = np.asarray(value)
    assert shared.ctypes.data == value.data_ptr()
    assert np.asarray(value, dtype=np.float64).dtype == np.float64
    copy = np.array(value)
    np.testing.assert_array_equal(copy, x)


def test_dlpack(api, state, x):
    value = api.OrtValue.ortvalue_from_numpy(x)
    assert value.__dlpack_device__() == (1, 0) and value._ortvalue.__dlpack_device__() == (1, 0)
    assert api.OrtValue.from_dlpack(value).data_ptr() == value.data_ptr()
    assert api.OrtValue.from_dlpack(x).data_ptr() == x.ctypes.data
    capsule = value._ortvalue.to_dlpack()
    assert not state.is_dlpack_uint8_tensor(capsule)
    inner = state.OrtValue.from_dlpack(capsule, False)
    assert inner.data_ptr() == value.data_ptr()
    np.testing.assert_array_equal(inner.numpy(), x)
    for shape in ((1, 8, 0, 128), (0,), (0, 4), (4, 0)):
        empty = np.zeros(shape, np.float32)
        assert list(state.OrtValue.from_dlpack(empty.__dlpack__(), False).shape()) == list(shape)
        again = api.OrtValue.ortvalue_from_numpy(empty)._ortvalue.to_dlpack()
        assert list(state.OrtValue.from_dlpack(again, False).shape()) == list(shape)
    yes = api.OrtValue.ortvalue_from_numpy(np.array([True, False]))
    assert state.is_dlpack_uint8_tensor(yes._ortvalue.to_dlpack())
    assert api.OrtValue.from_dlpack(yes).numpy().tolist() == [True, False]
    numbers = api.OrtValue.ortvalue_from_numpy(np.array([1, 255], np.uint8))
    assert api.OrtValue.from_dlpack(numbers).numpy().dtype == np.uint8


def test_sparse_values(api):
    cpu = api.OrtDevice.make("cpu", 0)
    make = api.SparseTensor
    values = np.array([1, 2, 3], np.float32)
    positions = np.array([3, 5, 15], np.int64)
    sparse = make.sparse_coo_from_numpy([9, 9], values, positions, cpu)
    assert sparse.format() == api.OrtSparseFormat.ORT_SPARSE_COO
    assert (sparse.dense_shape(), sparse.data_type(), sparse.device_name()) == ([9, 9], "sparse_tensor(float)", "cpu")
    for array, wanted in ((sparse.values(), values), (sparse.as_coo_view().indices(), positions)):
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, wanted)
    pairs = np.array([[0, 3], [0, 5], [1, 6]], np.int64)
    np.testing.assert_array_equal(make.sparse_coo_from_numpy([9, 9], values, pairs, cpu).as_coo_view().indices(), pairs)
    words = make.sparse_coo_from_numpy([9, 9], np.array(["x", "y", "z"]), positions, cpu)
    assert words.data_type() == "sparse_tensor(string)" and words.values().tolist() == ["x", "y", "z"]

    value = api.OrtValue.ort_value_from_sparse_tensor(sparse)
    assert value.is_sparse_tensor() and not value.is_tensor() and value.has_value() and not value.is_tensor_sequence()
    assert (value.data_type(), value.element_type(), value.shape(), value.device_name()) == (
        "sparse_tensor(float)",
        1,
        [9, 9],
        "cpu",
    )
    np.testing.assert_array_equal(value.as_sparse_tensor().values(), values)

    inner, outer = np.array([1, 1, 1], np.int64), np.array([0, 1, 2, 3, 3, 3, 3, 3, 3, 3], np.int64)
    rows = make.sparse_csr_from_numpy([9, 9], values, inner, outer, cpu)
    assert rows.format() == api.OrtSparseFormat.ORT_SPARSE_CSRC
    np.testing.assert_array_equal(rows.as_csrc_view().inner(), inner)
    np.testing.assert_array_equal(rows.as_csrc_view().outer(), outer)
    for call in (
        lambda: sparse.as_csrc_view(),
        lambda: sparse.as_blocksparse_view(),
        lambda: sparse.to_cuda(api.OrtDevice.make("cuda", 0)),
        lambda: make.sparse_coo_from_numpy([9, 9], values, positions[:2], cpu),
        lambda: make.sparse_coo_from_numpy([9, 9], values[None], positions, cpu),
        lambda: make.sparse_csr_from_numpy([9, 9], values, inner, outer[:4], cpu),
        lambda: value.numpy(),
        lambda: value.data_ptr(),
    ):
        with pytest.raises(RuntimeError):
            call()


def test_inner_sparse_values(api, state):
    block = state.SparseTensor.blocksparse_from_numpy(
        [4, 4],
        np.ones((2, 2, 2), np.float32),
        np.array([[0, 1], [0, 1]], np.int32),
        api.OrtDevice.make("cpu", 0)._get_c_device(),
    )
    assert block.format == api.OrtSparseFormat.ORT_SPARSE_BLOCK_SPARSE
    if api is ort:
        np.testing.assert_array_equal(block.get_blocksparse_data().indices(), [[0, 1], [0, 1]])


def test_devices(api):
    kinds = {
        "cpu": (0, 0),
        "cuda": (1, 0x10DE),
        "gpu": (1, 0),
        "npu": (3, 0),
        "dml": (1, 0x1414),
        "cann": (3, 0x19E5),
        "webgpu": (1, 0),
    }
    for name, (kind, vendor) in kinds.items():
        device = api.OrtDevice.make(name, 2)
        assert (device.device_type(), device.device_vendor_id(), device.device_id(), device.device_mem_type()) == (
            kind,
            vendor,
            2,
            0,
        )
    assert api.OrtDevice.make("gpu", 0, 0x8086).device_vendor_id() == api.OrtDeviceVendorId.INTEL
    with pytest.raises(Exception, match="Unsupported device type: foo"):
        api.OrtDevice.make("foo", 0)
    with pytest.raises(ValueError):
        api.OrtDevice(3)


def test_memory_infos_and_arenas(api):
    with pytest.raises(RuntimeError, match="Specified device is not supported"):
        api.OrtMemoryInfo("Foo", api.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, api.OrtMemType.DEFAULT)
    with pytest.raises(TypeError):
        api.OrtMemoryInfo("Cpu", 1, 0, 0)
    arena = api.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    made = api.OrtMemoryInfo.create_v2(
        "T", api.OrtMemoryInfoDeviceType.GPU, 3, 1, api.OrtDeviceMemoryType.DEFAULT, 128, arena
    )
    assert (made.name, made.device_vendor_id, made.device_id, made.device_mem_type) == (
        "T",
        3,
        1,
        api.OrtDeviceMemoryType.DEFAULT,
    )
    assert (made.mem_type, made.allocator_type) == (api.OrtMemType.DEFAULT, arena)
    settings = {"max_mem": 16, "arena_extend_strategy": 1, "initial_chunk_size_bytes": 8, "max_dead_bytes_per_chunk": 4}
    config = api.OrtArenaCfg(settings)
    assert {name: getattr(config, name) for name in settings} == settings
    assert config.max_power_of_two_extend_bytes == config.initial_growth_chunk_size_bytes == -1
    assert api.OrtArenaCfg(8, 0, 4, 2).max_dead_bytes_per_chunk == 2
    for wrong, error in (((1, 2), TypeError), (({"foo": 1},), RuntimeError), (({"max_mem": "a"},), RuntimeError)):
        with pytest.raises(error):
            api.OrtArenaCfg(*wrong)


# Bindings


def test_binding_faults(api, session, x):
    binding = session.io_binding()
    with pytest.raises(RuntimeError):
        binding.bind_cpu_input("Q", x)
    with pytest.raises(ValueError, match="element_type` and `shape`"):
        binding.bind_output("Y", buffer_ptr=1)
    with pytest.raises(AttributeError):
        binding.bind_ortvalue_input("X", x)
    binding.bind_cpu_input("X", x)
    with pytest.raises(RuntimeError, match="At least one output should be requested"):
        session.run_with_iobinding(binding)
    wrong = np.zeros((3, 2), np.float64)
    binding.bind_output("Y", "cpu", 0, np.float64, [3, 2], wrong.ctypes.data)
    with pytest.raises(RuntimeError, match="Error in execution: Unexpected output data type"):
        session.run_with_iobinding(binding)
    with pytest.raises(ValueError, match="session that created it"):
        open_session(api, mul_model()).run_with_iobinding(binding)
    binding.clear_binding_outputs()
    assert binding.get_outputs() == []


def test_inner_binding(api, state, session, x, y):
    cpu = state.OrtDevice(state.OrtDevice.cpu(), state.OrtDevice.default_memory(), 0)
    binding = state.SessionIOBinding(session._sess)
    binding.bind_ortvalue_input("X", state.OrtValue.ortvalue_from_numpy(x, cpu))
    binding.bind_output("Y", cpu)
    session._sess.run_with_iobinding(binding, None)
    outputs = binding.get_outputs()
    assert isinstance(outputs, state.OrtValueVector) and len(outputs) == 1
    np.testing.assert_array_equal(outputs[0].numpy(), y)
    into = np.zeros((3, 2), np.float32)
    binding.bind_input("X", cpu, TensorProto.FLOAT, [3, 2], x.ctypes.data)
    binding.bind_output("Y", cpu, np.float32, [3, 2], into.ctypes.data)
    session._sess.run_with_iobinding(binding, state.RunOptions())
    np.testing.assert_array_equal(into, y)


def test_inner_session(api, state, session, x, y):
    vector = session._sess.run_with_ort_values(
        {"X": api.OrtValue.ortvalue_from_numpy(x)._get_c_value()}, ["Y"], state.RunOptions()
    )
    assert isinstance(vector, state.OrtValueVector)
    np.testing.assert_array_equal(vector[0].numpy(), y)
    np.testing.assert_array_equal(session._sess.run(["Y"], {"X": x}, None)[0], y)
    inner = state.InferenceSession(state.get_default_session_options(), mul_model(), False, False)
    inner.initialize_session([], [], set())
    assert [v.name for v in inner.inputs_meta] == ["X"] and inner.get_providers() == CPU
    assert inner.get_profiling_start_time_ns == 0
    for value in (session.get_input_memory_infos()[0], session.get_output_memory_infos()[0]):
        assert isinstance(value, api.OrtMemoryInfo)
    assert len(session.get_input_epdevices()) == 1


def test_value_vectors(api, state, session, x, y):
    cpu = state.OrtDevice(0, 0, 0)
    given, made = state.OrtValueVector(), state.OrtValueVector()
    given.push_back(api.OrtValue.ortvalue_from_numpy(x)._ortvalue)
    session.run_with_ortvaluevector(api.RunOptions(), ["X"], given, ["Y"], made, [cpu])
    np.testing.assert_array_equal(made[0].numpy(), y)
    made.push_back(np.ones(2, np.float32).__dlpack__(), False)
    batch = np.array([True, False])
    made.push_back_batch([batch], [batch.ctypes.data], [np.bool_], [[2]], [cpu])
    assert len(made) == 3 and made.bool_tensor_indices() == [2] and bool(made)
    assert [made.element_type_at(i) for i in range(3)] == [1, 1, 9]
    assert [v.shape() for v in made] == [[3, 2], [2], [2]]
    assert len(made.to_dlpacks(None)) == 3 and made.to_dlpacks(lambda capsule: 7) == [7, 7, 7]
    np.testing.assert_array_equal(state.OrtValue.from_dlpack(made.dlpack_at(0), False).numpy(), y)


def test_values_of_a_session(api, session):
    value = session.create_ortvalue_from_shape_and_type([3, 2], np.float32, "cpu")
    assert (value.shape(), value.data_type()) == ([3, 2], "tensor(float)")
    assert session.create_ortvalue_from_shape_and_type([3], TensorProto.FLOAT16, "cpu").element_type() == 10
    with pytest.raises(RuntimeError):
        session.create_ortvalue_from_shape_and_type([3], np.float32, "cuda")
    binding = session.io_binding()
    value.update_inplace(np.ones((3, 2), np.float32))
    binding.bind_ortvalue_input("X", value)
    binding.bind_output("Y")
    session.run_with_iobinding(binding)
    np.testing.assert_array_equal(binding.copy_outputs_to_cpu()[0], np.tile(np.float32([1, 2]), (3, 1)))


# Background runs, tuning, profiles


def test_background_faults_are_told(session, x):
    told, done = [], threading.Event()

    def callback(results, user_data, error):
        told.append((results, user_data, error))
        done.set()

    for names, feeds, text in (
        (["Z"], {"X": x}, "Invalid output name"),
        (["Y"], {"X": x.astype(np.float64)}, "tensor(double)"),
    ):
        done.clear()
        session.run_async(names, feeds, callback, 7)
        assert done.wait(30)
        results, user_data, error = told.pop()
        assert results == [] and user_data == 7 and text in error
    with pytest.raises(ValueError):
        session.run_async(None, {}, callback, None)


def test_tuning_results(session):
    assert session.get_tuning_results() == []
    session.set_tuning_results([])
    unknown = {"ep": "UnknownEP", "results": {}, "validators": {}}
    session.set_tuning_results([unknown])
    with pytest.raises(RuntimeError, match="Cannot find execution provider UnknownEP"):
        session.set_tuning_results([unknown], error_on_invalid=True)
    with pytest.raises(RuntimeError, match="does not support TunableOp"):
        session.set_tuning_results([{**unknown, "ep": "CPUExecutionProvider"}], error_on_invalid=True)
    session.set_ep_dynamic_options({"a": "b"})
    with pytest.raises(RuntimeError, match="No options were provided"):
        session.set_ep_dynamic_options({})
    session.release_captured_graph()


def test_lines_of_a_profile(api, tmp_path, x):
    options = api.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "p")
    session = open_session(api, mul_model(), options)
    session.run(None, {"X": x})
    path = session.end_profiling()
    lines = [line for line in open(path, encoding="utf-8").read().splitlines() if line]
    assert lines[0] == "[" and lines[-1] == "]"
    for line in lines[1:-1]:
        event = json.loads(line.rstrip(","))
        assert {"pid", "dur", "ts", "ph", "name", "args"} <= event.keys() and event["ph"] == "X"
    assert session.end_profiling() == ""


# Adapters


def test_adapter_files(api, tmp_path):
    path = str(tmp_path / "a.onnx_adapter")
    parameters = {
        "first": api.OrtValue.ortvalue_from_numpy(np.arange(10, dtype=np.float32).reshape(5, 2)),
        "second": api.OrtValue.ortvalue_from_numpy(np.arange(10).reshape(2, 5)),
        "third": api.OrtValue.ortvalue_from_numpy(np.array([7], np.int8)),
        "bits": api.OrtValue.ortvalue_from_numpy_with_onnx_type(np.arange(3, dtype=np.uint16), TensorProto.BFLOAT16),
    }
    if api is ort:
        parameters["empty"] = api.OrtValue.ortvalue_from_numpy(np.zeros((0, 3), np.float16))
        parameters["scalar"] = api.OrtValue.ortvalue_from_numpy(np.array(7, np.int8))
    made = api.AdapterFormat()
    assert (made.get_format_version(), made.get_adapter_version(), made.get_model_version(), made.get_parameters()) == (
        1,
        0,
        0,
        {},
    )
    made.set_adapter_version(3)
    made.set_model_version(4)
    made.set_parameters(parameters)
    made.export_adapter(path)
    read = api.AdapterFormat.read_adapter(path)
    assert (read.get_format_version(), read.get_adapter_version(), read.get_model_version()) == (1, 3, 4)
    assert read.get_parameters().keys() == parameters.keys()
    for name, value in read.get_parameters().items():
        assert (value.element_type(), value.shape()) == (parameters[name].element_type(), parameters[name].shape())
        if name != "bits":
            np.testing.assert_array_equal(value.numpy(), parameters[name].numpy())


def test_adapter_files_of_the_other(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    arrays = {f"p{i}": np.random.default_rng(i).normal(size=(i, 3)).astype(np.float32) for i in range(1, 6)}
    for writer, reader in ((ort, onnxruntime), (onnxruntime, ort)):
        path = str(tmp_path / f"{writer.__name__}.onnx_adapter")
        adapter = writer.AdapterFormat()
        adapter.set_adapter_version(2)
        adapter.set_parameters({n: writer.OrtValue.ortvalue_from_numpy(a) for n, a in arrays.items()})
        adapter.export_adapter(path)
        read = reader.AdapterFormat.read_adapter(path)
        assert read.get_adapter_version() == 2 and read.get_parameters().keys() == arrays.keys()
        for name, value in read.get_parameters().items():
            np.testing.assert_array_equal(value.numpy(), arrays[name])


def test_broken_adapter_files(tmp_path, rng):
    made = ort.AdapterFormat()
    made.set_parameters({"p": ort.OrtValue.ortvalue_from_numpy(np.arange(6, dtype=np.float32).reshape(2, 3))})
    path = tmp_path / "a"
    made.export_adapter(path)
    content = path.read_bytes()
    broken = [content[:size] for size in range(len(content) - 8)]
    for _ in range(400):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            changed[place] = rng.integers(0, 256)
        broken.append(bytes(changed))
    refused = 0
    for i, attempt in enumerate(broken):
        path = tmp_path / str(i)
        path.write_bytes(attempt)
        try:
            for value in ort.AdapterFormat.read_adapter(path).get_parameters().values():
                value.numpy().tobytes()
        except (RuntimeError, UnicodeDecodeError):
            refused += 1
    assert refused > len(content) - 16


def test_runs_with_adapters(api, state, tmp_path):
    ones = np.ones((2, 2), np.float32)
    made = api.AdapterFormat()
    made.set_parameters({"A": api.OrtValue.ortvalue_from_numpy(5 * ones)})
    made.export_adapter(str(tmp_path / "a.onnx_adapter"))
    adapter = api.LoraAdapter()
    adapter.Load(str(tmp_path / "a.onnx_adapter"))
    options = api.RunOptions()
    options.add_active_adapter(adapter)
    session = open_session(api, adapter_model())
    np.testing.assert_array_equal(session.run(None, {"X": ones})[0], ones)
    np.testing.assert_array_equal(session.run(None, {"X": ones}, options)[0], 11 * ones)
    np.testing.assert_array_equal(session.run(None, {"X": ones, "A": ones}, options)[0], 11 * ones)
    value = api.OrtValue.ortvalue_from_numpy(ones)
    np.testing.assert_array_equal(session.run_with_ort_values(None, {"X": value}, options)[0].numpy(), 11 * ones)
    with pytest.raises(state.InvalidArgument, match="Invalid input name: A"):
        open_session(api, mul_model()).run(None, {"X": ones}, options)
    (tmp_path / "garbage").write_bytes(b"garbagegarbage")
    for path in (str(tmp_path / "garbage"), str(tmp_path / "absent")):
        with pytest.raises(RuntimeError):
            api.LoraAdapter().Load(path)
        with pytest.raises(RuntimeError):
            api.AdapterFormat.read_adapter(path)


# Rewriting models


def casts_model():
    """Two casts that cancel out, and constants of two sizes."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Mul", ["X", "c"], ["d"]),
        helper.make_node("Identity", ["d"], ["e"]),
        helper.make_node("Mul", ["e", "big"], ["Y"]),
    ]
    constants = [
        numpy_helper.from_array(np.float32([1]), "a"),
        numpy_helper.from_array(np.float32([2]), "b"),
        numpy_helper.from_array(np.arange(64, dtype=np.float32), "big"),
    ]
    return build(nodes, [info("X", 1, [64])], [info("Y", 1, [64])], constants)


def test_compiled_models_run(api, tmp_path):
    x = np.ones(64, np.float32)
    source = tmp_path / "in.onnx"
    source.write_bytes(casts_model())
    expected = open_session(api, source).run(None, {"X": x})[0]
    chunks = []
    for model in (source, str(source), casts_model()):
        compiler = api.ModelCompiler(api.SessionOptions(), model)
        compiler.compile_to_file(str(tmp_path / "out.onnx"))
        compiler.compile_to_stream(chunks.append)
        for written in (tmp_path / "out.onnx", compiler.compile_to_bytes(), b"".join(chunks[-1:])):
            np.testing.assert_array_equal(open_session(api, written).run(None, {"X": x})[0], expected)
    level = api.GraphOptimizationLevel.ORT_ENABLE_BASIC
    optimised = api.ModelCompiler(api.SessionOptions(), source, graph_optimization_level=level).compile_to_bytes()
    plain = api.ModelCompiler(api.SessionOptions(), source).compile_to_bytes()
    count = [len(onnx.load_from_string(m).graph.node) for m in (plain, optimised)]
    assert count[0] == 4 and count[1] < 4


def test_compiled_models_with_external_data(api, tmp_path):
    x = np.ones(64, np.float32)
    compiler = api.ModelCompiler(
        api.SessionOptions(),
        casts_model(),
        external_initializers_file_path="big.bin",
        external_initializers_size_threshold=64,
    )
    compiler.compile_to_file(str(tmp_path / "out.onnx"))
    assert (tmp_path / "big.bin").stat().st_size >= 256
    np.testing.assert_array_equal(open_session(api, tmp_path / "out.onnx").run(None, {"X": x})[0], 3 * np.arange(64))
    asked = {}
    # onnxruntime writes the path as it is given, and reads none that is absolute.
    path = str(tmp_path / "mine.bin") if api is ort else "mine.bin"

    with open(tmp_path / "mine.bin", "wb") as mine:

        def locate(name, value, where):
            asked[name] = (value.shape(), where)
            if value.tensor_size_in_bytes() < 64:
                return None
            offset = mine.tell()
            mine.write(value.numpy().tobytes())
            return api.OrtExternalInitializerInfo(path, offset, value.tensor_size_in_bytes())

        api.ModelCompiler(api.SessionOptions(), casts_model(), get_initializer_location_func=locate).compile_to_file(
            str(tmp_path / "located.onnx")
        )
    assert asked["big"] == ([64], None) and {"a", "b"} <= asked.keys()
    np.testing.assert_array_equal(
        open_session(api, tmp_path / "located.onnx").run(None, {"X": x})[0], 3 * np.arange(64)
    )

    known = {}

    def keep(name, value, where):
        known[name] = where and (where.filepath.rpartition("/")[2], where.file_offset, where.byte_size)
        return where

    api.ModelCompiler(
        api.SessionOptions(), str(tmp_path / "located.onnx"), get_initializer_location_func=keep
    ).compile_to_file(str(tmp_path / "again.onnx"))
    assert known["big"] == ("mine.bin", 0, 256) and known["a"] is None
    np.testing.assert_array_equal(open_session(api, tmp_path / "again.onnx").run(None, {"X": x})[0], 3 * np.arange(64))


def test_faults_of_compilation(api, state, tmp_path):
    options, model = api.SessionOptions(), casts_model()
    make = api.ModelCompiler
    for wrong, error in (("", ValueError), (b"", ValueError), (3, TypeError)):
        with pytest.raises(error):
            make(options, wrong)
    with pytest.raises(ValueError, match="Cannot initialize ModelCompiler with both"):
        make(options, model, external_initializers_file_path="a", get_initializer_location_func=lambda *a: None)
    with pytest.raises(state.InvalidArgument, match="does not exist"):
        make(options, str(tmp_path / "absent.onnx")).compile_to_bytes()
    with pytest.raises(state.InvalidProtobuf):
        make(options, b"garbage").compile_to_bytes()
    none = make(options, model, flags=api.OrtCompileApiFlags.ERROR_IF_NO_NODES_COMPILED)
    with pytest.raises(state.Fail, match="Unable to compile any nodes"):
        none.compile_to_file(str(tmp_path / "none.onnx"))
    assert not (tmp_path / "none.onnx").exists()
    once = make(options, model, flags=api.OrtCompileApiFlags.ERROR_IF_OUTPUT_FILE_EXISTS)
    once.compile_to_file(str(tmp_path / "once.onnx"))
    with pytest.raises(state.Fail, match="exists already"):
        once.compile_to_file(str(tmp_path / "once.onnx"))

    def broken(content):
        raise ValueError("no room")

    with pytest.raises(state.Fail, match="no room"):
        make(options, model).compile_to_stream(broken)


def test_working_folder_of_profiles(api, tmp_path, monkeypatch, x):
    monkeypatch.chdir(tmp_path)
    options = api.SessionOptions()
    options.enable_profiling = True
    session = open_session(api, mul_model(), options)
    session.run(None, {"X": x})
    name = session.end_profiling()
    assert name.startswith("onnxruntime_profile_") and os.listdir(tmp_path) == [name]


# Beyond onnxruntime


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4", "float4_e2m1fn"])
def test_types_of_ml_dtypes(kind):
    values = np.array([[0, 1, 1], [1, 0, 1]]).astype(getattr(ml_dtypes, kind))
    held = ort.OrtValue.ortvalue_from_numpy(values)
    assert held.numpy().dtype == values.dtype and held.shape() == [2, 3]
    np.testing.assert_array_equal(held.numpy().astype(np.float32), values.astype(np.float32))
    (result,) = open_session(ort, identity_model(held.element_type(), opset=23)).run(None, {"X": values})
    assert result.dtype == values.dtype
    np.testing.assert_array_equal(result.astype(np.float32), values.astype(np.float32))


def test_sparse_values_are_not_fed(x):
    sparse = ort.SparseTensor.sparse_coo_from_numpy([3, 2], x[0], np.array([0, 1]), ort.OrtDevice.make("cpu", 0))
    with pytest.raises(ort.NotImplemented, match="sparse"):
        open_session(ort, mul_model()).run(None, {"X": ort.OrtValue.ort_value_from_sparse_tensor(sparse)})


def test_log(capfd):
    told = []
    ort.set_default_logger_callback(lambda *message: told.append(message), severity=0)
    try:
        open_session(ort, mul_model())
        assert any("CPUExecutionProvider" in m[4] for m in told)
        assert all([type(part) for part in m] == [int, str, str, str, str] for m in told)
        assert {m[0] for m in told} == {0, 1}
        for wrong in ("text", 3):
            with pytest.raises(RuntimeError):
                ort.set_default_logger_callback(wrong)
        for severity in (-1, 5):
            with pytest.raises(RuntimeError):
                ort.set_default_logger_callback(told.append, severity)
    finally:
        ort.set_default_logger_callback(None)
        ort.set_default_logger_severity(2)
    capfd.readouterr()
    open_session(ort, mul_model())
    assert capfd.readouterr().err == ""
    options = ort.SessionOptions()
    options.log_severity_level, options.logid = 1, "mine"
    open_session(ort, mul_model(), options)
    (line,) = capfd.readouterr().err.splitlines()
    assert "[I:onnxruntime:mine, " in line


def test_ort_format(tmp_path):
    options = ort.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ORT")
    for model, settings in (
        (mul_model(), options),
        (tmp_path / "model.ort", None),
        (b"\x18\0\0\0ORTM" + bytes(32), None),
    ):
        with pytest.raises(ort.NotImplemented, match="ORT format"):
            open_session(ort, model, settings)
    options.add_session_config_entry("session.load_model_format", "ONNX")
    open_session(ort, mul_model(), options)


def test_global_threads():
    options = ort.SessionOptions()
    options.use_per_session_threads = False
    ort.state.environment.global_threads["intra_op"] = None
    with pytest.raises(RuntimeError, match="set_global_thread_pool_sizes"):
        ort.InferenceSession(mul_model(), options, enable_fallback=0)
    ort.set_global_thread_pool_sizes(1, 1)
    ort.InferenceSession(mul_model(), options)
