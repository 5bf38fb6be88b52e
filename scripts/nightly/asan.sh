#!/usr/bin/env bash
# The C++ tests under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer.
# usage: scripts/nightly/asan.sh [--quick]     --quick leaves out the tests with the ctest label "slow"
source "$(dirname "$0")/../env.sh"

selection=()
if [[ ${1:-} == --quick ]]; then selection=(-LE slow); fi
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}
build_preset asan
ctest_in build-asan ctest "${selection[@]}"
