#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
set -euo pipefail
cd "$1"
faults=0
for script in examples/run.sh tests/run.sh benchmarks/run.sh; do
  [ -x "$script" ] || { echo "$script cannot be run"; faults=1; }
  grep -qF "$script" README.md 2>/dev/null || { echo "the README does not name $script"; faults=1; }
done
called=$(grep -E '^tests/run.sh' .ci/run | xargs)
[ "$called" = 'tests/run.sh tests/run.sh --asan tests/run.sh --tsan' ] || { echo ".ci/run calls $called"; faults=1; }
exit "$faults"
