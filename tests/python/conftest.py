"""Shared by all Python tests: where things are, the module under test, the peer that results are compared with."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]

try:
    import oriel  # noqa: F401
except ModuleNotFoundError:
    sys.path.insert(0, str(ROOT / "build" / "python"))


@pytest.fixture(autouse=True)
def reference_device(request, monkeypatch):
    """Tests of operators look at the reference device, the oracle; devices are compared with it elsewhere."""
    if not request.module.__name__.rpartition(".")[2].startswith("test_ops_"):
        return
    import oriel.ort

    make = oriel.ort.InferenceSession

    def on_reference(model, sess_options=None):
        return make(model, sess_options, providers=["CPUExecutionProvider"], provider_options=[{"device": "REFERENCE"}])

    monkeypatch.setattr(oriel.ort, "InferenceSession", on_reference)


@pytest.fixture(scope="session")
def root():
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def digits_model():
    """A small convolutional classifier: image [batch, 1, 8, 8] float -> probabilities [batch, 10]."""
    return ROOT / "examples" / "digits" / "digits.onnx"


@pytest.fixture(scope="session")
def digits():
    """(images [N, 1, 8, 8] float as the classifier wants them, labels [N])."""
    with np.load(ROOT / "examples" / "digits" / "held_back.npz") as held_back:
        return held_back["images"].astype(np.float32)[:, None] / 16, held_back["labels"]


@pytest.fixture(scope="session")
def reference():
    """Opens a model (path or bytes) in onnxruntime without optimisations, the reference of numeric comparisons."""
    import onnxruntime

    def open_reference(model):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )

    return open_reference


@pytest.fixture
def rng():
    """A random generator with the same seed in every test."""
    return np.random.default_rng(0)
