#!/usr/bin/env bash
# Random operators and graphs on both devices and onnxruntime. SEED (default: the day) and CASES (50000) may be given; wrong
# cases are written to build/differential.
source "$(dirname "$0")/../env.sh"

scripts/setup.sh test
scripts/build.sh
seed=${SEED:-$(date +%Y%m%d)}
echo "seed $seed"
PYTHONPATH=$PWD/build/python "$VENV/bin/python" tests/differential/run.py --seed "$seed" --cases "${CASES:-50000}" --jobs "$JOBS" --save build/differential
