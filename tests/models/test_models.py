"""Whole models of ../shared/models against onnxruntime; skipped where they or onnxruntime are not there."""

import glob
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare  # noqa: E402

pytest.importorskip("onnxruntime")
FOLDERS = ("real", "derived", "toy")
MODELS = sorted(p for folder in FOLDERS for p in glob.glob(os.path.join(compare.SHARED, "models", folder, "*.onnx")))


@pytest.fixture(scope="session")
def worker():
    return compare.load_worker()


@pytest.mark.skipif(not MODELS, reason="../shared/models is not there")
@pytest.mark.parametrize("provider", ["CPUExecutionProvider", "OpenVINOExecutionProvider"])
@pytest.mark.parametrize("path", MODELS, ids=lambda p: os.path.basename(p)[:-5])
def test_model(path, provider, worker):
    row = compare.compare(path, provider, worker)
    if row["status"].startswith("no reference"):
        pytest.skip(row["status"])
    assert row["status"].startswith("ok"), row
