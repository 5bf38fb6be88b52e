#!/usr/bin/env bash
# Configures and builds a preset of CMakePresets.json (default: release) with the interpreter of .venv.
# usage: scripts/build.sh [PRESET [CMAKE-ARGUMENT...]]
source "$(dirname "$0")/env.sh"

preset=${1:-release}
build_preset "$preset" -DPython_EXECUTABLE="$VENV/bin/python" "${@:2}"
