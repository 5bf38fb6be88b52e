"""Adapters and rewritten models, as oriel.ort shares them with onnxruntime: every test here passes with both."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from session_peers import adapter_model, api, build, info, mul_model, open_session, state, x  # noqa: F401

from oriel import ort

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
