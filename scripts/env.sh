# Sourced by the other scripts: where things are, and helpers they share. Changes to the root of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export PYTHON=${PYTHON:-python3}
export JOBS=${JOBS:-$(nproc)}
VENV=$PWD/.venv
# Tools that came from PyPI serve only where the system has none.
export PATH=$PATH:$VENV/bin

# die MESSAGE...: one line on stderr, then failure.
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# build_preset PRESET [CMAKE-ARGUMENT...]: configures and builds.
build_preset() {
  local preset=$1
  shift
  cmake --preset "$preset" --log-level=WARNING "$@" >/dev/null
  cmake --build --preset "$preset" -j "$JOBS"
}

# ctest_in BUILD_DIR REPORT [CTEST-ARGUMENT...]: runs the C++ tests; the report is BUILD_DIR/test-results/REPORT.xml.
ctest_in() {
  local build=$PWD/$1 report=$PWD/$1/test-results/$2.xml
  shift 2
  mkdir -p "${report%/*}"
  rm -f "$report"
  ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$JOBS" --output-junit "$report" "$@"
}
