"""What an installation for C++ programs holds, and the SqueezeNet example built and run against it."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import oriel
import oriel._core

BUILD = Path(oriel._core.__file__).resolve().parents[2]
COLLECTION = Path(__file__).resolve().parents[3] / "shared" / "models"
CACHE = BUILD / "CMakeCache.txt"

pytestmark = pytest.mark.skipif(
    not CACHE.is_file() or "ORIEL_BUILD_CPP:BOOL=ON" not in CACHE.read_text(),
    reason="the module does not lie in a build folder with the C++ library",
)


def run(*command, status=0, **keywords):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **keywords)
    assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Where the library was installed."""
    prefix = tmp_path_factory.mktemp("oriel") / "prefix"
    run("cmake", "--build", BUILD, "--target", "oriel")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    return prefix


@pytest.fixture(scope="module")
def program(root, prefix, tmp_path_factory):
    """The example, built by a project of its own."""
    folder = tmp_path_factory.mktemp("squeezenet")
    source = root / "examples" / "squeezenet"
    run("cmake", "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_CXX_FLAGS=-O1 -Wall -Wextra -Werror")
    run("cmake", "--build", folder)
    return folder / "squeezenet"


@pytest.fixture
def classify(program, tmp_path):
    """Returns a function that runs the example: [(confidence, label)] best first, and the tensor that it fed."""

    def call(model, image, *arguments):
        tensor = tmp_path / "input.raw"
        text = run(program, model, image, "--save-input", tensor, *arguments)
        rows = [re.fullmatch(r" *([0-9.]+)%  (.*)", line).groups() for line in text.splitlines()]
        return [(float(percent) / 100, label) for percent, label in rows], tensor.read_bytes()

    return call


def library(prefix):
    (found,) = prefix.rglob("liboriel.so")
    return found


def test_installation_is_complete_and_no_more(prefix):
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    rest = {name for name in files if not re.fullmatch(r"include/oriel/\w+\.h", name)}
    names = sorted(Path(name).name for name in rest if "oriel" in name.lower())
    config = ["OrielConfig.cmake", "OrielConfigVersion.cmake", "OrielTargets-release.cmake", "OrielTargets.cmake"]
    shared = [name for name in names if name.startswith("liboriel.so")]
    assert len(shared) == 3 and f"liboriel.so.{oriel.__version__}" in shared, shared
    assert set(config) <= set(names)
    assert not [name for name in files if name.endswith((".py", ".a")) or "python" in name or "/src/" in name]
    assert "include/oriel/oriel.h" in files


def test_library_needs_the_standard_libraries_alone(prefix):
    needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", library(prefix)))
    plain = {"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6", "ld-linux-x86-64.so.2"}
    assert set(needed) <= plain
    (soname,) = re.findall(r"SONAME.*\[(.*)\]", run("readelf", "-d", library(prefix)))
    assert re.fullmatch(r"liboriel\.so\.\d+\.\d+", soname)
    assert (library(prefix).parent / soname).is_file()


def test_library_exports_its_interface_alone(prefix):
    symbols = [line.split(maxsplit=2)[2] for line in run("nm", "-DC", "--defined-only", library(prefix)).splitlines()]
    assert len(symbols) > 50
    own = re.compile(r"(typeinfo for |typeinfo name for |vtable for )?oriel::v1::")
    assert [symbol for symbol in symbols if not own.match(symbol)] == []
    # The engine's classes have the same names one namespace further out.
    assert [symbol for symbol in symbols if "::State" in symbol or "::Content" in symbol] == []


def test_headers_stand_alone(root, prefix):
    """Each compiles by itself, strictly, and includes nothing but its neighbours and the standard library."""
    headers = sorted((prefix / "include" / "oriel").glob("*.h"))
    assert headers
    for header in headers:
        text = header.read_text()
        assert text.count('#include "') == text.count('#include "oriel/'), header
        assert all("." not in name for name in re.findall(r"#include <(.*)>", text)), header
        run(
            *("g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"),
            *("-I", prefix / "include", "-x", "c++", "-"),
            input=f'#include "oriel/{header.name}"\n#include "oriel/{header.name}"\nint main() {{}}\n',
        )


@pytest.mark.parametrize(("wanted", "status"), [("0.1", 0), ("0.1.0", 0), ("0.2", 1), ("1.0", 1)])
def test_package_has_a_version(prefix, tmp_path, wanted, status):
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.22)\nproject(version NONE)\nfind_package(Oriel {wanted} CONFIG REQUIRED)\n"
    )
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", status=status)


def test_example_agrees_with_onnxruntime_on_digits(classify, digits_model, digits, reference, tmp_path):
    images, labels = digits
    names = tmp_path / "names.txt"
    names.write_text("".join(f"digit {i}\n" for i in range(10)))
    right = 0
    for number in range(8):
        picture = tmp_path / "digit.png"
        Image.fromarray(np.rint(images[number, 0] * 255).astype(np.uint8)).save(picture)
        plain = ["--resize", 8, "--mean", "0,0,0", "--std", "1,1,1", "--top", 10]
        rows, tensor = classify(digits_model, picture, names, *plain)
        fed = np.frombuffer(tensor, np.float32).reshape(1, 1, 8, 8)
        np.testing.assert_allclose(fed[0, 0], images[number, 0], atol=1 / 255)
        (wanted,) = reference(digits_model).run(None, {"image": fed})
        assert rows == sorted(rows, reverse=True)
        for confidence, label in rows:
            assert confidence == pytest.approx(wanted[0, int(label.split()[1])], abs=2e-6)
        right += rows[0][1] == f"digit {labels[number]}"
    assert right >= 7


def test_example_scales_and_crops(classify, digits_model, tmp_path):
    """The centre of a wide picture is what counts, in the right proportion."""
    wide = np.zeros((80, 240), np.uint8)
    wide[:, 80:160] = np.repeat(np.arange(80, dtype=np.uint8)[:, None], 80, 1)
    picture = tmp_path / "wide.png"
    Image.fromarray(wide).save(picture)
    plain = ["--resize", 8, "--mean", "0,0,0", "--std", "1,1,1", "--scale", 1]
    _, tensor = classify(digits_model, picture, *plain)
    fed = np.frombuffer(tensor, np.float32).reshape(8, 8)
    np.testing.assert_allclose(fed[1:7, 3], np.arange(6) * 10 + 14.5, atol=1)
    np.testing.assert_allclose(fed[:, 1:7], np.repeat(fed[:, 3:4], 6, 1), atol=1)


def test_example_names_what_is_wrong(program, digits_model, tmp_path):
    picture = tmp_path / "grey.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(picture)
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\n")
    for arguments, part in [
        ([tmp_path / "absent.onnx", picture], "absent.onnx"),
        ([broken, picture], "broken.jpg"),
        ([digits_model, broken], "broken.jpg"),
        ([digits_model, picture, labels], "2 labels, but the model has 10 classes"),
        ([digits_model, picture, tmp_path / "absent.txt"], "absent.txt"),
        ([digits_model, picture, "--provider", "AbacusExecutionProvider"], "AbacusExecutionProvider"),
    ]:
        done = subprocess.run([str(a) for a in [program, *arguments]], capture_output=True, text=True)
        assert done.returncode == 1, arguments
        assert done.stdout == ""
        assert part in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


CAFFE = ["--bgr", "--scale", 1, "--mean", "104,117,123", "--std", "1,1,1"]


@pytest.mark.skipif(not (COLLECTION / "real" / "squeezenet_fp16.onnx").is_file(), reason="the collection of models is not here")
@pytest.mark.parametrize("name", ["real/squeezenet_fp16", "derived/squeezenet_fp32_from_fp16"])
@pytest.mark.parametrize(
    ("image", "label"),
    [("hummingbird.jpg", "hummingbird"), ("goldfish.jpg", "goldfish"), ("bald_eagle.jpeg", "bald eagle"), ("cat.jpg", "cat")],
)
def test_squeezenet_agrees_with_onnxruntime(classify, reference, name, image, label):
    model = COLLECTION / f"{name}.onnx"
    rows, tensor = classify(model, COLLECTION / "inputs" / image, COLLECTION / "inputs" / "synset.txt", *CAFFE)
    session = reference(model)
    dtype = np.float16 if "fp16.onnx" in model.name and name.startswith("real") else np.float32
    fed = np.frombuffer(tensor, dtype).reshape(1, 3, 224, 224)
    (wanted,) = session.run(None, {session.get_inputs()[0].name: fed})
    wanted = np.sort(wanted.astype(np.float64).reshape(-1))[::-1]
    assert label in rows[0][1]
    tolerance = 5e-3 if dtype == np.float16 else 1e-5
    np.testing.assert_allclose([confidence for confidence, _ in rows], wanted[: len(rows)], atol=tolerance)

    # The picture itself, prepared by another library.
    picture = Image.open(COLLECTION / "inputs" / image).convert("RGB")
    scale = 256 / min(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BILINEAR)
    left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
    pixels = np.asarray(picture.crop((left, top, left + 224, top + 224)), np.float32)[:, :, ::-1] - [104, 117, 123]
    assert np.abs(fed[0].astype(np.float32) - pixels.transpose(2, 0, 1)).mean() < 1.0
