"""LSTM, GRU and RNN on the CPU device: random configurations against onnxruntime, and what no runtime but ours computes
against the reference device."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from oriel import ort

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
FUNCTIONS = {"RNN": 1, "GRU": 2, "LSTM": 3}
SIMPLE = ["Relu", "Tanh", "Sigmoid", "Softplus"]
BOUNDED = ["Sigmoid", "Tanh"]
WITH_ALPHA = ["LeakyRelu", "Elu"]
TOLERANCE = 2e-5


def rows_of(rng, *dims):
    return rng.uniform(-1, 1, dims).astype(np.float32)


def model(op, rng, *, steps, batch, width, hidden, direction="forward", layout=0, bias=True, states=True, lengths=None,
          peepholes=False, want=None, dynamic=False, **attributes):  # fmt: skip
    """(bytes, feeds) of one operator with constant weights; `want` lists the outputs that are asked for."""
    directions = 2 if direction == "bidirectional" else 1
    gates = GATES[op]
    scale = 1.5 / np.sqrt(hidden)
    constants = {
        "W": rows_of(rng, directions, gates * hidden, width) * np.float32(scale),
        "R": rows_of(rng, directions, gates * hidden, hidden) * np.float32(scale),
    }
    if bias:
        constants["B"] = rows_of(rng, directions, 2 * gates * hidden)
    if peepholes:
        constants["P"] = rows_of(rng, directions, 3 * hidden)
    feeds = {"X": rows_of(rng, *((batch, steps, width) if layout else (steps, batch, width)))}
    if lengths is not None:
        feeds["lens"] = np.asarray(lengths, np.int32)
    if states:
        shape = (batch, directions, hidden) if layout else (directions, batch, hidden)
        feeds["h0"] = rows_of(rng, *shape)
        if op == "LSTM":
            feeds["c0"] = rows_of(rng, *shape)
    names = ["X", "W", "R", "B", "lens", "h0", "c0", "P"][: 8 if op == "LSTM" else 6]
    names = [n if n in constants or n in feeds else "" for n in names]
    count = 3 if op == "LSTM" else 2
    want = list(range(count)) if want is None else want
    results = [f"out{i}" if i in want else "" for i in range(count)]
    if layout:
        attributes["layout"] = layout
    node = helper.make_node(op, names, results, name="cell", hidden_size=hidden, direction=direction, **attributes)

    def info(name, value):
        dims = [f"{name}_{i}" for i in range(value.ndim)] if dynamic else value.shape
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), dims)

    graph = helper.make_graph(
        [node],
        "recurrent",
        [info(n, v) for n, v in feeds.items()],
        [helper.make_tensor_value_info(r, onnx.TensorProto.FLOAT, None) for r in results if r],
        [numpy_helper.from_array(v, n) for n, v in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return made.SerializeToString(), feeds


def run_ours(data, feeds, threads=2):
    """Results of the CPU device, after seeing that it is the device that computes them."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(data, options, providers=["OpenVINOExecutionProvider"])
    steps = session._session.steps()
    assert steps and all(step["device"] != "REFERENCE" for step in steps), steps
    results = session.run(None, feeds)
    for first, again in zip(results, session.run(None, feeds)):
        np.testing.assert_array_equal(first, again)
    return results


def run_reference(data, feeds):
    """Results of the plain loops, which take the operator where its weights are no constants."""
    proto = onnx.load_from_string(data)
    weights = {w.name: numpy_helper.to_array(w) for w in proto.graph.initializer}
    proto.graph.input.extend(helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, v.shape) for n, v in weights.items())
    del proto.graph.initializer[:]
    session = ort.InferenceSession(proto.SerializeToString(), providers=["OpenVINOExecutionProvider"])
    assert [step["device"] for step in session._session.steps()] == ["REFERENCE"]
    return session.run(None, {**feeds, **weights})


def assert_close(ours, theirs, tolerance=TOLERANCE):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def check(data, feeds, threads=2):
    peer = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert_close(run_ours(data, feeds, threads), peer.run(None, feeds))


def random_case(op, seed):
    rng = np.random.default_rng([seed, GATES[op]])
    direction = str(rng.choice(["forward", "reverse", "bidirectional"]))
    directions = 2 if direction == "bidirectional" else 1
    case = {
        "steps": int(rng.integers(1, 12)),
        "batch": int(rng.integers(1, 8)),
        "width": int(rng.integers(1, 40)),
        "hidden": int(rng.integers(1, 70)),
        "direction": direction,
        "bias": bool(rng.integers(2)),
        "states": bool(rng.integers(2)),
        "dynamic": bool(rng.integers(2)),
    }
    if rng.integers(2):
        case["lengths"] = rng.integers(1, case["steps"] + 1, case["batch"])
    if rng.integers(3) == 0:
        case["clip"] = 0.7
    if rng.integers(3) == 0:
        names = [str(n) for n in rng.choice(SIMPLE + WITH_ALPHA, FUNCTIONS[op])]
        if op != "RNN":
            names[0] = str(rng.choice(BOUNDED))
        names *= directions
        case["activations"] = names
        alphas = sum(n in WITH_ALPHA for n in names)
        if alphas:
            case["activation_alpha"] = [0.3] * alphas
    if op == "GRU":
        case["linear_before_reset"] = int(rng.integers(2))
    if op == "LSTM":
        case["peepholes"] = bool(rng.integers(2))
    return model(op, rng, **case)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("op", GATES)
def test_random_configurations(op, seed):
    check(*random_case(op, seed))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("batch", [1, 2, 9])
@pytest.mark.parametrize("op", GATES)
def test_large_enough_for_threads(op, batch, direction, threads):
    rng = np.random.default_rng(batch)
    check(*model(op, rng, steps=20, batch=batch, width=48, hidden=136, direction=direction), threads=threads)


@pytest.mark.parametrize("op", GATES)
def test_steps_large_enough_to_split(op):
    rng = np.random.default_rng(1)
    check(*model(op, rng, steps=5, batch=1, width=24, hidden=600))


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_gates_of_more_steps_than_are_held_at_once(direction):
    rng = np.random.default_rng(2)
    lengths = rng.integers(1, 1501, 6)
    check(*model("LSTM", rng, steps=1500, batch=6, width=5, hidden=70, direction=direction, lengths=lengths))


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("op", GATES)
def test_batch_first(op, batch, direction):
    rng = np.random.default_rng(3)
    lengths = rng.integers(0, 8, batch)
    data, feeds = model(op, rng, steps=7, batch=batch, width=9, hidden=21, direction=direction, layout=1, lengths=lengths)
    assert_close(run_ours(data, feeds), run_reference(data, feeds))


@pytest.mark.parametrize("op", GATES)
def test_batch_first_is_the_transposed_problem(op):
    rng = np.random.default_rng(4)
    one, feeds = model(op, rng, steps=6, batch=3, width=5, hidden=18, direction="bidirectional", states=False, layout=1)
    rng = np.random.default_rng(4)
    two, _ = model(op, rng, steps=6, batch=3, width=5, hidden=18, direction="bidirectional", states=False)
    ours = run_ours(one, feeds)
    theirs = run_ours(two, {"X": np.ascontiguousarray(feeds["X"].transpose(1, 0, 2))})
    np.testing.assert_allclose(ours[0], theirs[0].transpose(2, 0, 1, 3), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours[1], theirs[1].transpose(1, 0, 2), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("op", GATES)
def test_sequences_without_steps(op):
    rng = np.random.default_rng(5)
    data, feeds = model(op, rng, steps=4, batch=3, width=5, hidden=7, lengths=[0, 4, 2])
    ours = run_ours(data, feeds)
    assert_close(ours, run_reference(data, feeds))
    assert not ours[0][:, :, 0].any() and not ours[1][:, 0].any()
    assert ours[1][:, 1:].all()


@pytest.mark.parametrize("steps, batch", [(0, 3), (4, 0), (0, 0)])
@pytest.mark.parametrize("op", GATES)
def test_nothing_to_do(op, steps, batch):
    rng = np.random.default_rng(6)
    data, feeds = model(op, rng, steps=steps, batch=batch, width=5, hidden=7, dynamic=True)
    assert_close(run_ours(data, feeds), run_reference(data, feeds))


@pytest.mark.parametrize("coupled", [0, 1])
@pytest.mark.parametrize("clip", [0.0, 0.4])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_lstm_with_coupled_gates(direction, clip, coupled):
    rng = np.random.default_rng(7)
    attributes = {"clip": clip} if clip else {}
    data, feeds = model("LSTM", rng, steps=6, batch=4, width=11, hidden=19, direction=direction, peepholes=True,
                        input_forget=coupled, **attributes)  # fmt: skip
    assert_close(run_ours(data, feeds), run_reference(data, feeds))


@pytest.mark.parametrize("op, want", [("LSTM", [0]), ("LSTM", [1]), ("LSTM", [2]), ("LSTM", [0, 2]), ("LSTM", [1, 2]),
                                      ("GRU", [0]), ("GRU", [1]), ("RNN", [0]), ("RNN", [1])])  # fmt: skip
def test_only_the_outputs_that_are_asked_for(op, want):
    rng = np.random.default_rng(8)
    check(*model(op, rng, steps=5, batch=2, width=6, hidden=10, direction="bidirectional", want=want))


@pytest.mark.parametrize("activation, numbers", [("HardSigmoid", {"activation_alpha": [0.3], "activation_beta": [0.4]}),
                                                 ("leakyrelu", {"activation_alpha": [0.2]}),
                                                 ("ScaledTanh", {}), ("Affine", {})])  # fmt: skip
def test_activations_with_numbers(activation, numbers):
    rng = np.random.default_rng(9)
    data, feeds = model("RNN", rng, steps=5, batch=2, width=6, hidden=10, activations=[activation], **numbers)
    assert_close(run_ours(data, feeds), run_reference(data, feeds))


def test_lengths_beyond_the_sequence_are_refused():
    rng = np.random.default_rng(10)
    data, feeds = model("GRU", rng, steps=3, batch=2, width=4, hidden=5, lengths=[3, 4])
    session = ort.InferenceSession(data, providers=["OpenVINOExecutionProvider"])
    with pytest.raises(Exception, match="a sequence of 4 steps in 3"):
        session.run(None, feeds)


def test_new_shapes_in_one_session():
    rng = np.random.default_rng(11)
    data, feeds = model("LSTM", rng, steps=3, batch=2, width=4, hidden=33, states=False, dynamic=True)
    ours = ort.InferenceSession(data, providers=["OpenVINOExecutionProvider"])
    peer = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for steps, batch in [(3, 2), (9, 1), (1, 7), (3, 2)]:
        feeds = {"X": rows_of(rng, steps, batch, 4)}
        assert_close(ours.run(None, feeds), peer.run(None, feeds))
