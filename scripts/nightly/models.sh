#!/usr/bin/env bash
# Every model of ../shared/models, the 80 hydrated topologies included, against onnxruntime with both providers.
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
exit $status
