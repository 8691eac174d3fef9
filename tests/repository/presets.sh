#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
set -euo pipefail
cd "$1"
faults=0
for kind in configure build test workflow; do
  listed=$(cmake --list-presets="$kind" | sed -n 's/^ *"\([a-z]*\)".*/\1/p' | sort | xargs)
  [ "$listed" = 'asan dev release tsan' ] || { echo "presets to $kind: $listed"; faults=1; }
done
# shellcheck disable=SC2016  # CMake expands these
grep -q '"binaryDir": "${sourceDir}/build/${presetName}"' CMakePresets.json || { echo 'a preset builds elsewhere'; faults=1; }
grep -q '"CATENA_SANITIZE": "address,undefined"' CMakePresets.json || { echo 'no ASan and UBSan'; faults=1; }
grep -q '"CATENA_SANITIZE": "thread"' CMakePresets.json || { echo 'no TSan'; faults=1; }
exit "$faults"
