"""Feeds, results, bindings and background runs, as oriel.ort shares them with onnxruntime: every test here passes with both."""

import json
import threading

import numpy as np
import pytest
from onnx import TensorProto, helper
from session_peers import api, build, CPU, identity_model, info, mul_model, open_session, session, state, x, y  # noqa: F401

from oriel import ort

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
