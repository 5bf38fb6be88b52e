"""What the README shows works as shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

import oriel


def test_snippets_of_the_readme(root):
    """Every ```python block runs in the root; a comment behind a print starts with what it prints."""
    text = (root / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert blocks
    package = str(Path(oriel.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=root, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        expected = re.findall(r"^print\(.*\)  # (\S+?)(?:\.\.\.)?$", block, re.MULTILINE)
        printed = done.stdout.splitlines()
        assert expected and len(printed) == len(expected)
        for line, start in zip(printed, expected):
            assert line.startswith(start), (line, start)
