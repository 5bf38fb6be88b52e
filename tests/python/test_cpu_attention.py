"""The operator Attention on the CPU device against the reference device."""

import numpy as np
import pytest
from onnx import TensorProto, helper

import oriel.ort as ort

TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.bool_): TensorProto.BOOL, np.dtype(np.int64): TensorProto.INT64}
NAMES = ["q", "k", "v", "mask", "past_key", "past_value", "valid"]


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def both(feeds, outputs, **attributes):
    """Results of the CPU device, which has to take the node, and of the reference device."""
    given = [n if n in feeds else "" for n in NAMES]
    while not given[-1]:
        given.pop()
    node = helper.make_node("Attention", given, [f"y{i}" for i in range(outputs)], **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(n, TYPES[x.dtype], [f"{n}{i}" for i in range(x.ndim)]) for n, x in feeds.items()],
        [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, None) for i in range(outputs)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)])
    model.ir_version = 10
    options = ort.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    fast = ort.InferenceSession(model.SerializeToString(), options, providers=["OpenVINOExecutionProvider"])
    slow = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"], provider_options=[{"device": "REFERENCE"}])
    return fast.run(None, feeds), slow.run(None, feeds)


def check(feeds, outputs=1, **attributes):
    got, want = both(feeds, outputs, **attributes)
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape
        np.testing.assert_allclose(g, w, rtol=2e-5, atol=2e-5)


def operands(batch=2, heads=4, kv_heads=4, queries=5, keys=7, size=8, value_size=8):
    return {
        "q": random(batch, heads, queries, size),
        "k": random(batch, kv_heads, keys, size, seed=1),
        "v": random(batch, kv_heads, keys, value_size, seed=2),
    }


@pytest.mark.parametrize("attributes", [{}, {"scale": 0.3}, {"softcap": 1.5}, {"is_causal": 1}, {"left_window_size": 2, "right_window_size": 0}])
@pytest.mark.parametrize("sizes", [{}, {"kv_heads": 2}, {"kv_heads": 1, "value_size": 3}, {"queries": 1, "keys": 400}, {"queries": 130, "keys": 33, "size": 5}])
def test_attributes_and_sizes(attributes, sizes):
    check(operands(**sizes), **attributes)


@pytest.mark.parametrize("shape", [(2, 4, 5, 7), (2, 1, 5, 7), (1, 4, 1, 7), (5, 7), (7,), (5, 4)])
@pytest.mark.parametrize("kind", [np.float32, np.bool_])
def test_masks(shape, kind):
    mask = random(*shape, seed=3)
    check({**operands(), "mask": mask if kind == np.float32 else mask > -0.3})


def test_rows_without_visible_keys_give_zeros():
    mask = np.ones((5, 7), bool)
    mask[2] = False
    check({**operands(), "mask": mask})


@pytest.mark.parametrize("outputs", [1, 3])
def test_caches(outputs):
    past = {"past_key": random(2, 2, 6, 8, seed=4), "past_value": random(2, 2, 6, 8, seed=5)}
    check({**operands(kv_heads=2), **past}, outputs, is_causal=1)
    check({**operands(kv_heads=2), **{n: x[:, :, :0] for n, x in past.items()}}, outputs)


def test_lengths_of_each_batch_entry():
    check({**operands(), "valid": np.array([3, 7])})


def test_packed_heads():
    feeds = {"q": random(2, 5, 32), "k": random(2, 7, 16, seed=1), "v": random(2, 7, 12, seed=2)}
    check(feeds, q_num_heads=4, kv_num_heads=2)
    check(feeds, 3, q_num_heads=4, kv_num_heads=2)


@pytest.mark.parametrize("empty", ["batch", "queries", "keys"])
def test_empty_operands(empty):
    check(operands(**{empty: 0}))


def test_what_the_kernel_lacks_is_declined():
    with pytest.raises(Exception, match="right_window_size is 3"):
        both(operands(), 1, right_window_size=3)
    with pytest.raises(Exception, match="nonpad_kv_seqlen with causal"):
        both({**operands(), "valid": np.array([3, 7])}, 1, is_causal=1)
