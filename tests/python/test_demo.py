"""The digits demo and its model: what it prints and saves, what it says to wrong input."""

import os
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image


@pytest.fixture
def demo(root, tmp_path):
    """Runs the demo in an empty folder; returns (exit status, stdout, stderr)."""

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, root / "examples" / "digits" / "demo.py", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def colour_model(tmp_path):
    """Returns a function that writes a classifier whose scores are the means of the channels, times ten."""

    def write(layout="NCHW", element=TensorProto.FLOAT, channels=3, size=32):
        shape = ["n", channels, size, size] if layout == "NCHW" else ["n", size, size, channels]
        axes = [2, 3] if layout == "NCHW" else [1, 2]
        nodes = [
            helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["float"], ["mean"], axes=axes, keepdims=0),
            helper.make_node("Mul", ["mean", "ten"], ["scores"]),
        ]
        graph = helper.make_graph(
            nodes,
            "colour",
            [helper.make_tensor_value_info("image", element, shape)],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", channels])],
            [helper.make_tensor("ten", TensorProto.FLOAT, [], [10.0])],
        )
        path = tmp_path / f"colour{channels}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
        return path

    return write


@pytest.fixture
def blue_picture(tmp_path):
    path = tmp_path / "blue.png"
    Image.new("RGB", (50, 40), (10, 20, 250)).save(path)
    return path


@pytest.fixture
def colour_labels(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("red\ngreen\nblue\n")
    return path


def test_model_is_what_the_demo_needs(digits_model):
    model = onnx.load(digits_model)
    onnx.checker.check_model(model, full_check=True)
    operators = {node.op_type for node in model.graph.node}
    assert {"Conv", "BatchNormalization", "MaxPool", "Add"} <= operators
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_digits_are_classified(demo, tmp_path):
    status, out, err = demo()
    assert status == 0, err
    accuracy = float(re.search(r"accuracy on all 360 held-back images: ([\d.]+)%", out).group(1))
    assert accuracy > 97
    assert len(re.findall(r"^held back #\d+ .*ms$", out, re.MULTILINE)) == 16
    assert "OpenVINOExecutionProvider" in out
    with Image.open(tmp_path / "out" / "digits.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 20)}
    assert (0x1A, 0x96, 0x41) in colours


def test_digits_agree_with_the_reference(digits_model, digits, reference):
    from oriel import ort

    images, _ = digits
    session = ort.InferenceSession(
        str(digits_model),
        providers=["OpenVINOExecutionProvider", "CPUExecutionProvider"],
        provider_options=[{"device_type": "CPU"}, {}],
    )
    for batch in (1, 7, len(images)):
        (expected,) = reference(digits_model).run(None, {"image": images[:batch]})
        (computed,) = session.run(None, {"image": images[:batch]})
        np.testing.assert_allclose(computed, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("element", [TensorProto.FLOAT, TensorProto.UINT8])
def test_own_classifier(demo, colour_model, blue_picture, colour_labels, layout, element):
    model = colour_model(layout, element)
    status, out, err = demo("--model", model, "--image", blue_picture, "--labels", colour_labels, "--top", 2)
    assert status == 0, err
    assert f"{layout} 32 x 32" in out
    ranks = re.findall(r"^ +(\d)  (\w+) ", out, re.MULTILINE)
    assert ranks == [("1", "blue"), ("2", "green")]


def test_own_classifier_swaps_channels(demo, colour_model, blue_picture, colour_labels):
    status, out, err = demo("--model", colour_model(), "--image", blue_picture, "--labels", colour_labels, "--bgr")
    assert status == 0, err
    assert re.search(r"^ +1  red ", out, re.MULTILINE)


def test_wrong_input_is_one_line(demo, colour_model, blue_picture, colour_labels, tmp_path):
    model = colour_model()
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    two_labels = tmp_path / "two.txt"
    two_labels.write_text("red\ngreen\n")
    cases = [
        (("--model", tmp_path / "absent.onnx", "--image", blue_picture), "absent.onnx: no such file"),
        (("--model", text, "--image", blue_picture), "text.png"),
        (("--model", model, "--image", tmp_path / "absent.jpg"), "absent.jpg: no such file"),
        (("--model", model, "--image", text), "text.png: not a picture"),
        (("--model", model, "--image", tmp_path), "Is a directory"),
        (
            ("--model", model, "--image", blue_picture, "--labels", two_labels),
            "2 labels, but output scores has 3 classes",
        ),
        (("--model", model, "--image", blue_picture, "--labels", tmp_path / "absent"), "no such file"),
        (("--model", model, "--image", blue_picture, "--labels", blue_picture), "not UTF-8 text"),
        (("--model", colour_model(channels=5), "--image", blue_picture), "5 channels"),
        (("--model", model), "--model and --image belong together"),
        (("--count", "0"), "above 0"),
    ]
    for arguments, expected in cases:
        status, out, err = demo(*arguments)
        assert status != 0, arguments
        assert out == "", arguments
        assert expected in err and len(err.splitlines()) == 1, (arguments, err)
