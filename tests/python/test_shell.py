"""The shell `oriel`: every command on small models, its JSON, and one line for whatever is wrong."""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import oriel
from oriel import ort


@pytest.fixture(scope="session")
def program():
    """The shell that belongs to the package under test: of the same build, else beside the interpreter, else on PATH."""
    candidates = [
        Path(oriel.__file__).parents[2] / "bin" / "oriel",
        Path(sys.executable).parent / "oriel",
        shutil.which("oriel"),
    ]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    pytest.fail("there is no program oriel; it is built with ORIEL_BUILD_TOOLS=ON")


@pytest.fixture
def shell(program, tmp_path):
    """Runs the shell in an empty folder; returns the finished process."""

    def run(*arguments, environment=None, **options):
        return subprocess.run(
            [program, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=300,
            **options,
        )

    return run


@pytest.fixture
def asked(shell):
    """Runs a command with --json; returns the document."""

    def run(*arguments, status=0, **options):
        done = shell(*arguments, "--json", **options)
        assert done.returncode == status, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout)

    return run


@pytest.fixture
def passing(tmp_path):
    """Writes a model that hands its inputs on: name -> (element type, shape)."""

    def write(name="passing.onnx", **inputs):
        nodes, given, made = [], [], []
        for key, (element, shape) in inputs.items():
            nodes.append(helper.make_node("Identity", [key], [key + "_out"]))
            given.append(helper.make_tensor_value_info(key, element, shape))
            made.append(helper.make_tensor_value_info(key + "_out", element, shape))
        graph = helper.make_graph(nodes, "passing", given, made)
        path = tmp_path / name
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    return write


@pytest.fixture
def picture(tmp_path, rng):
    """A smooth colour picture, 60 x 40."""
    small = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(small).resize((60, 40), Image.BICUBIC).save(path)
    return path


@pytest.fixture
def digit(digits, tmp_path):
    """The first held-back image as an 8 x 8 gray picture, and its values from 0 to 1."""
    images, _ = digits
    pixels = np.clip(np.round(images[0, 0] * 255), 0, 255).astype(np.uint8)
    path = tmp_path / "digit.png"
    Image.fromarray(pixels).save(path)
    return path, pixels[None, None].astype(np.float32) / 255


# Runs ------------------------------------------------------------------------------------------------------------------


def test_picture_is_classified(shell, asked, digits_model, digit, reference, tmp_path):
    path, values = digit
    (expected,) = reference(digits_model).run(None, {"image": values})
    order = np.argsort(-expected[0], kind="stable")
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"digit {i}\n" for i in range(10)))
    done = shell("run", digits_model, "--input", path, "--labels", labels, "--top", 3)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^ +(\d+)  [\d.e-]+ +(.+)$", done.stdout, re.MULTILINE) == [
        (str(k + 1), f"digit {order[k]}") for k in range(3)
    ]
    assert "f32[1, 1, 8, 8] NCHW, GRAY, x * 0.00392157" in done.stdout

    document = asked("run", digits_model, "--input", path, "--labels", labels, "--top", 3)
    (output,) = document["outputs"]
    assert output["name"] == "probabilities" and output["type"] == "float" and output["shape"] == [1, 10]
    (row,) = output["top"]
    assert [entry["index"] for entry in row] == order[:3].tolist()
    assert [entry["label"] for entry in row] == [f"digit {i}" for i in order[:3]]
    np.testing.assert_allclose([entry["score"] for entry in row], expected[0][order[:3]], atol=1e-5)
    (given,) = document["inputs"]
    assert given["name"] == "image" and given["shape"] == [1, 1, 8, 8] and "GRAY" in given["preprocessing"]
    assert document["latency_ms"]["runs"] == 1 and document["load_ms"] > 0 and document["compile_ms"] > 0


@pytest.mark.parametrize(
    "text",
    ['["a", "b", "c"]', '{"0": "a", "1": "b", "2": "c"}', "{0: 'a',\n 1: \"b\", 2: 'c'}", "a\nb\r\nc\n\n"],
    ids=["json list", "json object", "python dictionary", "lines"],
)
def test_forms_of_labels(asked, passing, tmp_path, text):
    (tmp_path / "labels").write_text(text)
    model = passing(scores=(TensorProto.FLOAT, [1, 3]))
    document = asked("run", model, "--input", "scores=[[1, 3, 2]]", "--labels", "labels")
    assert [entry["label"] for entry in document["outputs"][0]["top"][0]] == ["b", "c", "a"]


def pass_picture(shell, model, picture, *arguments):
    done = shell("run", model, "--input", picture, "--output", "x_out=out.npy", *arguments)
    assert done.returncode == 0, done.stderr
    return np.load(Path(model).parent / "out.npy")


def resized(path, width, height, mode="RGB"):
    return np.asarray(Image.open(path).convert(mode).resize((width, height), Image.BILINEAR), dtype=np.float32)


@pytest.mark.parametrize("size", [(20, 30), (40, 60), (90, 64), (7, 5), (1, 1), (123, 17)])
def test_stretching_agrees_with_pillow(shell, passing, picture, size):
    height, width = size
    model = passing(x=(TensorProto.FLOAT, [1, 3, height, width]))
    made = pass_picture(shell, model, picture)
    expected = resized(picture, width, height).transpose(2, 0, 1)[None] / 255
    assert made.dtype == np.float32 and made.shape == expected.shape
    np.testing.assert_allclose(made, expected, atol=1.6 / 255)


def test_layouts_colours_and_types(shell, passing, picture):
    expected = resized(picture, 30, 20)
    nhwc = passing("nhwc.onnx", x=(TensorProto.FLOAT, ["n", 20, 30, 3]))
    np.testing.assert_allclose(pass_picture(shell, nhwc, picture)[0], expected / 255, atol=1.6 / 255)
    made = pass_picture(shell, nhwc, picture, "--color", "BGR", "--scale", 1)
    np.testing.assert_allclose(made[0], expected[..., ::-1], atol=1.6)
    chw = passing("chw.onnx", x=(TensorProto.UINT8, [3, 20, 30]))
    made = pass_picture(shell, chw, picture)
    assert made.dtype == np.uint8
    np.testing.assert_allclose(made.astype(np.float32), expected.transpose(2, 0, 1), atol=1.6)
    half = passing("half.onnx", x=(TensorProto.FLOAT16, [1, 3, 20, 30]))
    np.testing.assert_allclose(pass_picture(shell, half, picture)[0], expected.transpose(2, 0, 1) / 255, atol=2 / 255)
    signed = passing("signed.onnx", x=(TensorProto.INT8, [1, 3, 20, 30]))
    made = pass_picture(shell, signed, picture, "--mean", 128)
    np.testing.assert_allclose(made[0].astype(np.float32), expected.transpose(2, 0, 1) - 128, atol=1.6)
    open_size = passing("open.onnx", x=(TensorProto.FLOAT, ["n", 3, "h", "w"]))
    assert pass_picture(shell, open_size, picture).shape == (1, 3, 40, 60)
    gray = passing("gray.onnx", x=(TensorProto.FLOAT, [20, 30]))
    np.testing.assert_allclose(pass_picture(shell, gray, picture), resized(picture, 30, 20, "L") / 255, atol=2.1 / 255)


def test_presets_and_fits(shell, passing, picture):
    square = passing(x=(TensorProto.FLOAT, [1, 3, 16, 16]))
    # 60 x 40, shorter side 16 * 256 / 224 = 18.29: resized to 27 x 18, the middle cut out.
    middle = resized(picture, 27, 18)[1:17, 5:21]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    made = pass_picture(shell, square, picture, "--preset", "imagenet")
    np.testing.assert_allclose(made[0].transpose(1, 2, 0), (middle / 255 - mean) / deviation, atol=0.04)
    by_hand = pass_picture(
        shell, square, picture, "--resize", 18, "--mean=0.485,0.456,0.406", "--std", "0.229,0.224,0.225"
    )
    np.testing.assert_array_equal(by_hand, made)
    padded = pass_picture(shell, square, picture, "--fit", "pad", "--pad-value", 114, "--preset", "bytes")[0]
    # 16 x 11 of picture between two rows and three rows of 114.
    np.testing.assert_array_equal(padded[:, [0, 1, 13, 14, 15]], np.full((3, 5, 16), 114, np.float32))
    np.testing.assert_allclose(padded[:, 2:13].transpose(1, 2, 0), resized(picture, 16, 11), atol=1.6)


def test_jpeg_and_palette_and_transparency(shell, passing, picture, tmp_path):
    model = passing(x=(TensorProto.FLOAT, [1, 3, 40, 60]))
    image = Image.open(picture).convert("RGB")
    image.save(tmp_path / "a.jpg", quality=95)
    expected = np.asarray(Image.open(tmp_path / "a.jpg"), dtype=np.float32)
    made = pass_picture(shell, model, tmp_path / "a.jpg")[0].transpose(1, 2, 0) * 255
    assert np.abs(made - expected).mean() < 1.5
    image.convert("P").save(tmp_path / "palette.png")
    expected = np.asarray(Image.open(tmp_path / "palette.png").convert("RGB"), dtype=np.float32)
    np.testing.assert_allclose(
        pass_picture(shell, model, tmp_path / "palette.png")[0].transpose(1, 2, 0) * 255, expected, atol=1e-3
    )
    image.convert("RGBA").save(tmp_path / "clear.png")
    expected = np.asarray(image, dtype=np.float32)
    np.testing.assert_allclose(
        pass_picture(shell, model, tmp_path / "clear.png")[0].transpose(1, 2, 0) * 255, expected, atol=1e-3
    )


def test_pictures_make_a_batch(asked, digits_model, digits, tmp_path, reference):
    images, _ = digits
    arguments = []
    for i in range(3):
        pixels = np.clip(np.round(images[i, 0] * 255), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        arguments += ["--input", f"{i}.png"]
    document = asked("run", digits_model, *arguments, "--top", 1)
    (expected,) = reference(digits_model).run(None, {"image": images[:3]})
    assert [row[0]["index"] for row in document["outputs"][0]["top"]] == expected.argmax(1).tolist()
    assert len(document["inputs"][0]["sources"]) == 3


ARRAYS = {
    "float": np.array([[1.5, -2, np.inf], [0, 4, 5e-3]], np.float32),
    "double": np.arange(6, dtype=np.float64).reshape(2, 3) / 7,
    "float16": np.array([[0.5], [-3]], np.float16),
    "int64": np.array([2**62, -5, 0]),
    "uint8": np.arange(12, dtype=np.uint8).reshape(3, 2, 2),
    "bool": np.array([True, False]),
    "scalar": np.float32(2.5).reshape(()),
    "empty": np.zeros((0, 3), np.float32),
    "columns": np.asfortranarray(np.arange(24, dtype=np.int32).reshape(2, 3, 4)),
    "complex": np.array([1 + 2j, -3j], np.complex64),
}


@pytest.mark.parametrize("form", ["npy", "npz", "compressed", "pb", "raw"])
@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_pass_unchanged(shell, passing, tmp_path, kind, form):
    array = ARRAYS[kind]
    model = passing(x=(helper.np_dtype_to_tensor_dtype(array.dtype), array.shape))
    given = {"npy": "a.npy", "npz": "a.npz", "compressed": "a.npz", "pb": "a.pb", "raw": "a.raw"}[form]
    if form == "npy":
        np.save(tmp_path / given, array)
    elif form == "npz":
        np.savez(tmp_path / given, x=array, other=np.zeros(3))
    elif form == "compressed":
        np.savez_compressed(tmp_path / given, other=np.zeros(3), key=array)
        given += ":key"
    elif form == "pb":
        (tmp_path / given).write_bytes(numpy_helper.from_array(np.asarray(array, order="C")).SerializeToString())
    else:
        (tmp_path / given).write_bytes(array.tobytes())
    done = shell("run", model, "--input", f"x={given}" if form != "npz" else given, "--output-dir", "out")
    assert done.returncode == 0, done.stderr
    made = np.load(tmp_path / "out" / "x_out.npy")
    assert made.dtype == array.dtype
    np.testing.assert_array_equal(made, array)


def test_values_on_the_command_line(asked, passing, tmp_path):
    model = passing(
        ids=(TensorProto.INT64, ["n", "m"]),
        words=(TensorProto.STRING, [2]),
        flag=(TensorProto.BOOL, []),
        factor=(TensorProto.FLOAT, []),
    )
    np.save(tmp_path / "words.npy", np.array(["née", "x"]))
    document = asked(
        "run", model, "-i", "ids=[[1, 2], [9007199254740993, -4]]", "-i", 'words=["é", "b"]', "-i", "flag=true", "-i", "factor=-2.5"
    )
    outputs = {output["name"]: output for output in document["outputs"]}
    assert outputs["ids_out"]["first"] == [1, 2, 9007199254740993, -4] and outputs["ids_out"]["shape"] == [2, 2]
    assert outputs["words_out"]["first"] == ["é", "b"]
    assert outputs["flag_out"]["first"] == [True]
    assert outputs["factor_out"]["first"] == [-2.5] and outputs["factor_out"]["shape"] == []
    document = asked("run", model, "-i", "words=words.npy", "-i", "flag=false", "--random", 1, "--shape", "ids=2x1")
    assert [o["first"] for o in document["outputs"] if o["name"] == "words_out"] == [["née", "x"]]


def test_random_inputs_repeat_and_follow_open_dimensions(asked, passing):
    model = passing(a=(TensorProto.FLOAT, ["n", 4]), b=(TensorProto.INT32, ["n"]))
    first = asked("run", model, "--random", 7, "--dim", "n=5")
    assert first["outputs"] == asked("run", model, "--random", 7, "--dim", "n=5")["outputs"]
    assert first["outputs"] != asked("run", model, "--random", 8, "--dim", "n=5")["outputs"]
    assert [output["shape"] for output in first["outputs"]] == [[5, 4], [5]]
    # What one input brings fixes the dimension of the other.
    document = asked("run", model, "--random", 7, "--input", "b=[1, 2, 3]")
    assert sorted(output["shape"] for output in document["outputs"]) == [[3], [3, 4]]


def test_cast_is_asked_for(shell, asked, passing, tmp_path):
    model = passing(x=(TensorProto.FLOAT, [3]))
    np.save(tmp_path / "a.npy", np.array([1, 2, 250], np.uint8))
    done = shell("run", model, "--input", "a.npy")
    assert done.returncode == 1 and "u8[3]" in done.stderr and "--cast" in done.stderr
    assert asked("run", model, "--input", "a.npy", "--cast")["outputs"][0]["first"] == [1, 2, 250]


def test_latencies(asked, digits_model):
    latency = asked("run", digits_model, "--random", 0, "--dim", "batch=2", "--repeat", 30, "--threads", 1)["latency_ms"]
    assert latency["runs"] == 30
    order = [latency[key] for key in ("min", "p50", "p90", "p95", "p99", "max")]
    assert order == sorted(order) and order[0] > 0
    assert latency["min"] <= latency["mean"] <= latency["max"]
    assert latency["runs_per_second"] == pytest.approx(1000 / latency["mean"])


def test_sequences_and_maps_are_summed_up(asked, tmp_path):
    nodes = [
        helper.make_node("ZipMap", ["scores"], ["map"], domain="ai.onnx.ml", classlabels_strings=["cat", "dog"]),
        helper.make_node("SequenceConstruct", ["scores", "scores"], ["list"]),
    ]
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])
    map_type = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    outputs = [
        helper.make_value_info("map", helper.make_sequence_type_proto(map_type)),
        helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, None),
    ]
    graph = helper.make_graph(nodes, "g", [scores], outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    document = asked("run", "m.onnx", "--input", "[[0.25, 0.75]]")
    made, listed = document["outputs"]
    assert made["first"][0]["first"] == {"cat": 0.25, "dog": 0.75}
    assert listed["length"] == 2 and listed["first"][1]["first"] == [0.25, 0.75]


# Descriptions ----------------------------------------------------------------------------------------------------------


def test_info(asked, shell, digits_model):
    document = asked("info", digits_model)
    model = onnx.load(digits_model)
    assert document["ir_version"] == model.ir_version
    assert document["opsets"] == {(o.domain or "ai.onnx"): o.version for o in model.opset_import}
    assert document["nodes"] == len(model.graph.node)
    assert document["operators"]["Conv"] == sum(node.op_type == "Conv" for node in model.graph.node)
    assert document["parameters"] == sum(int(np.prod(t.dims)) for t in model.graph.initializer)
    assert document["inputs"] == [{"name": "image", "type": "tensor(float)", "shape": ["batch", 1, 8, 8]}]
    assert document["outputs"] == [{"name": "probabilities", "type": "tensor(float)", "shape": ["batch", 10]}]
    assert document["file_bytes"] == digits_model.stat().st_size
    assert document["version"] == (model.model_version if model.HasField("model_version") else None)
    assert document["flops"] is None
    flops = asked("info", digits_model, "--dim", "batch=1")["flops"]
    # Convolutions: 2 * 64 * 9 * (1 * 24 + 24 * 24 * 2) + 2 * 16 * 9 * 24 * 48, and the rest is small.
    products = 2 * 64 * 9 * (24 + 2 * 24 * 24) + 2 * 16 * 9 * 24 * 48 + 2 * 48 * 10
    assert products < flops < 1.05 * products
    assert asked("info", digits_model, "--dim", "batch=3")["flops"] == 3 * flops
    text = shell("info", digits_model).stdout
    assert "input image: float [batch, 1, 8, 8]" in text and "4 Conv" in text


@pytest.mark.parametrize("stage", ["load", "legalise", "optimise", "partition", "plan"])
def test_dumps(asked, shell, digits_model, stage, tmp_path):
    document = asked("dump", digits_model, "--after", stage)
    text = shell("dump", digits_model, f"--after={stage}").stdout
    assert document["after"] == stage and document["text"].strip() == text.strip()
    if stage in ("load", "legalise", "optimise"):
        assert [node["op"] for node in document["graph"]["nodes"]].count("Conv") == 4
        assert text.count("= Conv(") == 4 and "input image: f32[batch, 1, 8, 8]" in text
    elif stage == "partition":
        assert "CPUExecutionProvider on CPU" in text and text.count("  Conv (node") == 4
    else:
        assert "region 0" in text and "planned for each value of batch" in text and "output 0" in text
        # Without open dimensions every place in the arena is known.
        fixed = asked("dump", digits_model, "--after=plan", "--dim", "batch=1")["text"]
        assert re.search(r"makes %1 \S+: f32\[1, 24, 8, 8\].* arena 0 at \d+, last read by step \d+", fixed)
    assert shell("dump", digits_model, f"--after={stage}", "--file", "dump.txt").returncode == 0
    assert (tmp_path / "dump.txt").read_text().strip() == text.strip()


@pytest.mark.parametrize("stage", ["load", "legalise", "optimise"])
def test_dump_writes_onnx(asked, digits_model, digits, reference, stage, tmp_path):
    assert asked("dump", digits_model, "--after", stage, "--onnx", "copy.onnx")["onnx"] == "copy.onnx"
    images, _ = digits
    feed = {"image": images[:5]}
    (expected,) = ort.InferenceSession(str(digits_model)).run(None, feed)
    (made,) = ort.InferenceSession(str(tmp_path / "copy.onnx")).run(None, feed)
    np.testing.assert_allclose(made, expected, atol=1e-6)
    onnx.checker.check_model(str(tmp_path / "copy.onnx"))


def test_explain_lists_what_runs(asked, shell, digits_model):
    document = asked("explain", digits_model, "--provider", "openvino", "--provider", "CPU")
    session = ort.InferenceSession(
        str(digits_model), providers=["OpenVINOExecutionProvider", "CPUExecutionProvider"]
    )
    keys = ("provider", "device", "op", "name", "kernel", "algorithm", "precision", "packed_bytes", "origins")
    listed = [{key: step[key] for key in keys} for step in document["steps"]]
    assert listed == [{key: step[key] for key in keys} for step in session._session.steps()]
    assert document["providers"] == ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
    assert document["packed_bytes"] == sum(step["packed_bytes"] for step in listed) > 0
    assert document["declined"] == []
    text = shell("explain", digits_model).stdout
    assert re.search(r"^ *0  CPU +Conv +conv_f32\w* ", text, re.MULTILINE)
    assert "Conv_block_b_conv + BatchNormalization_block_b_norm + Add_block_sum + Relu_block" in text


def test_explain_says_why_not(asked, shell, tmp_path):
    """An operator that the CPU has no kernel for, inside a body and outside."""
    det = helper.make_node("Det", ["x"], ["y"], name="outside")
    inner = helper.make_graph(
        [helper.make_node("Det", ["x"], ["z"], name="inside")],
        "then",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [])],
    )
    other = helper.make_graph(
        [helper.make_node("ReduceSum", ["x"], ["w"], keepdims=0)],
        "else",
        [],
        [helper.make_tensor_value_info("w", TensorProto.FLOAT, [])],
    )
    choice = helper.make_node("If", ["flag"], ["chosen"], name="choice", then_branch=inner, else_branch=other)
    graph = helper.make_graph(
        [det, choice],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 3]),
            helper.make_tensor_value_info("flag", TensorProto.BOOL, []),
        ],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("chosen", TensorProto.FLOAT, []),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    document = asked("explain", "m.onnx")
    reasons = {(d["node"], d["device"]): d["reason"] for d in document["declined"]}
    assert "no kernel" in reasons["outside", "CPU"] and "no kernel" in reasons["inside", "CPU"]
    assert "executor" in reasons["choice", "REFERENCE"]
    bodies = [step["bodies"] for step in document["steps"] if step["device"] == "EXECUTOR"]
    assert len(bodies) == 1 and len(bodies[0]) == 2 and bodies[0][0][0]["device"] == "REFERENCE"
    text = shell("explain", "m.onnx").stdout
    assert 'Det (node "outside") by CPUExecutionProvider on CPU: Det: the CPU has no kernel for it' in text
    partition = asked("dump", "m.onnx", "--after=partition")["text"]
    assert "declined by CPUExecutionProvider on CPU" in partition and "then_branch:" in partition
    assert "body 1:" in asked("dump", "m.onnx", "--after=plan")["text"]
    # Both branches are run and compared.
    for flag in ("true", "false"):
        assert asked("diff", "m.onnx", "--input", f"flag={flag}", "--nodes")["agrees"]
    document = asked("explain", "m.onnx", "--measure", "--repeat", 2, "--input", "flag=true")
    (taken, left) = next(step["bodies"] for step in document["steps"] if "bodies" in step)
    assert taken[0]["calls"] == 1 and taken[0]["ms"] > 0 and left[0]["calls"] == 0


def test_explain_measures(asked, digits_model):
    document = asked("explain", digits_model, "--measure", "--dim", "batch=8", "--repeat", 3)
    steps = document["steps"]
    assert sum(step["share"] for step in steps) == pytest.approx(1)
    assert sum(step["ms"] for step in steps) == pytest.approx(document["measured"]["steps_ms"])
    assert document["measured"]["runs"] == 3 and document["measured"]["run_ms"] >= document["measured"]["steps_ms"]
    convolutions = [step for step in steps if step["op"] == "Conv"]
    assert len(convolutions) == 4
    stem = convolutions[0]
    # The product, then one operation each for normalisation and activation.
    assert stem["flops"] == 8 * 64 * 24 * (2 * 9 + 1 + 1)
    assert stem["bytes"] == 4 * (8 * 64 * (1 + 24) + 24 * 9 + 4 * 24)
    for step in convolutions:
        assert step["gflops_per_second"] == pytest.approx(step["flops"] / step["ms"] / 1e6, rel=1e-6)
        assert step["modelled_ms"] > 0
    speed = document["measured"]["machine_flops_per_second"], document["measured"]["machine_bytes_per_second"]
    assert stem["modelled_ms"] == pytest.approx(1e3 * max(stem["flops"] / speed[0], stem["bytes"] / speed[1]))
    assert document["inputs"][0]["sources"] == ["random, seed 0"]


# Comparisons -----------------------------------------------------------------------------------------------------------


def test_diff(asked, shell, digits_model):
    document = asked("diff", digits_model, "--dim", "batch=4")
    assert document["agrees"] and document["outputs"][0]["max_relative"] < 1e-5
    assert "device=REFERENCE" in document["against"] and document["first_diverging"] is None
    done = shell("diff", digits_model, "--dim", "batch=4", "--nodes")
    assert done.returncode == 0 and "Conv_block_a_conv" in done.stdout and "agree within 0.0001" in done.stdout
    for against in ("level=disable", "threads=1,level=basic", "provider=OpenVINO,precision=ACCURACY", "cpu"):
        assert asked("diff", digits_model, "--dim", "batch=4", "--against", against)["agrees"]


def test_diff_finds_the_first_node(asked, shell, tmp_path):
    """A generator without a seed differs from run to run; what stands before it does not."""
    nodes = [
        helper.make_node("Abs", ["x"], ["a"], name="same"),
        helper.make_node("RandomUniformLike", ["a"], ["r"], name="dice"),
        helper.make_node("Add", ["a", "r"], ["s"], name="sum"),
        helper.make_node("Exp", ["s"], ["y"], name="after"),
    ]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 9]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", info[:1], info[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    document = asked("diff", "m.onnx", status=1)
    assert not document["agrees"] and not document["outputs"][0]["agrees"]
    assert document["first_diverging"]["op"] == "RandomUniformLike" and document["first_diverging"]["node"] == "dice"
    done = shell("diff", "m.onnx")
    assert done.returncode == 1 and done.stderr == ""
    assert re.search(r"^first to differ: dice ", done.stdout, re.MULTILINE)
    assert shell("diff", "m.onnx", "--tolerance", 1e9).returncode == 0


# The machine -----------------------------------------------------------------------------------------------------------


def test_operators(asked, shell):
    listed = {(o["domain"], o["name"]): o for o in asked("operators")["operators"]}
    softmax = listed["", "Softmax"]
    assert softmax["node"] and softmax["devices"] == ["CPU", "REFERENCE"] and softmax["rewritten"] == [[1, 12]]
    assert softmax["inputs"] == [1, 1] and {"name": "axis", "type": "int", "need": "default"} in softmax["attributes"]
    assert listed["", "Concat"]["inputs"] == [1, None]
    assert listed["", "SequenceInsert"]["devices"] == ["REFERENCE"]
    assert listed["", "Constant"]["structural"] and not listed["", "Constant"]["node"]
    assert listed["", "If"]["structural"] and listed["", "If"]["node"] and listed["", "If"]["devices"] == []
    found = shell("operators", "TREEensemble").stdout.splitlines()
    assert [line.split()[0] for line in found[1:4]] == ["ai.onnx.ml.TreeEnsemble", "ai.onnx.ml.TreeEnsembleClassifier", "ai.onnx.ml.TreeEnsembleRegressor"]
    assert found[-1] == "3 operators"


def test_doctor(asked, shell):
    document = asked("doctor")
    assert document["version"] == oriel.__version__
    levels = {level["name"]: level for level in document["processor"]["isa_levels"]}
    assert list(levels) == ["scalar", "avx2", "avx512", "vnni", "bf16"] and levels["scalar"]["usable"]
    assert document["threads"]["usable"] <= document["threads"]["affinity"] <= document["threads"]["online"]
    assert document["memory"]["total"] >= document["memory"]["available"] > 0
    devices = {device["name"]: device for device in document["devices"]}
    assert devices["CPU"]["usable"] and devices["REFERENCE"]["usable"]
    for name in ("GPU", "NPU"):
        assert not devices[name]["usable"] and "not supported by this version" in devices[name]["reason"]
    providers = {provider["name"]: provider for provider in document["providers"]}
    assert set(providers) == set(ort.get_available_providers())
    assert all(provider["usable"] for provider in providers.values())

    capped = asked("doctor", environment={"ORIEL_MAX_ISA": "scalar"})["processor"]
    assert capped["isa"] == "scalar" and capped["isa_cap"] == "scalar"
    if levels["avx2"]["usable"]:
        assert "ORIEL_MAX_ISA" in next(level for level in capped["isa_levels"] if level["name"] == "avx2")["reason"]
    assert "is ignored" in shell("doctor", environment={"ORIEL_MAX_ISA": "sse9"}).stdout
    only = sorted(os.sched_getaffinity(0))[:1]
    alone = asked("doctor", preexec_fn=lambda: os.sched_setaffinity(0, only))["threads"]
    assert alone["usable"] == alone["affinity"] == 1


def test_doctor_measures(asked):
    measured = asked("doctor", "--measure", "--threads", 1)["measured"]
    assert measured["threads"] == 1 and measured["flops_per_second"] > 1e8 and measured["bytes_per_second"] > 1e8


# Wrong input -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def wrong_things(tmp_path, passing, picture, digits_model):
    """Files that are not what they should be, by the names that the table below uses."""
    (tmp_path / "digits.onnx").symlink_to(digits_model)
    passing("two.onnx", a=(TensorProto.FLOAT, [2]), b=(TensorProto.FLOAT, [2]))
    passing("channels.onnx", x=(TensorProto.FLOAT, [1, 5, 8, 8]))
    passing("words.onnx", x=(TensorProto.STRING, [1, 3, 8, 8]))
    passing("scores.onnx", x=(TensorProto.FLOAT, [1, 3]))
    passing("colour.onnx", x=(TensorProto.FLOAT, [1, 3, 8, 8]))
    (tmp_path / "text.onnx").write_text("this is no model\n")
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "text.png").write_text("this is no picture\n")
    whole = picture.read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00{'descr'")
    np.save(tmp_path / "floats.npy", np.zeros((1, 1, 8, 8), np.float32))
    np.save(tmp_path / "wide.npy", np.zeros((1, 1, 9, 8), np.float32))
    np.save(tmp_path / "big.npy", np.zeros((1, 1, 8, 8), ">f4"))
    np.save(tmp_path / "record.npy", np.zeros(2, [("a", "f4"), ("b", "i8")]))
    np.savez(tmp_path / "some.npz", p=np.zeros(2, np.float32), q=np.zeros(3, np.float32))
    archive = bytearray((tmp_path / "some.npz").read_bytes())
    archive[-30:] = b"\0" * 30
    (tmp_path / "cut.npz").write_bytes(archive)
    (tmp_path / "short.raw").write_bytes(b"1234567")
    (tmp_path / "two.txt").write_text("a\nb\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret.onnx").write_bytes(digits_model.read_bytes())
    os.chmod(tmp_path / "secret.onnx", 0)


WRONG = [
    # arguments, status, what the line says
    ("run absent.onnx", 1, "absent.onnx: No such file"),
    ("info folder", 1, "folder: not a regular file"),
    ("run text.onnx", 1, "text.onnx"),
    ("explain empty.onnx", 1, "empty.onnx"),
    ("run picture.png", 1, "picture.png"),
    ("run digits.onnx", 2, 'input "image" (float [batch, 1, 8, 8]) has no value; give --input image=FILE, or --random'),
    ("run two.onnx --input a=[1,2]", 2, 'input "b"'),
    ("run two.onnx --input floats.npy", 2, "say which input it is for"),
    ("run digits.onnx --input imag=picture.png", 2, 'no input "imag"; inputs: image'),
    ("run digits.onnx --input absent.png", 1, "absent.png: No such file"),
    ("run digits.onnx --input text.png", 1, "text.png: neither a picture nor"),
    ("run digits.onnx --input cut.png", 1, "cut.png: damaged picture"),
    ("run digits.onnx --input cut.npy", 1, "cut.npy: the file ends early"),
    ("run digits.onnx --input wide.npy", 1, "f32[1, 1, 9, 8], but input \"image\" takes float [batch, 1, 8, 8]"),
    ("run digits.onnx --input big.npy", 1, "big.npy: big-endian"),
    ("run digits.onnx --input record.npy", 1, "record.npy: records"),
    ("run digits.onnx --input some.npz", 1, "some.npz: holds the arrays p, q; say which"),
    ("run digits.onnx --input some.npz:r", 1, 'some.npz: has no array "r"'),
    ("run digits.onnx --input cut.npz", 1, "cut.npz"),
    ("run digits.onnx --input short.raw", 1, "short.raw: 7 bytes"),
    ("run digits.onnx --input floats.npy --input floats.npy", 2, "all inputs have a value already"),
    ("run digits.onnx --input image=floats.npy --input image=floats.npy", 2, 'input "image" has a value already'),
    ("run digits.onnx --input image=[[1,2],[3]]", 1, "rows of an array differ in length"),
    ("run digits.onnx --input image=[1,", 1, "not a JSON array"),
    ('run digits.onnx --input image=["a"]', 1, "is no element of f32"),
    ("run channels.onnx --input picture.png", 2, "does not look like a picture"),
    ("run channels.onnx --input picture.png --layout nchw", 2, "takes 5 channels, pictures have 1 or 3"),
    ("run words.onnx --input picture.png", 2, "which a picture cannot give"),
    ("run colour.onnx --input picture.png --layout hw", 2, "--layout hw has 2 axes"),
    ("run colour.onnx --input picture.png --color gray", 2, "color gray does not go with the 3 channels"),
    ("run colour.onnx --input picture.png --preset nonsense", 2, "--preset nonsense is not known"),
    ("run colour.onnx --input picture.png --mean 1,2", 2, "--mean has 2 values"),
    ("run colour.onnx --input picture.png --std 0", 2, "--std 0 would divide by zero"),
    ("run colour.onnx --input picture.png --resize 4", 2, "--resize 4"),
    ("run colour.onnx --input picture.png --input picture.png", 2, "2 pictures for input \"x\", which takes 1"),
    ("run digits.onnx --input picture.png --preset imagenet", 2, "--preset imagenet is for 3 channels"),
    ("run scores.onnx --input [[1,2,3]] --labels two.txt", 2, 'two.txt: 2 labels, but output "x_out" has 3 classes'),
    ("run scores.onnx --input [[1,2,3]] --labels absent.txt", 1, "absent.txt: No such file"),
    ("run scores.onnx --input [[1,2,3]] --labels picture.png", 1, "picture.png: not a text file"),
    ("run scores.onnx --input [[1,2,3]] --output nope=x.npy", 2, 'no output "nope"; outputs: x_out'),
    ("run scores.onnx --input [[1,2,3]] --output x_out=folder", 1, "cannot write folder: Is a directory"),
    ("run scores.onnx --input [[1,2,3]] --output x_out=absent/x.npy", 1, "cannot write absent/x.npy"),
    ("run scores.onnx --input [[1,2,3]] --output-dir two.txt/x", 1, "two.txt/x"),
    ("run digits.onnx --random 1", 2, "--dim batch=N"),
    ("run digits.onnx --random 1 --dim size=3", 2, "no dimension of that name; named: batch"),
    ("run digits.onnx --random 1 --dim batch=x", 2, '"x" is not a whole number'),
    ("run digits.onnx --random 1 --dim batch", 2, "--dim batch: expected NAME=VALUE"),
    ("run digits.onnx --random 1 --shape image=1x2x8x8", 2, "--shape image=1x2x8x8: the input is float [batch, 1, 8, 8]"),
    ("run digits.onnx --random 1 --shape other=1", 2, "no input of that name; inputs: image"),
    ("run digits.onnx --random x", 2, "--random"),
    ("run digits.onnx --nonsense", 2, "--nonsense"),
    ("run digits.onnx --repeat 0", 2, "--repeat"),
    ("run digits.onnx --top -1", 2, "--top"),
    ("run digits.onnx --level sometimes", 2, "--level"),
    ("run digits.onnx --provider Nobody", 2, "--provider Nobody is not known; known: OpenVINOExecutionProvider"),
    ("explain digits.onnx --provider openvino --option device_type=GPU", 1, 'device_type "GPU" is not available'),
    ("explain digits.onnx --provider openvino --option colour=red", 1, 'unknown option "colour"'),
    ("explain digits.onnx --option device", 2, "--option device: expected NAME=VALUE"),
    ("dump digits.onnx --after breakfast", 2, "--after"),
    ("dump digits.onnx --after plan --onnx x.onnx", 2, "--onnx writes the graph after load, legalise or optimise"),
    ("dump digits.onnx --onnx digits.onnx", 2, "digits.onnx is the model itself"),
    ("dump digits.onnx --onnx absent/x.onnx", 1, "absent/x.onnx"),
    ("dump digits.onnx --file folder", 1, "folder"),
    ("diff digits.onnx --against GPU --dim batch=1", 2, '"GPU" is no device'),
    ("diff digits.onnx --against level=never --dim batch=1", 2, 'level "never" is not known'),
    ("diff digits.onnx --against threads=0 --dim batch=1", 2, "--against threads"),
    ("run", 2, "MODEL"),
    ("frobnicate", 2, "frobnicate"),
    ("", 2, "a command is missing"),
]


@pytest.mark.usefixtures("wrong_things")
@pytest.mark.parametrize("arguments, status, expected", WRONG, ids=[w[0] or "nothing" for w in WRONG])
def test_wrong_input_is_one_line(shell, arguments, status, expected):
    done = shell(*arguments.split())
    assert done.returncode == status, (done.stdout, done.stderr)
    assert expected in done.stderr and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("oriel")
    assert done.stdout == ""
    again = shell(*arguments.split(), "--json")
    assert again.returncode == status
    error = json.loads(again.stdout)["error"]
    assert error["status"] == status and expected in error["message"] and "\n" not in error["message"]
    assert error["code"] == "USAGE" if status == 2 else error["code"] != "USAGE"
    assert again.stderr == done.stderr


@pytest.mark.usefixtures("wrong_things")
def test_no_permission(program, tmp_path):
    """The superuser may read everything unless the capabilities that allow it are dropped."""

    def drop():
        drop_bounding_capability, override, search = 24, 1, 2
        if os.geteuid() == 0:
            for capability in (override, search):
                assert ctypes.CDLL(None).prctl(drop_bounding_capability, capability, 0, 0, 0) == 0

    done = subprocess.run(
        [program, "info", "secret.onnx"], cwd=tmp_path, capture_output=True, text=True, timeout=60, preexec_fn=drop
    )
    assert done.returncode == 1 and "secret.onnx: Permission denied" in done.stderr


def test_full_disk_is_an_error(program, digits_model):
    with open("/dev/full", "w") as full:
        done = subprocess.run([program, "info", digits_model], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "cannot write to standard output" in done.stderr


def test_help_and_version(shell):
    for command in ([], ["run"], ["info"], ["dump"], ["explain"], ["diff"], ["operators"], ["doctor"]):
        done = shell(*command, "--help")
        assert done.returncode == 0 and done.stderr == "" and "--json" in done.stdout
    assert shell("--version").stdout == f"oriel {oriel.__version__}\n"


def test_progress_goes_to_terminals_alone(program, digits_model, tmp_path):
    """Through a pseudo-terminal the line appears and is erased; through a pipe there is none."""
    import pty

    leader, follower = pty.openpty()
    arguments = [program, "run", digits_model, "--random", "1", "--dim", "batch=1"]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=follower, timeout=60)
    os.close(follower)
    said = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert done.returncode == 0 and "loading" in said and said.endswith("\r\x1b[K")
    assert subprocess.run(arguments, capture_output=True, timeout=60).stderr == b""


# Documents and installation --------------------------------------------------------------------------------------------

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
# Times and speeds differ from run to run.
VARYING = re.compile(r"[\d.e+-]+ ms|[\d.e+-]+ runs a second")


def same_line(shown, printed):
    """Whether a line is the documented one: numbers within a thousandth, times apart."""
    shown, printed = (VARYING.sub("TIME", " ".join(line.split())) for line in (shown, printed))
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed):
        return False
    pairs = zip(map(float, NUMBER.findall(shown)), map(float, NUMBER.findall(printed)))
    return all(abs(a - b) <= 1e-3 * max(abs(a), abs(b)) for a, b in pairs)


def test_transcript_of_the_guide(program, root, tmp_path):
    """Every `$ oriel` line of docs/shell.md prints what stands below it; `...` stands for lines left out."""
    text = (root / "docs" / "shell.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = [entry for block in blocks for entry in re.split(r"^\$ ", block, flags=re.MULTILINE) if entry]
    assert len(commands) >= 6
    for entry in commands:
        command, *shown = entry.rstrip("\n").split("\n")
        words = command.split()
        assert words[0] == "oriel"
        words = [word.replace("/tmp/", f"{tmp_path}/") for word in words[1:]]
        done = subprocess.run([program, *words], cwd=root, capture_output=True, text=True, timeout=120)
        printed = (done.stdout + done.stderr).replace(f"{tmp_path}/", "/tmp/").rstrip("\n").split("\n")
        at, skipping = 0, False
        for line in shown:
            if line.strip() == "...":
                skipping = True
                continue
            while skipping and at < len(printed) and not same_line(line, printed[at]):
                at += 1
            assert at < len(printed) and same_line(line, printed[at]), (command, line, printed[at : at + 1])
            at, skipping = at + 1, False
        assert skipping or at == len(printed), (command, printed[at:])


def test_installs(program, tmp_path):
    build = program.parents[1]
    if not (build / "cmake_install.cmake").is_file():
        pytest.skip("the shell under test does not come from a build folder")
    subprocess.run(
        ["cmake", "--install", build, "--component", "tools", "--prefix", tmp_path / "prefix"],
        check=True,
        capture_output=True,
        timeout=300,
    )
    done = subprocess.run([tmp_path / "prefix" / "bin" / "oriel", "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"oriel {oriel.__version__}\n"
