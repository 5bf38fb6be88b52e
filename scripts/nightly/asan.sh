#!/usr/bin/env bash
# The C++ tests and the standard's cases under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer.
# usage: scripts/nightly/asan.sh [--quick]     --quick: the engine without its kernels and with fewer checks of
#                                             undefined behaviour, and the tests that look at it
source "$(dirname "$0")/../env.sh"

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}
if [[ ${1:-} == --quick ]]; then
  tests=(onnx_reader_test docs_examples_test)
  cmake --preset asan-quick --log-level=WARNING >/dev/null
  cmake --build --preset asan-quick -j "$JOBS" --target "${tests[@]}"
  ctest_in build-asan-quick ctest -R "^($(IFS='|'; echo "${tests[*]}"))\$"
else
  scripts/setup.sh test
  build_preset asan -DORIEL_BUILD_PYTHON=ON -DPython_EXECUTABLE="$VENV/bin/python"
  status=0
  ctest_in build-asan ctest || status=1
  # The standard's cases in a Python without sanitizers, which has its own ideas of what leaks.
  LD_PRELOAD="$(c++ -print-file-name=libasan.so) $(c++ -print-file-name=libstdc++.so)" \
    ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS PYTHONPATH=$PWD/build-asan/python \
    "$VENV/bin/python" tests/conformance/run.py -j "$JOBS" || status=1
  exit $status
fi
