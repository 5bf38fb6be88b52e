"""Session and run options, as oriel.ort shares them with onnxruntime: every test here passes with both."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper
from session_peers import api, build, info, mul_model, open_session, session, state, x, y  # noqa: F401


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
