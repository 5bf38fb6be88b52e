"""Scripts that import onnxruntime run unchanged on Oriel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys

import numpy as np
import onnxruntime
import onnxruntime as ort
from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions
from onnxruntime.capi import _pybind_state as C
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
from onnxruntime.capi.onnxruntime_inference_collection import OrtValue

import beside

options = SessionOptions()
options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC
options.intra_op_num_threads = 1
session = InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
images = np.zeros((2, 1, 8, 8), np.float32)
(probabilities,) = session.run(None, {session.get_inputs()[0].name: images})
try:
    session.run(None, {"image": images.astype(np.float64)})
except InvalidArgument:
    print("typed", C.InvalidArgument is InvalidArgument)
value = OrtValue.ortvalue_from_numpy(images)
print(beside.WORD, probabilities.shape, value.shape(), C.get_device(), onnxruntime.__version__, sys.argv[2:], __name__)
print("build:", ort.get_build_info())
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "beside.py").write_text("WORD = 'found'\n")
    path = tmp_path / "client.py"
    path.write_text(SCRIPT)
    return path


def run(*arguments, python_path):
    environment = {**os.environ, "PYTHONPATH": str(python_path)}
    return subprocess.run([sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True)


@pytest.fixture
def home():
    import oriel

    return Path(oriel.__file__).parents[1]


@pytest.fixture
def check(digits_model):
    def check_output(done):
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0] == "typed True"
        assert lines[1] == "found (2, 10) [2, 1, 8, 8] CPU 1.31.1 ['--flag', 'x'] __main__"
        return lines[2]

    return check_output


def test_command(script, home, digits_model, check):
    done = run("-m", "oriel.compat", script, digits_model, "--flag", "x", python_path=home)
    assert "Oriel" in check(done)


def test_python_path(script, home, digits_model, check):
    path = run("-m", "oriel.compat", "--path", python_path=home).stdout.strip()
    assert (Path(path) / "onnxruntime" / "__init__.py").exists()
    assert "Oriel" in check(run(script, digits_model, "--flag", "x", python_path=path))


def test_the_script_is_onnxruntimes_own(script, home, digits_model, check):
    pytest.importorskip("onnxruntime")
    done = run(script, digits_model, "--flag", "x", python_path="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "typed True"
    assert "Oriel" not in done.stdout


def test_wrong_use(home):
    done = run("-m", "oriel.compat", python_path=home)
    assert done.returncode == 2 and "usage" in done.stderr
    done = run("-m", "oriel.compat", "absent.py", python_path=home)
    assert done.returncode == 2 and "absent.py: no such file" in done.stderr


QUANTISE = """
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

folder = sys.argv[1]
weights = numpy_helper.from_array(np.linspace(-1, 1, 32, dtype=np.float32).reshape(8, 4), "w")
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"])],
    "g",
    [helper.make_tensor_value_info("x", 1, ["n", 8])],
    [helper.make_tensor_value_info("y", 1, ["n", 4])],
    [weights],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(model, f"{folder}/float.onnx")


class Reader(CalibrationDataReader):
    def __init__(self):
        self.batches = iter([{"x": np.full((2, 8), i / 4, np.float32)} for i in range(4)])

    def get_next(self):
        return next(self.batches, None)


quantize_dynamic(f"{folder}/float.onnx", f"{folder}/dynamic.onnx")
quantize_static(f"{folder}/float.onnx", f"{folder}/static.onnx", Reader(), quant_format=QuantFormat.QDQ)
onnx.save(convert_float_to_float16(model), f"{folder}/half.onnx")
x = np.linspace(0, 0.75, 16, dtype=np.float32).reshape(2, 8)
for name in ("float", "dynamic", "static", "half"):
    session = onnxruntime.InferenceSession(f"{folder}/{name}.onnx", providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": x.astype(np.float16) if name == "half" else x})
    print(name, " ".join(f"{v:.3f}" for v in y.ravel()))
print("oriel", getattr(onnxruntime, "__oriel__", False))
"""

WITHOUT = """
import importlib.machinery

find = importlib.machinery.PathFinder.find_spec


def hide(cls, name, path=None, target=None):
    return None if name == "onnxruntime" and path is not None else find(name, path, target)


importlib.machinery.PathFinder.find_spec = classmethod(hide)
import onnxruntime

for name in ("quantization", "transformers", "tools", "training"):
    try:
        __import__(f"onnxruntime.{name}")
    except ModuleNotFoundError as error:
        print(error)
"""


def test_helpers_of_an_installed_onnxruntime(tmp_path, home):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    script = tmp_path / "quantise.py"
    script.write_text(QUANTISE)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    one, other = run(script, theirs, python_path=""), run("-m", "oriel.compat", script, ours, python_path=home)
    assert one.returncode == 0, one.stderr
    assert other.returncode == 0, other.stderr
    wanted, got = ([line.split() for line in done.stdout.splitlines()] for done in (one, other))
    assert wanted[-1] == ["oriel", "False"] and got[-1] == ["oriel", "True"]
    for a, b in zip(wanted[:-1], got[:-1], strict=True):
        assert a[0] == b[0] and [float(v) for v in b[1:]] == pytest.approx([float(v) for v in a[1:]], abs=2e-3)


def test_helpers_that_are_not_installed(tmp_path, home):
    script = tmp_path / "without.py"
    script.write_text(WITHOUT)
    done = run("-m", "oriel.compat", script, python_path=home)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for line, name in zip(lines, ("quantization", "transformers", "tools")):
        assert (
            line.startswith(f"onnxruntime.{name} is a pure-Python part of the onnxruntime package")
            and "install onnxruntime" in line
        )
    assert lines[3] == "No module named 'onnxruntime.training'"


BACKEND = """
import numpy as np
import onnx
import onnxruntime
import onnxruntime.backend as backend
from onnxruntime.datasets import get_example

x = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
name = get_example("mul_1.onnx")
basic = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
prepared = backend.prepare(name, "CPU", graph_optimization_level=basic)
print(prepared.run(x, logid="run")[0].tolist())
sigmoid = onnx.load(get_example("sigmoid.onnx"))
print(prepared.run([x])[0].tolist(), backend.run(sigmoid, np.zeros((3, 4, 5), np.float32))[0].mean())
print(backend.supports_device("CPU"), backend.supports_device("CUDA"), backend.is_compatible(None, "CPU"))
print(backend.prepare(prepared) is prepared)
for call in (
    lambda: backend.prepare(name, optimized_model_filepath="x.onnx"),
    lambda: backend.prepare(name, "GPU"),
    lambda: prepared.run(x, terminate=True),
    lambda: backend.backend.OnnxRuntimeBackend.run_node(None, None),
    lambda: get_example("absent.onnx"),
):
    try:
        call()
    except Exception as error:
        print(type(error).__name__)
"""


def test_backend(tmp_path, home):
    pytest.importorskip("onnxruntime")
    script = tmp_path / "backend.py"
    script.write_text(BACKEND)
    one, other = run(script, python_path=""), run("-m", "oriel.compat", script, python_path=home)
    assert one.returncode == 0, one.stderr
    assert other.returncode == 0, other.stderr
    assert other.stdout == one.stdout and len(other.stdout.splitlines()) == 9


EXAMPLES = """
import numpy as np
import onnxruntime
from onnxruntime.datasets import get_example

x = np.random.default_rng(0).random((3, 4, 5), np.float32)
(y,) = onnxruntime.InferenceSession(get_example("sigmoid.onnx")).run(["y"], {"x": x})
np.testing.assert_allclose(y, 1 / (1 + np.exp(-x)), rtol=1e-5)
session = onnxruntime.InferenceSession(get_example("logreg_iris.onnx"))
label, probabilities = session.run(None, {"float_input": np.float32([[1.4, 0.2], [4.5, 1.4], [6.0, 2.2]])})
assert label.tolist() == [0, 1, 2] and [max(p, key=p.get) for p in probabilities] == [0, 1, 2]
assert all(abs(sum(p.values()) - 1) < 1e-5 for p in probabilities)
onnxruntime.preload_dlls()
onnxruntime.print_debug_info()
"""


def test_examples(tmp_path, home):
    script = tmp_path / "examples.py"
    script.write_text(EXAMPLES)
    done = run("-m", "oriel.compat", script, python_path=home)
    assert done.returncode == 0, done.stderr
    assert "Oriel" in done.stdout


def test_adapters_from_arrays(tmp_path, home):
    import numpy as np

    from oriel import ort

    np.savez(tmp_path / "a.npz", p=np.float32([1, 2]), q=np.arange(3))
    arguments = [
        "--npz_file_path",
        tmp_path / "a.npz",
        "--output_file_path",
        tmp_path / "a.out",
        "--adapter_version",
        2,
        "--model_version",
        5,
    ]
    done = run("-m", "oriel.compat", "-m", "onnxruntime.capi.convert_npz_to_onnx_adapter", *arguments, python_path=home)
    assert done.returncode == 0, done.stderr
    read = ort.AdapterFormat.read_adapter(tmp_path / "a.out")
    assert (read.get_adapter_version(), read.get_model_version()) == (2, 5)
    assert {n: v.numpy().tolist() for n, v in read.get_parameters().items()} == {"p": [1, 2], "q": [0, 1, 2]}
