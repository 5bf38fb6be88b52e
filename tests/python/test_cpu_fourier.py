"""Fourier transforms of f32 on the CPU device against numpy."""

import numpy as np
import pytest
from one_node import one_node
from onnx import TensorProto, helper

from oriel import ort


def run(op, inputs, constants=(), **attributes):
    model, feeds = one_node(op, inputs, constants=constants, **attributes)
    options = ort.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    session = ort.InferenceSession(model, options, providers=["OpenVINOExecutionProvider"])
    return session.run(None, feeds)[0]


def pairs(spectrum):
    return np.stack([spectrum.real, spectrum.imag], -1)


def close(ours, exact):
    assert ours.dtype == np.float32 and ours.shape == exact.shape
    np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-6 * max(np.abs(exact).max(initial=0), 1e-30))


LENGTHS = [1, 2, 3, 8, 10, 12, 30, 31, 49, 64, 77]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("fixed", [False, True])
def test_dft(length, fixed, rng):
    x = rng.normal(size=(2, length, 3, 2)).astype(np.float32)
    signal = (x[..., 0] + 1j * x[..., 1]).astype(np.complex128)
    operands = {"x": x, "n": np.int64(length + 2), "axis": np.int64(1)}
    constants = ("n", "axis") if fixed else ()
    close(run("DFT", operands, constants), pairs(np.fft.fft(signal, length + 2, axis=1)))
    close(run("DFT", operands, constants, inverse=1), pairs(np.fft.ifft(signal, length + 2, axis=1)))
    plain = {"x": x, "n": None, "axis": np.int64(-3)}
    close(run("DFT", plain, ("axis",) if fixed else ()), pairs(np.fft.fft(signal, axis=1)))


@pytest.mark.parametrize("length", LENGTHS)
def test_real_signals(length, rng):
    x = rng.normal(size=(3, length, 1)).astype(np.float32)
    close(run("DFT", {"x": x}), pairs(np.fft.fft(x[..., 0].astype(np.float64), axis=1)))
    half = np.fft.rfft(x[..., 0].astype(np.float64), axis=1)
    close(run("DFT", {"x": x}, onesided=1), pairs(half))
    operands = {"x": pairs(half).astype(np.float32), "n": np.int64(length)}
    close(run("DFT", operands, onesided=1, inverse=1), np.fft.irfft(half, length, axis=1)[..., None])


@pytest.mark.parametrize("length,step", [(16, 4), (15, 7), (50, 3), (60, 1)])
@pytest.mark.parametrize("onesided", [0, 1])
@pytest.mark.parametrize("window", [False, True])
def test_stft(length, step, onesided, window, rng):
    x = rng.normal(size=(2, 53, 1)).astype(np.float32)
    weights = rng.uniform(size=length).astype(np.float32)
    operands = {"x": x, "step": np.int64(step), "window": weights if window else None}
    operands |= {} if window else {"length": np.int64(length)}
    count = (53 - length) // step + 1 if length <= 53 else 0
    frames = np.zeros((2, count, length))
    for f in range(count):
        frames[:, f] = x[:, f * step : f * step + length, 0] * (weights if window else 1)
    spectrum = np.fft.fft(frames, axis=-1)
    expected = pairs(spectrum[..., : length // 2 + 1] if onesided else spectrum)
    close(run("STFT", operands, onesided=onesided), expected)


def test_lengths_that_only_the_run_knows(rng):
    graph = helper.make_graph(
        [helper.make_node("DFT", ["x", "", "axis"], ["y"])],
        "dft",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "length", 2]),
            helper.make_tensor_value_info("axis", TensorProto.INT64, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = ort.InferenceSession(model.SerializeToString())
    for shape in ((2, 6, 2), (3, 35, 2), (0, 4, 2), (2, 6, 2)):
        x = rng.normal(size=shape).astype(np.float32)
        exact = np.fft.fft(x[..., 0].astype(np.float64) + 1j * x[..., 1], axis=1)
        close(session.run(None, {"x": x, "axis": np.int64(1)})[0], pairs(exact))
    with pytest.raises(ort.InvalidArgument, match="length of the transform is 0"):
        session.run(None, {"x": np.zeros((2, 0, 2), np.float32), "axis": np.int64(1)})
