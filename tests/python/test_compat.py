"""Scripts that import onnxruntime run unchanged on Oriel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = '''
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
'''


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
