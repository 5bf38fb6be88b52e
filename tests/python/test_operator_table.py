"""docs/operators.md is what scripts/make_operator_table.py makes of the engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import oriel


def test_operator_table(root):
    build = Path(oriel.__file__).parents[2]
    program = build / "bin" / "oriel"
    if not os.access(program, os.X_OK):
        pytest.skip("the shell stands beside the package in a build folder alone")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(build / "python"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, root / "scripts" / "make_operator_table.py", "--check", "--program", program],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"run scripts/make_operator_table.py to write it anew\n{done.stdout}{done.stderr}"
