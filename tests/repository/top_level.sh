#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
set -euo pipefail
cd "$1"
faults=0
for entry in *; do
  case $entry in
    CMakeLists.txt | CMakePresets.json | LICENSE | README.md | benchmarks | examples | include | src | tests) ;;
    build | CMakeUserPresets.json) ;; # ignored by git
    *) echo "the top level should not hold $entry"; faults=1 ;;
  esac
done
for entry in CMakeLists.txt CMakePresets.json LICENSE README.md benchmarks examples include/catena src tests .ci/run; do
  [ -e "$entry" ] || { echo "$entry is missing"; faults=1; }
done
exit "$faults"
