#!/usr/bin/env bash
# Every model of ../shared/models, the 80 hydrated topologies included, against onnxruntime with both providers, and what share
# of their runs the reference device takes.
source "$(dirname "$0")/../env.sh"

scripts/setup.sh test
scripts/build.sh
hydrated=${HYDRATED:-build/hydrated}
[[ -d $hydrated ]] || "$VENV/bin/python" ../shared/models/hydrate.py "$hydrated"
status=0
for provider in CPUExecutionProvider OpenVINOExecutionProvider; do
  PYTHONPATH=$PWD/build/python "$VENV/bin/python" tests/models/compare.py --provider "$provider" --json "build/models-$provider.json" \
    ../shared/models/{real,derived,toy}/*.onnx "$hydrated"/*.onnx || status=1
done
PYTHONPATH=$PWD/build/python "$VENV/bin/python" tests/models/reference_share.py --run \
  ../shared/models/{real,derived,toy}/*.onnx "$hydrated"/*.onnx || status=1
exit $status
