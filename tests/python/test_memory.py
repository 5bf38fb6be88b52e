"""Weights in memory: what is packed, what a budget changes, what sessions share, and constants at any byte of a file."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from oriel import ort

ENTRY = "session.oriel.weights_budget"


def floats(rng, *dims):
    return rng.uniform(-1, 1, dims).astype(np.float32)


def made(nodes, inputs, outputs, constants, doc=""):
    """A model's bytes; inputs and outputs are (name, dims) of floats. `doc` moves everything behind it by its length."""
    info = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, d) for n, d in inputs]
    graph = helper.make_graph(
        nodes, "memory", info, [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, d) for n, d in outputs],
        [numpy_helper.from_array(v, n) for n, v in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="p" + doc).SerializeToString()


def convolutions(layers=4, channels=128, extent=28):
    """3 x 3 convolutions in a row, which have Winograd forms."""
    rng = np.random.default_rng(1)
    constants = {f"w{i}": floats(rng, channels, channels, 3, 3) * np.float32(0.03) for i in range(layers)}
    nodes = [
        helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"x{i + 1}"], name=f"conv{i}", pads=[1, 1, 1, 1]) for i in range(layers)
    ]
    # What reads the last one's blocks: Winograd makes no plain ones.
    nodes.append(helper.make_node("AveragePool", [f"x{layers}"], ["y"], kernel_shape=[2, 2], strides=[2, 2]))
    dims = [1, channels, extent, extent]
    return made(nodes, [("x0", dims)], [("y", [1, channels, extent // 2, extent // 2])], constants), {"x0": floats(rng, *dims)}


def open_session(model, budget=None, threads=1, options=None):
    chosen = ort.SessionOptions()
    chosen.intra_op_num_threads = threads
    if budget is not None:
        chosen.add_session_config_entry(ENTRY, str(budget))
    return ort.InferenceSession(model, chosen, providers=["OpenVINOExecutionProvider"], provider_options=[options or {}])


def algorithms(session):
    return [step["algorithm"] for step in session._session.steps() if step["op"] == "Conv"]


def packed(session):
    return sum(step["packed_bytes"] for step in session._session.steps())


def test_budget_decides_which_weights_grow():
    model, feeds = convolutions()
    least = open_session(model, "min")
    assert algorithms(least) == ["direct"] * 4
    plain = packed(least)
    default = open_session(model)
    assert any(a.startswith("winograd") for a in algorithms(default))
    assert plain < packed(default) <= 2.5 * plain + 1e4
    # Room for about half of the layers: exactly as much is spent as fits.
    one = open_session(convolutions(1)[0], 10**9)
    extra = packed(one) - packed(open_session(convolutions(1)[0], 0))
    assert extra > 0
    half = open_session(model, 2 * extra)
    assert plain < packed(half) <= plain + 2 * extra
    names = algorithms(half)
    assert "direct" in names or packed(half) < packed(open_session(model, 10**9))
    expected = least.run(None, feeds)[0]
    for session in (default, half):
        np.testing.assert_allclose(session.run(None, feeds)[0], expected, atol=2e-5 * np.abs(expected).max())


def test_budget_as_provider_option():
    model, _ = convolutions(1)
    assert algorithms(open_session(model, options={"weights_budget": "min"})) == ["direct"]
    assert algorithms(open_session(model, "min", options={"weights_budget": "default"})) != ["direct"]
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"], provider_options=[{"weights_budget": "min"}])
    assert algorithms(session) == ["direct"]


@pytest.mark.parametrize("text", ["", "-1", "12MB", "most"])
def test_budget_that_is_none(text):
    model, _ = convolutions(1, 16, 8)
    with pytest.raises(Exception, match="weights_budget.*expected"):
        open_session(model, text)
    with pytest.raises(Exception, match="weights_budget.*expected"):
        open_session(model, options={"weights_budget": text})


GROWTH = """
import json, sys
import numpy as np
from oriel import ort

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024

path, budget = sys.argv[1:]
options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.add_session_config_entry("session.oriel.weights_budget", budget)
feeds = {"x0": np.ones((1, 256, 14, 14), np.float32)}
first = resident()
session = ort.InferenceSession(path, options, providers=["OpenVINOExecutionProvider"])
session.run(None, feeds)
one = resident()
second = ort.InferenceSession(path, options, providers=["OpenVINOExecutionProvider"])
second.run(None, feeds)
packed = sum(step["packed_bytes"] for step in session._session.steps())
print(json.dumps({"packed": packed, "one": one - first, "two": resident() - one}))
"""


@pytest.mark.parametrize("budget", ["min", "default"])
def test_growth_of_resident_memory(tmp_path, root, budget):
    """One session takes its packed weights and little more; a second one of the same file next to nothing."""
    model, _ = convolutions(20, 256, 14)
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    folder = str(next(p for p in map(str, sys.path) if p and (root.__class__(p) / "oriel").is_dir()))
    result = subprocess.run(
        [sys.executable, "-c", GROWTH, str(path), budget], env={"PYTHONPATH": folder}, capture_output=True, text=True, check=True
    )
    figures = json.loads(result.stdout)
    assert figures["packed"] > 45e6
    assert figures["one"] < 1.1 * figures["packed"] + 24e6, figures
    assert figures["two"] < 0.05 * figures["packed"] + 12e6, figures


def test_sessions_of_the_same_bytes_agree():
    model, feeds = convolutions(2)
    first = open_session(model)
    second = open_session(model, threads=2)
    expected = first.run(None, feeds)[0]
    del first
    np.testing.assert_allclose(second.run(None, feeds)[0], expected, atol=2e-5 * np.abs(expected).max())
    third = open_session(model)
    np.testing.assert_array_equal(third.run(None, feeds)[0], expected)


@pytest.mark.parametrize("shift", range(4))
def test_large_constants_at_any_byte(tmp_path, shift):
    """Weights of more than 64 KiB in every role, whatever their place in the file: results are onnxruntime's."""
    import onnxruntime

    rng = np.random.default_rng(shift)
    constants = {
        "w": floats(rng, 160, 16, 3, 3) * np.float32(0.1),
        "deep": floats(rng, 160, 1, 11, 11) * np.float32(0.1),
        "addend": floats(rng, 1, 160, 12, 12),
        "matrix": floats(rng, 144, 130) * np.float32(0.1),
        "rows": floats(rng, 140, 130) * np.float32(0.1),
        "table": floats(rng, 300, 64),
        "left": floats(rng, 128, 160) * np.float32(0.1),
        "given": floats(rng, 200, 100),
        "W": floats(rng, 1, 4 * 32, 140) * np.float32(0.1),
        "R": floats(rng, 1, 4 * 32, 32) * np.float32(0.1),
        "shape": np.array([1, 160, 144], np.int64),
        "steps": np.array([160, 1, 140], np.int64),
        "indices": np.array([3, 299, 0], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c", "deep"], ["d"], pads=[5, 5, 5, 5], group=160),
        helper.make_node("Add", ["d", "addend"], ["s"]),
        helper.make_node("Reshape", ["s", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "matrix"], ["m"]),
        helper.make_node("Transpose", ["rows"], ["rows_t"], perm=[1, 0]),
        helper.make_node("MatMul", ["m", "rows_t"], ["n"]),
        helper.make_node("MatMul", ["left", "n"], ["l"]),
        helper.make_node("Reshape", ["n", "steps"], ["sequence"]),
        helper.make_node("LSTM", ["sequence", "W", "R"], ["", "h"], hidden_size=32),
        helper.make_node("Gather", ["table", "indices"], ["g"]),
        helper.make_node("Identity", ["given"], ["same"]),
    ]
    outputs = [("l", None), ("h", None), ("g", None), ("same", None)]
    path = tmp_path / "model.onnx"
    path.write_bytes(made(nodes, [("x", [1, 16, 12, 12])], outputs, constants, doc="x" * shift))
    feeds = {"x": floats(rng, 1, 16, 12, 12)}
    expected = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds)
    for provider, options in (("OpenVINOExecutionProvider", {}), ("CPUExecutionProvider", {}), ("CPUExecutionProvider", {"device": "REFERENCE"})):
        session = ort.InferenceSession(str(path), providers=[provider], provider_options=[options])
        for ours, theirs in zip(session.run(None, feeds), expected):
            np.testing.assert_allclose(ours, theirs, atol=3e-5 * np.abs(theirs).max())
