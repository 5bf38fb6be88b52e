"""Small models for examples: mul_1.onnx, sigmoid.onnx, logreg_iris.onnx."""

import os


def get_example(name):
    """The path of an example; FileNotFoundError where there is none of that name."""
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), name)
    if not os.path.exists(path):
        raise FileNotFoundError(f"Unable to find example '{name}'")
    return path
