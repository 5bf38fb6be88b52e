"""Models and fixtures of the tests whose programs run on oriel.ort and on onnxruntime."""

import numpy as np
import pytest
from onnx import helper, numpy_helper

from oriel import ort

CPU = ["CPUExecutionProvider"]
info = helper.make_tensor_value_info


@pytest.fixture(params=["oriel", "onnxruntime"])
def api(request):
    """Each module in turn."""
    return ort if request.param == "oriel" else pytest.importorskip("onnxruntime")


@pytest.fixture
def state(api):
    """The module of inner names."""
    if api is ort:
        return ort.state
    from onnxruntime.capi import onnxruntime_pybind11_state

    return onnxruntime_pybind11_state


def build(nodes, inputs, outputs, initializers=(), opset=17, metadata=None):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()


def mul_model(**more):
    """Y [n, 2] = X * [[1, 2]]."""
    weights = numpy_helper.from_array(np.array([[1, 2]], np.float32), "W")
    node = helper.make_node("Mul", ["X", "W"], ["Y"], name="times")
    return build([node], [info("X", 1, ["n", 2])], [info("Y", 1, ["n", 2])], [weights], **more)


def identity_model(kind, shape=None, opset=21):
    node = helper.make_node("Identity", ["X"], ["Y"])
    return build([node], [info("X", kind, shape)], [info("Y", kind, shape)], opset=opset)


def adapter_model():
    """Y = X + X @ A, where A may be given and is zero otherwise."""
    nodes = [helper.make_node("MatMul", ["X", "A"], ["t"]), helper.make_node("Add", ["X", "t"], ["Y"])]
    zeros = numpy_helper.from_array(np.zeros((2, 2), np.float32), "A")
    inputs = [info("X", 1, [2, 2]), info("A", 1, ["r", "k"])]
    return build(nodes, inputs, [info("Y", 1, [2, 2])], [zeros])


def open_session(api, model, options=None, **more):
    return api.InferenceSession(model, options, providers=CPU, **more)


@pytest.fixture
def x():
    return np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture
def y(x):
    return x * np.array([[1, 2]], np.float32)


@pytest.fixture
def session(api):
    return open_session(api, mul_model())
