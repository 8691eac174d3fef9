#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Configures the core twice in a scratch folder and reads the compile commands. Nothing is built.
set -euo pipefail
cd "$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
commands() {
  local folder=$scratch/$1
  shift
  cmake -B "$folder" -D CATENA_TORCH=OFF -D CMAKE_EXPORT_COMPILE_COMMANDS=ON "$@" >/dev/null
  cat "$folder/compile_commands.json"
}
faults=0
! commands plain -G Ninja -S . | grep -E -- '-Werror|-Wall' || { echo 'warnings without a preset'; faults=1; }
for preset in release dev asan tsan; do
  commands "$preset" --preset "$preset" -D CATENA_TESTS=OFF -D CATENA_EXAMPLES=OFF -D CATENA_BENCHMARKS=OFF |
    grep '"command"' | grep -vE -- '-Wall .*-Werror' && { echo "$preset: commands without -Wall and -Werror"; faults=1; }
done
exit "$faults"
