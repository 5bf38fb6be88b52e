"""Every case of the onnx package passes, or fails for a reason that expected_failures.txt states."""

import os

import pytest
from expectations import expected_failures, verdict

REASONS = expected_failures() if os.environ.get("ORIEL_TEST_ENGINE", "oriel") == "oriel" else {}


def test_case(case, results):
    result = results[case.name]
    ok, line = verdict(result, REASONS)
    if not ok:
        pytest.fail(line, pytrace=False)
    if not result.passed:
        pytest.xfail(line)
