"""The installed package: what the wheel holds, what its module shows and needs, and how it lives beside other runtimes.

scripts/nightly/wheel.sh installs the wheel and runs these tests with WHEEL naming it; none of them sees the sources' modules.
"""

import importlib.util
import itertools
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if "WHEEL" not in os.environ:
    pytest.skip("WHEEL names no wheel: these tests belong to scripts/nightly/wheel.sh", allow_module_level=True)
WHEEL = Path(os.environ["WHEEL"])
NEIGHBOURS = ["onnxruntime", "openvino"] + (["torch"] if importlib.util.find_spec("torch") else [])

CLASSIFY = f"""
import numpy as np
from oriel import ort
with np.load({str(ROOT / "examples/digits/held_back.npz")!r}) as held_back:
    images = held_back["images"][:, None].astype(np.float32) / 16
    labels = held_back["labels"]
model = {str(ROOT / "examples/digits/digits.onnx")!r}
(probabilities,) = ort.InferenceSession(model, providers=["OpenVINOExecutionProvider"]).run(None, {{"image": images}})
assert (probabilities.argmax(axis=1) == labels).mean() > 0.99
"""


def python(code, **environment):
    """Runs code in a fresh process of this interpreter, away from the sources; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd="/",
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **environment},
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tool(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def module():
    """The compiled module as installed."""
    path = Path(python("import oriel._core; print(oriel._core.__file__)").strip())
    assert ROOT not in path.parents or "venv" in str(path)
    return path


def test_wheel_holds_the_package_alone():
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(next(name for name in names if name.endswith("METADATA"))).decode()
    libraries = sorted(name for name in names if ".so" in name)
    assert re.fullmatch(r"oriel/_core\.[\w.-]+\.so", libraries[0]), libraries
    assert libraries[1:] in ([], ["oriel/liboriel_images.so"])
    assert {name.split("/")[0].split("-")[0] for name in names} == {"oriel"}
    assert not [name for name in names if re.search(r"\.(a|h|cpp|cmake)$", name)]
    assert {name for name in names if name.endswith("__init__.py")} >= {"oriel/__init__.py", "oriel/ort/__init__.py"}
    assert re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE) == ["numpy"]
    assert WHEEL.name.endswith(".whl") and "linux" in WHEEL.name


def test_module_exports_its_entry_point_alone(module):
    symbols = [line.split()[-1] for line in tool("nm", "-D", "--defined-only", module).splitlines()]
    assert symbols == ["PyInit__core"]


def test_module_needs_the_standard_libraries_alone(module):
    """What the package is built on is inside: fmt, pugixml and their like; nothing brings an OpenMP runtime."""
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", tool("readelf", "-d", module)))
    assert needed <= {"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2"}
    assert "RPATH" not in tool("readelf", "-d", module)


def test_no_second_runtime_comes_along():
    maps = python(CLASSIFY + "print(open('/proc/self/maps').read())")
    libraries = set(re.findall(r"/([^/\n]+\.so[.\w]*)$", maps, re.MULTILINE))
    assert any(name.startswith("_core.") for name in libraries)
    assert not [name for name in libraries if re.match(r"lib(gomp|omp|iomp|tbb|fmt|pugixml|protobuf)", name)]


def test_installed_package_works():
    python(CLASSIFY)
    done = python("import oriel.compat.__main__, oriel; print(oriel.__version__)")
    assert done.strip() in WHEEL.name


def test_shell_is_on_the_path():
    """pip puts the shell beside the interpreter; it needs no other library than the module does."""
    shell = Path(sys.executable).parent / "oriel"
    model = ROOT / "examples/digits/digits.onnx"
    assert "class 8" in tool(shell, "run", model, "--input", ROOT / "examples/digits/eight.png", "--top", "1")
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", tool("readelf", "-d", shell)))
    assert needed <= {"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2"}


@pytest.mark.parametrize("order", list(itertools.permutations(["oriel.ort", *NEIGHBOURS])), ids=" ".join)
def test_runtimes_share_a_process(order):
    """Whatever was imported first, all of them run, and agree."""
    checks = {
        "onnxruntime": """
import onnxruntime
theirs = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"image": images})[0]
assert abs(theirs - probabilities).max() < 1e-5
""",
        "openvino": """
import openvino
theirs = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(images)[0]
assert abs(theirs - probabilities).max() < 1e-5
""",
        "torch": """
import torch
assert torch.nn.functional.softmax(torch.ones(4, 4) @ torch.ones(4, 4), dim=0).sum().item() == 4
""",
    }
    imports = "".join(f"import {name}\n" for name in order)
    rest = "".join(checks[name] for name in NEIGHBOURS)
    python(imports + CLASSIFY + rest + CLASSIFY)


def test_import_is_small():
    """Resident memory of the import in MiB, numpy's included."""
    measure = """
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
before = resident()
import oriel.ort
print(resident() - before)
"""
    assert float(python(measure)) < 25


def test_errors_of_missing_packages_are_one_line(tmp_path):
    """What pip shows on a machine without the libraries names the Debian packages in one command."""
    hidden = [f"--config-settings=cmake.define.CMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in ("fmt", "nlohmann_json")]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), *hidden, str(ROOT)],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert done.returncode != 0
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "apt-get install" in line]
    assert lines == ["Debian packages are missing; as root: apt-get install libfmt-dev nlohmann-json3-dev"]
