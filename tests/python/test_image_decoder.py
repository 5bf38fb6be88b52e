"""ImageDecoder beyond the standard's own cases: pixel layouts, odd sizes, damaged and hostile files, missing codecs."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from one_node import one_node

import oriel
from oriel import ort

CODECS = Path(oriel.__file__).parent / "liboriel_images.so"
pytestmark = pytest.mark.skipif(not CODECS.exists(), reason="this build has no image codecs")

PATTERN = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3) * 5


def decode(data, options=None, **attributes):
    array = np.frombuffer(data, np.uint8)
    model, feeds = one_node("ImageDecoder", {"data": array}, **attributes)
    return ort.InferenceSession(model, options).run(None, feeds)[0]


def ppm(pixels):
    return b"P6 %d %d 255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes()


def png(pixels, width=None, height=None):
    """A PNG whose header may lie about the size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width or pixels.shape[1], height or pixels.shape[0], 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def luma(pixels):
    return np.round(pixels @ np.array([0.299, 0.587, 0.114]))[..., None]


@pytest.mark.parametrize("encode", [ppm, png])
def test_pixel_formats(encode):
    data = encode(PATTERN)
    np.testing.assert_array_equal(decode(data), PATTERN)
    np.testing.assert_array_equal(decode(data, pixel_format="RGB"), PATTERN)
    np.testing.assert_array_equal(decode(data, pixel_format="BGR"), PATTERN[..., ::-1])
    gray = decode(data, pixel_format="Grayscale")
    assert gray.shape == (3, 5, 1)
    np.testing.assert_allclose(gray, luma(PATTERN), atol=1)


@pytest.mark.parametrize(
    "data,expected",
    [
        (b"P1\n# two rows\n3 2\n1 0 1\n011\n", [[0, 255, 0], [255, 0, 0]]),
        (b"P2 3 1 15\n0 15 8", [[0, 255, 136]]),
        (b"P3\n1 1\n100\n50 100 0\n", [[[128, 255, 0]]]),
        (b"P4 10 1\n" + bytes([0b10000000, 0b01000000]), [[0] + 8 * [255] + [0]]),
        (b"P5 2 1 65535\n" + bytes([255, 255, 128, 0]), [[255, 128]]),
    ],
)
def test_portable_formats(data, expected):
    expected = np.array(expected, np.uint8)
    if expected.ndim == 2:
        expected = np.repeat(expected[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode(data), expected)


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (17, 33)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "JPEG2000", "PPM"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_formats_against_pillow(kind, size, mode, rng):
    image = pytest.importorskip("PIL.Image")
    pixels = rng.integers(0, 256, (*size, 3), np.uint8)
    picture = image.fromarray(pixels).convert(mode)
    file = io.BytesIO()
    picture.save(file, kind)
    expected = np.array(image.open(io.BytesIO(file.getvalue())).convert("RGB"))
    np.testing.assert_allclose(decode(file.getvalue()).astype(int), expected.astype(int), atol=1)


@pytest.mark.parametrize("kind,options", [("JPEG", {"progressive": True}), ("JPEG", {"subsampling": 2}), ("TIFF", {"compression": "tiff_lzw"})])
def test_encodings_against_pillow(kind, options, rng):
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.fromarray(rng.integers(0, 256, (24, 37, 3), np.uint8)).save(file, kind, **options)
    np.testing.assert_allclose(
        decode(file.getvalue()).astype(int), np.array(image.open(file).convert("RGB")).astype(int), atol=1
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_transparency_is_dropped(kind, rng):
    image = pytest.importorskip("PIL.Image")
    pixels = rng.integers(0, 256, (6, 9, 4), np.uint8)
    file = io.BytesIO()
    image.fromarray(pixels, "RGBA").save(file, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    np.testing.assert_array_equal(decode(file.getvalue()), pixels[..., :3])


@pytest.mark.parametrize(
    "data",
    [b"", b"not a picture", b"BM", b"\xff\xd8\xff", png(PATTERN)[:60], ppm(PATTERN)[:-1], b"P5 4000000 4000000 255\nx", b"P2 2 1 9\n1 10"],
)
def test_unreadable_bytes_give_an_empty_tensor(data):
    """As the standard has it."""
    assert decode(data).shape == (0, 0, 3)
    assert decode(data, pixel_format="Grayscale").shape == (0, 0, 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "JPEG2000"])
def test_cut_and_changed_files_do_no_harm(kind, rng):
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(file, kind)
    whole = file.getvalue()
    session = dynamic_session()
    for _ in range(60):
        data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for _ in range(rng.integers(0, 4)):
            data[rng.integers(0, len(data))] = rng.integers(0, 256)
        try:
            result = session.run(None, {"data": np.frombuffer(bytes(data), np.uint8)})[0]
        except ort.InvalidArgument:
            continue  # a size above the limit
        assert result.dtype == np.uint8 and result.ndim == 3 and result.shape[2] == 3


def dynamic_session():
    import onnx
    from onnx import helper

    graph = helper.make_graph(
        [helper.make_node("ImageDecoder", ["data"], ["pixels"])],
        "decoder",
        [helper.make_tensor_value_info("data", onnx.TensorProto.UINT8, ["bytes"])],
        [helper.make_tensor_value_info("pixels", onnx.TensorProto.UINT8, ["h", "w", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ort.InferenceSession(model.SerializeToString())


def test_one_session_decodes_pictures_of_all_sizes():
    session = dynamic_session()
    for rows in (3, 1, 2):
        data = np.frombuffer(png(PATTERN[:rows]), np.uint8)
        np.testing.assert_array_equal(session.run(None, {"data": data})[0], PATTERN[:rows])


def test_size_has_a_limit():
    with pytest.raises(ort.InvalidArgument, match="1000000 x 1000000 pixels, expected at most 268435456"):
        decode(png(PATTERN, width=1000000, height=1000000))


def test_unknown_pixel_format_is_an_error():
    with pytest.raises(Exception, match='pixel_format is "RGBA", expected RGB, BGR or Grayscale'):
        decode(png(PATTERN), pixel_format="RGBA")


def test_missing_codecs_are_named(tmp_path):
    """A copy of the package without the library."""
    package = tmp_path / "oriel"
    package.mkdir()
    for file in Path(oriel.__file__).parent.iterdir():
        if file != CODECS and file.name != "__pycache__":
            (package / file.name).symlink_to(file.resolve(), target_is_directory=file.is_dir())
    core = next(package.glob("_core.*"))
    target = core.resolve()
    core.unlink()
    core.write_bytes(target.read_bytes())
    model, feeds = one_node("ImageDecoder", {"data": np.frombuffer(png(PATTERN), np.uint8)})
    (tmp_path / "model.onnx").write_bytes(model)
    np.save(tmp_path / "data.npy", feeds["data"])
    code = """
import sys, numpy as np
sys.path.insert(0, sys.argv[1])
from oriel import ort
session = ort.InferenceSession(sys.argv[1] + "/model.onnx")
try:
    session.run(None, {"data": np.load(sys.argv[1] + "/data.npy")})
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert "no image codecs" in done.stdout and "libwebp-dev" in done.stdout and "node" in done.stdout
