"""Execution in bf16: how it is asked for, what runs in it, how far results are from those in f32, and that f32 stays f32."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from oriel import ort

ENTRY = "session.oriel.inference_precision"
BF16 = {"load_config": json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}})}
OPENVINO, CPU = "OpenVINOExecutionProvider", "CPUExecutionProvider"


def made(nodes, inputs, constants):
    """A model's bytes with one output, y; inputs are (name, dims) of floats."""
    graph = helper.make_graph(
        nodes,
        "bf16",
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, d) for n, d in inputs],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(v, n) for n, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class Layers:
    """A network of convolutions, built name by name."""

    def __init__(self, seed=0):
        self.rng, self.nodes, self.constants = np.random.default_rng(seed), [], {}

    def weights(self, *dims, fan_in):
        name = f"w{len(self.constants)}"
        self.constants[name] = (self.rng.standard_normal(dims) * np.sqrt(2 / fan_in)).astype(np.float32)
        return name

    def node(self, op, *inputs, name=None, **attributes):
        name = name or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def conv(self, x, channels, outs, kernel=1, stride=1, groups=1, transposed=False, pad=None, relu=True):
        dims = (channels, outs // groups) if transposed else (outs, channels // groups)
        w = self.weights(*dims, kernel, kernel, fan_in=channels // groups * kernel * kernel)
        b = self.weights(outs, fan_in=50)
        x = self.node(
            "ConvTranspose" if transposed else "Conv",
            x,
            w,
            b,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[kernel // 2 if pad is None else pad] * 4,
            group=groups,
        )
        return self.node("Relu", x) if relu else x


def residual_network(channels=40, spatial=None):
    """A stem, two residual blocks (3 x 3 in the middle), a strided layer, a depthwise and a grouped one, a transposed one,
    and a Gemm: values that convolutions alone read, and others."""
    net = Layers()
    x = net.conv("x", 3, channels, kernel=3, stride=2)
    for _ in range(2):
        y = net.conv(x, channels, 24)
        y = net.conv(y, 24, 24, kernel=3)
        x = net.node("Relu", net.node("Add", net.conv(y, 24, channels, relu=False), x))
    x = net.conv(x, channels, 48, kernel=3, stride=2)
    x = net.conv(x, 48, 48, kernel=3, groups=48)
    x = net.conv(x, 48, 64, kernel=3, groups=2)
    x = net.conv(x, 64, 32, kernel=2, stride=2, transposed=True, pad=0)
    x = net.node("Flatten", net.node("GlobalAveragePool", x))
    net.node("Gemm", x, net.weights(10, 32, fan_in=32), net.weights(10, fan_in=10), name="y", transB=1)
    return made(net.nodes, [("x", ["n", 3, spatial or "h", spatial or "w"])], net.constants)


def encoder():
    """Products with constants, whose columns are no multiple of anything, bias, activation and residual behind them."""
    net = Layers(1)
    h = net.node("MatMul", "x", net.weights(72, 131, fan_in=72))
    h = net.node("Relu", net.node("Add", h, net.weights(131, fan_in=9)))
    h = net.node("MatMul", h, net.weights(131, 72, fan_in=131))
    net.node("MatMul", net.node("Add", h, "x"), net.weights(72, 1, fan_in=72), name="last")
    net.node("Concat", "last", net.node("MatMul", "x", net.weights(72, 7, fan_in=72)), name="y", axis=-1)
    return made(net.nodes, [("x", ["n", "t", 72])], net.constants)


def opened(model, provider=OPENVINO, options=None, entries=(), level=None, threads=2):
    chosen = ort.SessionOptions()
    chosen.intra_op_num_threads = threads
    if level is not None:
        chosen.graph_optimization_level = level
    for key, value in entries:
        chosen.add_session_config_entry(key, value)
    return ort.InferenceSession(model, chosen, providers=[provider], provider_options=[options or {}])


def steps(session):
    return session._session.steps()


def has_bf16():
    try:
        opened(encoder(), CPU, entries=[(ENTRY, "bf16")])
    except Exception as error:
        assert "AVX512_BF16" in str(error)
        return False
    return True


needs_bf16 = pytest.mark.skipif(not has_bf16(), reason="this machine has no AVX512_BF16")
image = np.random.default_rng(5).standard_normal((2, 3, 37, 45)).astype(np.float32)
words = np.random.default_rng(6).standard_normal((2, 19, 72)).astype(np.float32)
CASES = [(residual_network, image), (encoder, words)]


def assert_near(bf16, f32):
    error = np.sqrt(np.mean((bf16 - f32) ** 2)) / np.sqrt(np.mean(f32**2))
    assert 1e-5 < error < 1.5e-2
    assert np.abs(bf16 - f32).max() < 5e-2 * np.abs(f32).max()


@needs_bf16
@pytest.mark.parametrize("make, x", CASES)
@pytest.mark.parametrize("threads", [1, 2])
def test_all_ways_to_ask(make, x, threads, tmp_path):
    model = make()
    f32 = opened(model, threads=threads).run(None, {"x": x})[0]
    file = tmp_path / "hints.json"
    file.write_text(BF16["load_config"])
    first = None
    for provider, options, entries in [
        (OPENVINO, BF16, []),
        (OPENVINO, {"load_config": str(file)}, []),
        (OPENVINO, {**BF16, "precision": "FP32"}, []),
        (OPENVINO, {"inference_precision": "bf16"}, []),
        (CPU, {"inference_precision": "bf16"}, []),
        (CPU, {}, [(ENTRY, "bf16")]),
    ]:
        session = opened(model, provider, options, entries, threads=threads)
        y = session.run(None, {"x": x})[0]
        assert_near(y, f32)
        if first is None:
            first = y
        np.testing.assert_array_equal(y, first)


@pytest.mark.parametrize("make, x", CASES)
def test_f32_unless_asked(make, x):
    model = make()
    default = opened(model)
    assert {s["precision"] for s in steps(default)} == {"f32"}
    y = default.run(None, {"x": x})[0]
    for options, entries in [
        ({"precision": "FP32"}, []),
        ({"load_config": '{"CPU": {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}, "GPU": {"X": 1}}'}, []),
        ({"inference_precision": "f32"}, []),
        ({}, [(ENTRY, "f32")]),
    ]:
        session = opened(model, OPENVINO, options, entries)
        assert {s["precision"] for s in steps(session)} == {"f32"}
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], y)


@needs_bf16
def test_steps_say_their_precision():
    for make, op in [(residual_network, "Conv"), (encoder, "MatMul")]:
        of_f32, of_bf16 = ([s for s in steps(opened(make(), options=o)) if s["op"] != "Reorder"] for o in ({}, BF16))
        found = {s["name"]: s for s in of_bf16 if s["precision"] == "bf16"}
        assert len(found) >= 2 and all("bf16" in s["kernel"] for s in found.values())
        assert op in {s["op"] for s in found.values()}
        # Depthwise convolutions, those of few channels, and products of one column stay f32.
        left = [s["name"] for s in of_bf16 if s["op"] == op and s["precision"] == "f32"]
        assert len(left) == (2 if op == "Conv" else 1)
        bytes_of = {s["name"]: s["packed_bytes"] for s in of_f32}
        packed = [(s["packed_bytes"], bytes_of[n]) for n, s in found.items() if not s["algorithm"].startswith("winograd")]
        assert sum(b for b, _ in packed) <= 0.7 * sum(f for _, f in packed)


@needs_bf16
@pytest.mark.parametrize("make, x", CASES)
def test_without_optimisations(make, x):
    model = make()
    f32 = opened(model, CPU).run(None, {"x": x})[0]
    level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = opened(model, CPU, entries=[(ENTRY, "bf16")], level=level)
    assert "bf16" in {s["precision"] for s in steps(session)}
    assert_near(session.run(None, {"x": x})[0], f32)


@needs_bf16
def test_shapes_of_every_run():
    f32, bf16 = opened(residual_network()), opened(residual_network(), options=BF16)
    rng = np.random.default_rng(9)
    for n, h, w in [(1, 64, 64), (3, 17, 33), (1, 9, 130), (0, 32, 32), (2, 64, 64)]:
        x = rng.standard_normal((n, 3, h, w)).astype(np.float32)
        y = bf16.run(None, {"x": x})[0]
        assert y.shape == (n, 10)
        if n > 0:
            assert_near(y, f32.run(None, {"x": x})[0])


@needs_bf16
def test_wide_values_for_readers_in_f32():
    """A value that convolutions and others read, one that leaves, and one that a convolution adds to its sum only."""
    net = Layers(3)
    a = net.conv("x", 32, 32)
    b = net.conv(a, 32, 32, kernel=3)
    c = net.conv(b, 32, 32)
    s = net.node("Sigmoid", net.node("MaxPool", b, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
    d = net.node("Add", net.conv(c, 32, 32, relu=False), c)
    net.node("Concat", net.node("Mul", d, s), b, net.node("Neg", c), name="y", axis=1)
    model = made(net.nodes, [("x", [1, 32, 13, 11])], net.constants)
    x = np.random.default_rng(2).standard_normal((1, 32, 13, 11)).astype(np.float32)
    assert_near(opened(model, options=BF16).run(None, {"x": x})[0], opened(model).run(None, {"x": x})[0])


@needs_bf16
def test_accuracy_mode_and_winograd_off():
    net = Layers(4)
    net.node("AveragePool", net.conv("x", 64, 64, kernel=3), name="y", kernel_shape=[2, 2])
    model = made(net.nodes, [("x", [1, 64, 56, 56])], net.constants)

    def algorithm(options, entries=()):
        return next(s["algorithm"] for s in steps(opened(model, options=options, entries=entries)) if s["op"] == "Conv")

    hints = {"INFERENCE_PRECISION_HINT": "bf16", "EXECUTION_MODE_HINT": "ACCURACY"}
    assert algorithm(BF16) == "winograd_2x2"
    assert algorithm({"load_config": json.dumps({"CPU": hints})}) == "direct"
    assert algorithm({**BF16, "winograd": "off"}) == "direct"
    assert algorithm(BF16, [("session.oriel.winograd", "off")]) == "direct"
    assert algorithm({}, [("session.oriel.winograd", "off")]) == "direct"
    x = np.random.default_rng(3).standard_normal((1, 64, 56, 56)).astype(np.float32)
    exact = opened(model, options={"winograd": "off"}).run(None, {"x": x})[0]
    rms = lambda options: np.sqrt(np.mean((opened(model, options=options).run(None, {"x": x})[0] - exact) ** 2))
    assert rms({**BF16, "winograd": "off"}) < rms(BF16) < 2 * rms({**BF16, "winograd": "off"})


@pytest.mark.parametrize(
    "text, what",
    [
        ('{"CPU": {"INFERENCE_PRECISION_HINT": "f8"}}', 'INFERENCE_PRECISION_HINT is "f8", expected "f32" or "bf16"'),
        ('{"CPU": {"EXECUTION_MODE_HINT": "FAST"}}', "EXECUTION_MODE_HINT"),
        ('{"CPU": {"NO_SUCH": 1}}', "NO_SUCH"),
        ('{"CPU": 3}', "expected an object"),
        ("[1]", "neither a JSON object nor a file"),
        ('{"CPU": ', "no JSON object"),
        ("/no/such/file.json", "neither a JSON object nor a file"),
    ],
)
def test_hints_that_are_none(text, what):
    with pytest.raises(ort.EPFail) as error:
        opened(encoder(), options={"load_config": text})
    assert what in str(error.value) and "load_config" in str(error.value)


@pytest.mark.parametrize("key", ["session.oriel.inference_precision", "session.oriel.winograd", "session.oriel.nothing"])
def test_entries_that_are_none(key):
    with pytest.raises(Exception, match=key):
        opened(encoder(), CPU, entries=[(key, "maybe")])


def test_machines_without_bf16_refuse(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
import test_bf16 as t
for provider, options, entries in [(t.OPENVINO, t.BF16, []), (t.CPU, {{}}, [(t.ENTRY, "bf16")])]:
    try:
        t.opened(t.encoder(), provider, options, entries)
    except Exception as error:
        assert "AVX512_BF16" in str(error), error
    else:
        raise SystemExit("a session without bf16 took the option")
"""
    environment = {**os.environ, "ORIEL_MAX_ISA": "avx2"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
