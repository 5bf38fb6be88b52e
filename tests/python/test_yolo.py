"""The YOLO example: heads told apart and decoded, boxes as onnxruntime's session gives them, a picture drawn."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("PIL")
from PIL import Image  # noqa: E402

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "yolo"
sys.path.insert(0, str(EXAMPLE))
import detect  # noqa: E402
import heads  # noqa: E402

SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
SIZE = (64, 96)
CELLS = 8 * 12 + 4 * 6 + 2 * 3


@pytest.fixture
def picture():
    """A dark picture with two bright rectangles."""
    pixels = np.zeros((80, 200, 3), np.uint8)
    pixels[10:50, 20:90] = (250, 40, 40)
    pixels[30:70, 120:180] = (40, 40, 250)
    return Image.fromarray(pixels)


def network(tail, output_shape, seed=0, channels_last=False):
    """Bytes of a small convolutional network over [1, 3, *SIZE] that ends in a grid [1, 12, 8, 12], then `tail`."""
    rng = np.random.default_rng(seed)
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.2, (8, 3, 3, 3)).astype(np.float32), "w1"),
        numpy_helper.from_array(rng.normal(0, 0.2, (12, 8, 3, 3)).astype(np.float32), "w2"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["c", "w2"], ["grid"], strides=[2, 2], pads=[1, 1, 1, 1]),
    ]
    more, initializers = tail
    graph = helper.make_graph(
        nodes + more,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, *SIZE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output_shape)],
        weights + initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def flat_tail(rows, columns, transposed):
    """The grid's 1152 values through a matrix into [1, rows, columns], or [1, columns, rows]."""
    rng = np.random.default_rng(3)
    matrix = numpy_helper.from_array(rng.normal(0, 0.05, (1152, rows * columns)).astype(np.float32), "m")
    shape = numpy_helper.from_array(np.array([1, rows, columns], np.int64), "s")
    nodes = [
        helper.make_node("Flatten", ["grid"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["p"]),
        helper.make_node("Sigmoid", ["p"], ["q"]),
        helper.make_node("Reshape", ["q", "s"], ["y" if not transposed else "r"]),
    ]
    if transposed:
        nodes.append(helper.make_node("Transpose", ["r"], ["y"], perm=[0, 2, 1]))
    return nodes, [matrix, shape]


NETWORKS = {
    "yolox": lambda: network(flat_tail(CELLS, 8, False), [1, CELLS, 8]),
    "v5": lambda: network(flat_tail(3 * CELLS, 8, False), [1, 3 * CELLS, 8]),
    "v8": lambda: network(flat_tail(CELLS, 7, True), [1, 7, CELLS]),
}


@pytest.mark.parametrize("family", NETWORKS)
def test_boxes_are_those_of_onnxruntime(family, picture, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "net.onnx"
    path.write_bytes(NETWORKS[family]())
    own = detect.Detector(path)
    peer = detect.Detector(path, onnxruntime, ["CPUExecutionProvider"])
    assert own.family == peer.family == family and own.size == SIZE
    mine, theirs = own.detect(picture, 0.2, 0.45), peer.detect(picture, 0.2, 0.45)
    assert len(theirs[0]) > 0
    for one, other in zip(mine, theirs):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_families():
    fine = CELLS
    assert heads.family_of([[1, fine, 85]], SIZE) == "yolox"
    assert heads.family_of([[1, 3 * fine, 85]], SIZE) == "v5"
    assert heads.family_of([[1, 84, fine]], SIZE) == "v8"
    assert heads.family_of([["n", 125, "h", "w"]], SIZE) == "v2"
    assert heads.family_of([[1, 8, 12, 3, 85]] * 3, SIZE) == "v4"
    assert heads.family_of([[1, "n", 4], [1, 80, "n"], ["k", 3]], SIZE) == "selected"
    assert heads.family_of([["n", 7]], SIZE) == "end2end"
    for other in ([[1, 1000]], [[1, 17, 85]], [[1, 2], [3, 4]]):
        assert heads.family_of(other, SIZE) is None


def test_yolox_decoding():
    output = np.zeros((1, CELLS, 7), np.float32)
    cell = 3 * 12 + 5  # row 3, column 5 of the finest grid
    output[0, cell] = [0.5, 0.25, np.log(2), np.log(4), 0.9, 0.1, 0.8]
    boxes, scores = heads.decode_yolox(output, SIZE)
    np.testing.assert_allclose(boxes[cell], [44 - 8, 26 - 16, 44 + 8, 26 + 16])
    np.testing.assert_allclose(scores[cell], [0.09, 0.72], rtol=1e-6)
    chosen = heads.select(boxes, scores, 0.5, 0.5)
    assert chosen[2].tolist() == [1] and chosen[1][0] == pytest.approx(0.72)


def test_v2_and_v4_decoding():
    grid = np.zeros((1, 5 * 7, 2, 3), np.float32)
    boxes, scores = heads.decode_v2(grid, SIZE)
    assert boxes.shape == (30, 4) and scores.shape == (30, 2)
    np.testing.assert_allclose((boxes[0, :2] + boxes[0, 2:]) / 2, [16, 16])
    np.testing.assert_allclose(boxes[0, 2:] - boxes[0, :2], heads.ANCHORS_V2[0] * 32)
    np.testing.assert_allclose(scores, 0.25)
    grids = [np.zeros((1, SIZE[0] // s, SIZE[1] // s, 3, 7), np.float32) for s in heads.STRIDES]
    boxes, scores = heads.decode_v4(grids, SIZE)
    assert boxes.shape == (3 * CELLS, 4) and scores.shape == (3 * CELLS, 2)
    np.testing.assert_allclose((boxes[1, :2] + boxes[1, 2:]) / 2, [4, 4])
    np.testing.assert_allclose(boxes[1, 2:] - boxes[1, :2], heads.ANCHORS_V4[0, 1])


def test_suppression_is_by_class():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 10, 10], [50, 50, 60, 60]], float)
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert heads.non_maximum_suppression(boxes, scores, np.array([0, 0, 1, 0]), 0.5) == [0, 2, 3]
    assert heads.non_maximum_suppression(boxes[:0], scores[:0], np.zeros(0, int), 0.5) == []


def test_margins_are_taken_off(picture, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(NETWORKS["v8"]())
    batch, scale, margin = detect.Detector(path).prepare(picture)
    assert batch.shape == (1, 3, *SIZE) and batch.dtype == np.float32
    assert scale == pytest.approx(0.48) and margin == (0, 13)
    assert batch[0, :, 0, 0] == pytest.approx(114 / 255)
    assert batch[0, 0, 13 + 12, 20] > 0.9 and batch[0, 2, 13 + 12, 20] < 0.3


def test_command(picture, tmp_path, monkeypatch):
    (tmp_path / "net.onnx").write_bytes(NETWORKS["v5"]())
    picture.save(tmp_path / "in.png")
    arguments = [
        str(tmp_path / "net.onnx"),
        str(tmp_path / "in.png"),
        "-o",
        str(tmp_path / "out.png"),
        "--threshold",
        "0.2",
    ]
    assert detect.main(arguments) == 0
    with Image.open(tmp_path / "out.png") as drawn:
        assert drawn.size == picture.size and drawn.format == "PNG"
        assert not np.array_equal(np.asarray(drawn.convert("RGB")), np.asarray(picture))
    assert detect.main([str(tmp_path / "absent.onnx"), *arguments[1:]]) == 1
    assert detect.main([arguments[0], str(tmp_path / "absent.png")]) == 1
    (tmp_path / "labels.txt").write_text("one\ntwo\nthree\n")
    assert detect.main([*arguments, "--labels", str(tmp_path / "labels.txt")]) == 0


def test_script_runs_by_itself(tmp_path):
    import oriel

    home = str(Path(oriel.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "detect.py"), "--help"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": home, "PATH": ""},
    )
    assert done.returncode == 0 and "YOLO" in done.stdout


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/models")
def test_the_dog_is_found(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model, image = SHARED / "real" / "yolox_nano.onnx", detect.open_picture(SHARED / "inputs" / "dog.jpg")
    boxes, scores, classes = detect.Detector(model).detect(image, 0.4, 0.45)
    assert detect.COCO[classes[0]] == "dog" and scores[0] > 0.8
    theirs = detect.Detector(model, onnxruntime, ["CPUExecutionProvider"]).detect(image, 0.4, 0.45)
    np.testing.assert_array_equal(classes, theirs[2])
    np.testing.assert_allclose(boxes, theirs[0], atol=0.5)
    np.testing.assert_allclose(scores, theirs[1], atol=1e-3)
