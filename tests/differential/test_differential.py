"""Random operators and graphs on Oriel's two devices and onnxruntime: 2,000 cases of a fixed seed."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parent / "run.py"
SEED = 20
CASES = 2000
CHUNK = 250


@pytest.mark.parametrize("first", range(0, CASES, CHUNK))
def test_engines_agree(first):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    command = [sys.executable, str(RUN), "--seed", str(SEED), "--first", str(first), "--cases", str(CHUNK)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
    assert f"{CHUNK} cases" in done.stdout


def test_difference_is_found(tmp_path):
    """The comparison sees a wrong value, a wrong type and a wrong shape."""
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "import numpy as np, verdict, generate\n"
        "case = generate.make_case(0, 0, generator='matmul')\n"
        "x = np.array([1.0, np.nan, -2.0], np.float32)\n"
        "assert verdict.difference([x], [x.copy()], case) is None\n"
        "for wrong in (x + np.float32(0.01), x[:2], x.astype(np.float64), np.array([1.0, 0.0, -2.0], np.float32)):\n"
        "    assert verdict.difference([x], [wrong], case), wrong\n"
        "assert verdict.difference([x], [x, x], case)\n"
        "assert generate.make_case(7, 3).model == generate.make_case(7, 3).model\n"
    )
    subprocess.run([sys.executable, "-c", script, str(RUN.parent), str(RUN.parents[1] / "shared")], check=True)
