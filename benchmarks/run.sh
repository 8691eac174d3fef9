#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Runs the benchmarks: installs what is missing, builds, runs them one after the other, and joins their results.
#
#   benchmarks/run.sh [--quick] [NAME...]    all of them or those named; --quick says whether they run, not how fast
#
# The results are in build/benchmarks.json: {"benchmarks": [{"benchmark": ..., "results": [...]}, ...]}
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../tests/support/steps.sh"

quick=() names=()
for argument in "$@"; do
  case $argument in
    -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit ;;
    --quick) quick=(--quick) ;;
    -*) fail "unknown option $argument (see --help)" ;;
    *) names+=("$argument") ;;
  esac
done
if [ ${#names[@]} = 0 ]; then
  for folder in "$root"/benchmarks/*/; do
    name=$(basename "$folder")
    [ "$name" = support ] || names+=("$name")
  done
fi

# shellcheck disable=SC2046
install_packages $(build_packages) libtbb-dev libcurl4-openssl-dev
configure release -D CATENA_TESTS=OFF
build release "${names[@]/#/bench_}"

parts=$root/build/benchmarks
mkdir -p "$parts"
for name in "${names[@]}"; do
  say "running the benchmark $name"
  "$root/build/release/benchmarks/bench_$name" "${quick[@]}" --json "$parts/$name.json"
done
{
  echo '{"benchmarks": ['
  separator=
  for name in "${names[@]}"; do
    printf '%s' "$separator"
    cat "$parts/$name.json"
    separator=,
  done
  echo ']}'
} >"$root/build/benchmarks.json"
say "the results are in $root/build/benchmarks.json"
