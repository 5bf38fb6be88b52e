"""Collects one test a case, and runs the selected cases once, in a few processes."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "shared")]
try:
    import oriel  # noqa: F401
except ModuleNotFoundError:
    sys.path.insert(0, str(HERE.parents[1] / "build" / "python"))

import cases as case_library  # noqa: E402
import runner  # noqa: E402
from run import write_results  # noqa: E402

ENGINE = os.environ.get("ORIEL_TEST_ENGINE", "oriel")
PROVIDER = os.environ.get("ORIEL_TEST_PROVIDER", "CPUExecutionProvider")
RESULTS = os.environ.get("ORIEL_TEST_RESULTS")


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", case_library.load_cases(), ids=lambda c: c.name)


@pytest.fixture(scope="session")
def results(request):
    """{name: result} of the cases that this session selected."""
    here = [i for i in request.session.items if i.path.parent == HERE and "case" in getattr(i, "fixturenames", ())]
    cases = [i.callspec.params["case"] for i in here]
    found = runner.run_all(cases, ENGINE, PROVIDER)
    if RESULTS:
        write_results(Path(RESULTS), found)
    return {r.name: r for r in found}
