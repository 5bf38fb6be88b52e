#!/usr/bin/env bash
# The standard's own cases with both providers, on the reference device, and at every instruction-set level.
source "$(dirname "$0")/../env.sh"

scripts/setup.sh test
scripts/build.sh
status=0
for provider in CPUExecutionProvider OpenVINOExecutionProvider; do
  for level in scalar avx2 avx512 vnni bf16; do
    echo "== $provider, $level"
    ORIEL_MAX_ISA=$level PYTHONPATH=$PWD/build/python "$VENV/bin/python" tests/conformance/run.py --provider "$provider" || status=1
  done
done
exit $status
