"""One session under load from Python: threads, run_async and terminate at random times; the profile of such runs."""

import collections
import json
import random
import threading

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oriel import ort

LAYERS = 6
WIDTH = 48


def layered_model():
    """LAYERS of MatMul, Add and Tanh on [batch, WIDTH], every node named."""
    rng = np.random.default_rng(1)
    nodes, weights = [], []
    for i in range(LAYERS):
        weights += [
            numpy_helper.from_array(rng.standard_normal((WIDTH, WIDTH)).astype(np.float32) * 0.2, f"w{i}"),
            numpy_helper.from_array(rng.standard_normal(WIDTH).astype(np.float32), f"b{i}"),
        ]
        nodes += [
            helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"m{i}"], name=f"layer{i}/product"),
            helper.make_node("Add", [f"m{i}", f"b{i}"], [f"a{i}"], name=f"layer{i}/bias"),
            helper.make_node("Tanh", [f"a{i}"], [f"x{i + 1}"], name=f"layer{i}/tanh"),
        ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["batch", WIDTH])],
        [helper.make_tensor_value_info(f"x{LAYERS}", TensorProto.FLOAT, ["batch", WIDTH])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(scope="module")
def model():
    return layered_model()


@pytest.fixture(scope="module")
def known(model):
    """Inputs of several batch sizes, each with its result."""
    session = ort.InferenceSession(model)
    rng = np.random.default_rng(2)
    inputs = [rng.standard_normal((batch, WIDTH)).astype(np.float32) for batch in (1, 3, 40, 200, 513)]
    return [(x, session.run(None, {"x0": x})[0]) for x in inputs]


def in_threads(count, work):
    """Calls work(number) on `count` threads; raises what any of them raised."""
    errors = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
        assert not t.is_alive()
    if errors:
        raise errors[0]


def test_runs_and_terminations_from_many_threads(model, known):
    session = ort.InferenceSession(model)
    outcomes = collections.Counter()
    lock = threading.Lock()
    open_options = []
    over = threading.Event()

    def terminate_some():
        chance = random.Random(5)
        while not over.wait(chance.random() * 0.002):
            with lock:
                if open_options:
                    chance.choice(open_options).terminate = True

    def work(number):
        chance = random.Random(number)
        for _ in range(60):
            x, want = chance.choice(known)
            options = ort.RunOptions()
            with lock:
                open_options.append(options)
            try:
                np.testing.assert_array_equal(session.run(None, {"x0": x}, options)[0], want)
                outcome = "right"
            except ort.Fail as error:
                assert "terminate" in str(error)
                assert options.terminate
                outcome = "terminated"
            with lock:
                open_options.remove(options)
                outcomes[outcome] += 1

    helper_thread = threading.Thread(target=terminate_some)
    helper_thread.start()
    try:
        in_threads(8, work)
    finally:
        over.set()
        helper_thread.join()
    assert sum(outcomes.values()) == 8 * 60 and outcomes["right"] > 0
    for x, want in known:
        np.testing.assert_array_equal(session.run(None, {"x0": x})[0], want)


def test_run_async_and_terminations_from_many_threads(model, known):
    session = ort.InferenceSession(model)
    finished = threading.Semaphore(0)
    lock = threading.Lock()
    wrong = []

    def callback(results, user_data, error):
        want, options = user_data
        with lock:
            if error:
                if "terminate" not in error or not options.terminate or len(results) != 0:
                    wrong.append(error)
            elif not np.array_equal(results[0], want):
                wrong.append("another result")
        finished.release()

    def work(number):
        chance = random.Random(100 + number)
        for _ in range(40):
            x, want = chance.choice(known)
            options = ort.RunOptions()
            session.run_async(None, {"x0": x}, callback, (want, options), options)
            if chance.random() < 0.3:
                options.terminate = True

    in_threads(6, work)
    for _ in range(6 * 40):
        assert finished.acquire(timeout=60)
    assert wrong == []


def test_profile_of_overlapping_runs_has_the_original_nodes(model, known, tmp_path):
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "load")
    session = ort.InferenceSession(model, options)
    runs = 5 * 20

    def work(number):
        chance = random.Random(number)
        for _ in range(20):
            x, want = chance.choice(known)
            np.testing.assert_array_equal(session.run(None, {"x0": x})[0], want)

    in_threads(5, work)
    with open(session.end_profiling(), encoding="utf-8") as file:
        events = json.load(file)
    assert [e["ts"] for e in events] == sorted(e["ts"] for e in events)
    assert len({e["tid"] for e in events if e["cat"] == "Node"}) > 1
    counts = collections.Counter(origin for e in events if e["cat"] == "Node" for origin in e["args"]["origins"])
    names = {f"layer{i}/{part}" for i in range(LAYERS) for part in ("product", "bias", "tanh")}
    assert counts == dict.fromkeys(names, runs)
    assert sum(e["name"] == "model_run" for e in events) == runs
    for event in events:
        if event["cat"] == "Node":
            assert event["name"] == "+".join(event["args"]["origins"]) + "_kernel_time"
