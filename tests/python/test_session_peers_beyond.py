"""What oriel.ort has beyond onnxruntime, or says where it has less."""

import sys

import ml_dtypes
import numpy as np
import pytest
from session_peers import identity_model, mul_model, open_session, x  # noqa: F401

from oriel import ort


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


def test_logging_callback_that_raises(capfd, monkeypatch):
    def wrong(*message):
        raise ValueError("raised on purpose")

    monkeypatch.setattr("sys.unraisablehook", sys.__unraisablehook__)
    ort.set_default_logger_callback(wrong, severity=0)
    try:
        session = open_session(ort, mul_model())
    finally:
        ort.set_default_logger_callback(None)
        ort.set_default_logger_severity(2)
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert "ValueError: raised on purpose" in capfd.readouterr().err


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
