#!/usr/bin/env bash
# The C++ build and tests with Clang 16, and clang-tidy over every source of the engine.
source "$(dirname "$0")/../env.sh"

scripts/setup.sh clang
build_preset clang
status=0
ctest_in build-clang ctest || status=1
run-clang-tidy-16 -quiet -j "$JOBS" -p build-clang "$PWD/(src|bindings|tools)/" || status=1
exit $status
