#!/usr/bin/env bash
# Runs the C++ and the Python tests of build/ and prints the total last. Fails where a test failed or none ran.
source "$(dirname "$0")/env.sh"

results=build/test-results
status=0
ctest_in build ctest || status=1

rm -f "$results/pytest.xml"
PYTHONPATH=$PWD/build/python "$VENV/bin/python" -m pytest -q --junit-xml="$results/pytest.xml" "$@" || status=1

"$PYTHON" scripts/test_totals.py "$results/ctest.xml" "$results/pytest.xml" || status=1
exit $status
