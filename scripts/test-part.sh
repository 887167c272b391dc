#!/usr/bin/env bash
# Runs one part of the tests, here or in the virtual machine: scripts/test-part.sh NAME SECONDS COMMAND…
# What it prints goes to artifacts/test-results/NAME.log too, its exit status to NAME.status.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
name=$1
seconds=$2
shift 2
echo "== $name"
timeout --kill-after=10 "$seconds" "$@" 2>&1 | tee "artifacts/test-results/$name.log"
status=${PIPESTATUS[0]}
# An end by force shows as 137.
if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
  echo "$name did not end within $seconds s" | tee -a "artifacts/test-results/$name.log"
fi
echo "$status" >"artifacts/test-results/$name.status"
echo "== $name: $SECONDS s"
