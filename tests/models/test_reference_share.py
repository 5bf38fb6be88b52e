"""No operator outside reference_steps.txt runs on the reference device in the models of ../shared; skipped without them."""

import os

import compare
import pytest
import reference_share
from test_models import MODELS


def test_the_list_is_short_and_gives_reasons():
    listed = reference_share.allowed()
    assert len(listed) <= reference_share.MOST_TYPES
    assert all(len(reason) > 10 for reason in listed.values())


@pytest.mark.skipif(not MODELS, reason="../shared/models is not there")
@pytest.mark.parametrize("path", MODELS, ids=lambda p: os.path.basename(p)[:-5])
def test_reference_steps(path):
    try:
        found = reference_share.problems(path)
    except Exception as error:
        # Whether a model loads is what test_models.py tests.
        pytest.skip(f"does not load: {error}")
    assert not found


@pytest.mark.skipif(not MODELS, reason="../shared/models is not there")
def test_listed_types_are_still_seen():
    """A type that no model needs any more leaves the list."""
    seen = set()
    for path in MODELS:
        try:
            seen |= set(reference_share.reference_types(path))
        except Exception:
            continue
    assert set(reference_share.allowed()) <= seen


def test_steps_outside_the_list_are_found(monkeypatch, tmp_path):
    """The rule itself: the same model passes where the list has its operator, and fails where not."""
    from onnx import TensorProto, helper

    node = helper.make_node("Det", ["x"], ["y"])
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])])
    path = tmp_path / "det.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString())
    monkeypatch.setattr(reference_share, "allowed", dict)
    assert reference_share.problems(str(path)) == ["Det (1 steps) runs on the reference device"]
    monkeypatch.setattr(reference_share, "allowed", lambda: {"Det": "for this test"})
    assert reference_share.problems(str(path)) == []


def test_rows_behind_a_suppression_are_compared_as_a_set():
    import numpy as np

    boxes = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], np.float32)
    scores = np.array([0.5, 0.4999, 0.3], np.float32)
    swapped = [1, 0, 2]
    assert compare.set_difference([boxes[swapped], scores[swapped]], [boxes, scores]) == 0
    assert compare.set_difference([boxes[swapped], scores], [boxes, scores]) > 1e-4
    assert compare.set_difference([boxes[:2], scores[:2]], [boxes, scores]) == float("inf")
    assert compare.set_difference([boxes[[0, 0, 2]], scores[[0, 0, 2]]], [boxes, scores]) > 0.1
