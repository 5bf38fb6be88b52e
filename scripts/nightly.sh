#!/usr/bin/env bash
# Runs one lane of scripts/nightly/.
# usage: scripts/nightly.sh LANE
source "$(dirname "$0")/env.sh"

lanes=$(cd scripts/nightly && ls -- *.sh | sed 's/\.sh$//' | paste -sd ' ')
lane=${1:-}
[[ -n $lane && " $lanes " == *" $lane "* ]] || die "choose a lane with LANE=...: $lanes"
scripts/setup.sh
exec "scripts/nightly/$lane.sh"
