#!/usr/bin/env bash
# Builds the wheel as `pip install .` does, installs it into a fresh virtual environment and runs tests/wheel there.
# usage: scripts/nightly/wheel.sh [PYTEST-ARGUMENT...]     WITH_TORCH=1 adds torch to the neighbours
source "$(dirname "$0")/../env.sh"

scripts/setup.sh
work=$PWD/build-wheel/lane
rm -rf "$work"/{dist,venv}
mkdir -p "$work/dist"
# The build folder stays, so that a second run compiles only what changed. Its depth, and the name of the compiler, are those
# of the other builds, whose objects ccache then finds.
export CXX=${CXX:-c++}
"$VENV/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps -w "$work/dist" \
  --config-settings=build-dir="$PWD/build-wheel" .
"$PYTHON" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$work"/dist/oriel-*.whl \
  -r requirements/test.txt -r requirements/wheel.txt ${WITH_TORCH:+torch}
WHEEL=$(echo "$work"/dist/oriel-*.whl) "$work/venv/bin/python" -m pytest -q \
  --junit-xml="$work/test-results/pytest.xml" tests/wheel "$@"
