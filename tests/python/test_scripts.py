"""The scripts that guard the sources and add up test results."""

import re
import subprocess
import sys

import pytest


def run(root, script, *arguments):
    return subprocess.run(
        [sys.executable, root / "scripts" / script, *map(str, arguments)], capture_output=True, text=True
    )


@pytest.mark.parametrize("script", ["check_docs.py", "check_layers.py", "check_weak_symbols.py"])
def test_checker_finds_breaches(root, script):
    done = run(root, script, "--self-test")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", ["check_docs.py", "check_layers.py"])
def test_sources_are_sound(root, script):
    done = run(root, script)
    assert done.returncode == 0, done.stdout + done.stderr


def report(*cases):
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


PASSED = '<testcase name="a" status="run"/>'
FAILED = '<testcase name="b" status="fail"><failure message="x"/></testcase>'
BROKEN = '<testcase name="c"><error message="x"/></testcase>'
SKIPPED = '<testcase name="d"><skipped message="x"/></testcase>'
DISABLED = '<testcase name="e" status="disabled"/>'


@pytest.mark.parametrize(
    ("reports", "steps", "total", "status"),
    [
        ([report(PASSED, PASSED), report(PASSED, SKIPPED, DISABLED)], 0, "3 passed, 0 failed, 2 skipped", 0),
        ([report(PASSED, FAILED, BROKEN)], 0, "1 passed, 2 failed, 0 skipped", 1),
        ([report(PASSED)], 2, "1 passed, 2 failed, 0 skipped", 1),
        ([report(PASSED), None], 0, "1 passed, 1 failed, 0 skipped", 1),
        ([report(PASSED), "<cut off"], 0, "1 passed, 1 failed, 0 skipped", 1),
        ([report(PASSED), report()], 0, "1 passed, 1 failed, 0 skipped", 1),
        ([report(SKIPPED)], 0, "0 passed, 0 failed, 1 skipped", 1),
        ([], 0, "0 passed, 0 failed, 0 skipped", 1),
    ],
)
def test_totals(root, tmp_path, reports, steps, total, status):
    paths = []
    for number, text in enumerate(reports):
        paths.append(tmp_path / f"{number}.xml")
        if text is not None:
            paths[-1].write_text(text)
    done = run(root, "test_totals.py", "--failed-steps", steps, *paths)
    assert done.stdout.splitlines()[-1] == total
    assert done.returncode == status


def test_debian_packages_are_listed_once(root):
    """What CMake names as missing is what the set-up installs."""
    packages = (root / "requirements/debian.txt").read_text()
    listed = re.findall(r"^([a-z0-9.+-]+) +(?:command|header|python) ", packages, re.MULTILINE)
    assert len(listed) == len(set(listed))
    named = re.findall(r"oriel_require\(\S+ ([a-z0-9.+-]+)\)", (root / "cmake/dependencies.cmake").read_text())
    assert named
    assert set(named) - set(listed) <= {"libbenchmark-dev"}
