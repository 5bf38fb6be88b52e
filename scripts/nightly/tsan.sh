#!/usr/bin/env bash
# The C++ tests under ThreadSanitizer.
source "$(dirname "$0")/../env.sh"

export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:${TSAN_OPTIONS:-}
build_preset tsan
# Kernels that randomise more address bits than the sanitizer's shadow allows need a fixed layout.
if setarch -R true 2>/dev/null; then
  export -f ctest_in
  setarch -R bash -c 'set -euo pipefail; ctest_in build-tsan ctest'
else
  ctest_in build-tsan ctest
fi
