#!/usr/bin/env bash
# The standard's own cases with both providers: at every instruction-set level, on two threads, and without optimisation.
source "$(dirname "$0")/../env.sh"

scripts/setup.sh test
scripts/build.sh
status=0
# cases DESCRIPTION [ARGUMENT...]: one pass over all cases.
cases() {
  echo "== $1"
  PYTHONPATH=$PWD/build/python "$VENV/bin/python" tests/conformance/run.py "${@:2}" || status=1
}
for provider in CPUExecutionProvider OpenVINOExecutionProvider; do
  for level in scalar avx2 avx512 vnni bf16; do
    ORIEL_MAX_ISA=$level cases "$provider, $level" --provider "$provider"
  done
  cases "$provider, two threads" --provider "$provider" --threads 2
  cases "$provider, no optimisation" --provider "$provider" --no-optimization
  cases "$provider, two threads, no optimisation" --provider "$provider" --threads 2 --no-optimization
done
exit $status
