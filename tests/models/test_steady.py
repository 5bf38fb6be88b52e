"""Steady runs of whole models allocate nothing; skipped where ../shared/models or build/tests/steady_test is not there."""

import glob
import os
import subprocess
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare  # noqa: E402

from oriel import ort  # noqa: E402

PROGRAM = os.path.join(compare.ROOT, "build", "tests", "steady_test")
MODELS = sorted(p for folder in ("real", "derived", "toy") for p in glob.glob(os.path.join(compare.SHARED, "models", folder, "*.onnx")))
ELEMENTS = {
    "float32": "f32", "float64": "f64", "float16": "f16", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8",
    "uint8": "u8", "uint16": "u16", "bool": "bool",
}  # fmt: skip
# What draws memory in every run, and why.
EXCEPTIONS = {
    "lr_mnist_scikit": "maps and strings have no fixed size",
    "squeezenet_winml_zipmap": "maps and strings have no fixed size",
    "tract_qlstm": "a Scan that cuts its input along the second axis, each slice a tensor",
}


@pytest.fixture(scope="module")
def worker():
    return compare.load_worker()


@pytest.mark.skipif(not MODELS or not os.path.exists(PROGRAM), reason="../shared/models or build/tests/steady_test is not there")
@pytest.mark.parametrize("path", MODELS, ids=lambda p: os.path.basename(p)[:-5])
def test_a_steady_run_allocates_nothing(path, worker, tmp_path):
    name = os.path.basename(path)[:-5]
    if name in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[name])
    try:
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    except ort.InvalidGraph as error:
        pytest.skip(f"no valid model: {error}")
    if any(step.get("device") == "REFERENCE" for step in compare.steps(session)):
        pytest.skip("has steps on the reference device")
    inputs = [(i.name, compare.TYPES[i.type[7:-1]], i.shape) for i in session.get_inputs()]
    arguments = []
    for i, (key, value) in enumerate(worker.make_feed(path, inputs, {}).items()):
        file = tmp_path / str(i)
        np.asarray(value, order="C").tofile(file)
        arguments.append(f"{key}={ELEMENTS[str(value.dtype)]}:{'x'.join(map(str, value.shape))}:{file}")
    run = subprocess.run([PROGRAM, "--model", path, "2", *arguments], capture_output=True, text=True, check=False)
    if run.returncode == 2 and "invalid dimensions for input" in run.stderr:
        pytest.skip(f"no inputs that fit: {run.stderr}")
    assert run.returncode == 0, run.stdout + run.stderr
