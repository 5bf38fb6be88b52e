#!/usr/bin/env python3
"""Writes the small models of the compatibility package's onnxruntime.datasets. Needs the onnx package."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).resolve().parents[1] / "python" / "oriel" / "compat" / "shim" / "onnxruntime" / "datasets"

# Mean petal length and width of setosa, versicolor and virginica in centimetres.
IRIS_MEANS = np.array([[1.46, 0.25], [4.26, 1.33], [5.55, 2.03]])


def tensor(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def mul():
    """Y = X * [[1, 2], [3, 4], [5, 6]]."""
    weights = numpy_helper.from_array(np.arange(1, 7, dtype=np.float32).reshape(3, 2), "W")
    return helper.make_graph(
        [helper.make_node("Mul", ["X", "W"], ["Y"], name="mul_1")],
        "mul",
        [tensor("X", TensorProto.FLOAT, [3, 2])],
        [tensor("Y", TensorProto.FLOAT, [3, 2])],
        [weights],
    )


def sigmoid():
    """y = sigmoid(x)."""
    shape = [3, 4, 5]
    return helper.make_graph(
        [helper.make_node("Sigmoid", ["x"], ["y"])],
        "sigmoid",
        [tensor("x", TensorProto.FLOAT, shape)],
        [tensor("y", TensorProto.FLOAT, shape)],
    )


def iris():
    """Label and probabilities of an iris by its petals: the class whose mean is nearest, softly."""
    nodes = [
        helper.make_node(
            "LinearClassifier",
            ["float_input"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            coefficients=(2 * IRIS_MEANS).ravel().tolist(),
            intercepts=(-(IRIS_MEANS**2).sum(axis=1)).tolist(),
            classlabels_ints=[0, 1, 2],
            multi_class=1,
            post_transform="SOFTMAX",
        ),
        helper.make_node("Normalizer", ["scores"], ["normalized"], domain="ai.onnx.ml", norm="L1"),
        helper.make_node(
            "ZipMap", ["normalized"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2]
        ),
    ]
    row = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    outputs = [
        tensor("label", TensorProto.INT64, [3]),
        helper.make_value_info("probabilities", helper.make_sequence_type_proto(row)),
    ]
    return helper.make_graph(nodes, "iris", [tensor("float_input", TensorProto.FLOAT, [3, 2])], outputs)


def main():
    for name, graph in (("mul_1", mul()), ("sigmoid", sigmoid()), ("logreg_iris", iris())):
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 1)]
        onnx.save(
            helper.make_model(graph, opset_imports=opsets, ir_version=7, producer_name="oriel"), FOLDER / f"{name}.onnx"
        )


if __name__ == "__main__":
    main()
