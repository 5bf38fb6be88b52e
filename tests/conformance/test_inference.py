"""Shapes that loading infers, on the standard's cases with all their tensors made constants: they equal those of the results,
but where no operand's shape or small list of integers decides them."""

import os

import cases as case_library
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

# Operators that leave extents open, and what tells them.
OPEN = {
    "ConcatFromSequence": "the length of a sequence",
    "If": "which branch runs",
    "ImageDecoder": "the image",
    "Loop": "the iterations that run",
    "NonMaxSuppression": "the boxes",
    "NonZero": "the elements",
    "Range": "floats that other operators compute",
    "SequenceAt": "the element of a sequence",
    "StringNormalizer": "the words that are left",
    "StringSplit": "the longest list of words",
    "Unique": "the elements",
}


def with_constants(model, inputs):
    """The model with its tensors as initializers, and without what it says of its outputs' shapes."""
    model = onnx.ModelProto.FromString(model)
    # Older versions want every initializer among the inputs.
    model.ir_version = max(model.ir_version, 4)
    graph = model.graph
    held = {t.name for t in graph.initializer}
    free = [i for i in graph.input if i.name not in held]
    tensors = {i.name: v for i, v in zip(free, inputs) if isinstance(v, np.ndarray)}
    graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in tensors.items())
    kept = [i for i in graph.input if i.name not in tensors]
    del graph.input[:], graph.value_info[:]
    graph.input.extend(kept)
    for output in graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")
    return model


def operators(graph):
    """The names of all operators, those of bodies included."""
    names = set()
    for node in graph.node:
        names.add(node.op_type)
        for attribute in node.attribute:
            names |= operators(attribute.g)
    return names


def agrees(inferred, shape, exact):
    """Whether a session's shape, [] where the rank is open too, fits a result's."""
    if exact or not inferred:
        return not exact or list(inferred) == list(shape)
    return len(inferred) == len(shape) and all(not isinstance(a, int) or a == b for a, b in zip(inferred, shape))


@pytest.mark.skipif(os.environ.get("ORIEL_TEST_ENGINE", "oriel") != "oriel", reason="about Oriel's own inference")
@pytest.mark.parametrize("kind", [k for k in case_library.KINDS if k != "real"])
def test_shapes_equal_the_results(kind):
    from oriel import ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    wrong, outputs, exact = [], 0, 0
    for case in case_library.load_cases((kind,)):
        model, [(inputs, expected), *_] = case.load()
        model = with_constants(model, inputs)
        decided = not operators(model.graph) & set(OPEN)
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        for output, value in zip(session.get_outputs(), expected):
            if not isinstance(value, np.ndarray):
                continue
            outputs += 1
            exact += output.shape == list(value.shape)
            if not agrees(output.shape, value.shape, decided):
                wrong.append(f"{case.name}: {output.name} is {output.shape}, computed {list(value.shape)}")
    assert not wrong, "\n".join(wrong)
    assert exact > 0.6 * outputs


def test_wrong_shapes_are_seen():
    assert agrees([2, 3], (2, 3), True) and not agrees([2, None], (2, 3), True) and not agrees([], (2, 3), True)
    assert agrees([2, None], (2, 3), False) and agrees([], (2, 3), False)
    assert not agrees([3, None], (2, 3), False) and not agrees([2], (2, 3), False)
