#!/usr/bin/env bash
# Runs the C++ tests of build/ once for each instruction-set level, capped by ORIEL_MAX_ISA.
# usage: scripts/test_isa.sh LEVEL...     reports go to build/test-results/ctest-LEVEL.xml
source "$(dirname "$0")/env.sh"

status=0
for level in "$@"; do
  echo "-- at most $level"
  ORIEL_MAX_ISA=$level ctest_in build "ctest-$level" -LE slow || status=1
done
exit $status
