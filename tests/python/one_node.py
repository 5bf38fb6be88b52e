"""Models of a single node, and the comparison of their results with another runtime's."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

import oriel.ort as ort

OPSETS = {"": 21, "com.microsoft": 1, "ai.onnx.ml": 4}


def element_type(array):
    if array.dtype.kind in "OU":
        return onnx.TensorProto.STRING
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def one_node(op, inputs, domain="", outputs=1, constants=(), opsets=None, **attributes):
    """A model of one call of `op`, as (bytes, feeds).

    `inputs` maps names to arrays (None omits an operand); those named in `constants` are initializers.
    """
    names = [name if value is not None else "" for name, value in inputs.items()]
    given = {name: np.asarray(value) for name, value in inputs.items() if value is not None}
    results = [f"out{i}" for i in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(op, names, results, domain=domain, name="node", **attributes)],
        "one_node",
        [helper.make_tensor_value_info(n, element_type(v), v.shape) for n, v in given.items() if n not in constants],
        [onnx.ValueInfoProto(name=r) for r in results],
        [numpy_helper.from_array(v, n) for n, v in given.items() if n in constants],
    )
    imports = [helper.make_opsetid(d, v) for d, v in {**OPSETS, **(opsets or {})}.items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    return model.SerializeToString(), {n: v for n, v in given.items() if n not in constants}


def against_reference(op, inputs, tolerance=0.0, **rest):
    """Runs one node on the CPU device's kernels, all of it, and on the reference device; compares with assert_same."""
    model, feeds = one_node(op, inputs, **rest)
    ours = ort.InferenceSession(model, providers=["OpenVINOExecutionProvider"])
    assert all(step["device"] == "CPU" for step in ours._session.steps())
    exact = ort.InferenceSession(model, providers=["CPUExecutionProvider"], provider_options=[{"device": "REFERENCE"}])
    assert_same(ours.run(None, feeds), exact.run(None, feeds), tolerance)


def assert_same(ours, theirs, tolerance=0.0):
    """Equal types, shapes and values; floats within `tolerance` of the largest magnitude."""
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            assert_same(a, b, tolerance)
        return
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=1e-5, atol=tolerance)
        return
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if theirs.dtype.kind == "f":
        finite = np.abs(theirs[np.isfinite(theirs)]).astype(np.float64)
        bound = tolerance * max(finite.max(initial=0.0), 1e-30)
        np.testing.assert_allclose(ours.astype(np.float64), theirs.astype(np.float64), rtol=0, atol=bound)
    else:
        np.testing.assert_array_equal(ours, theirs)
