#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# exposition.sh PROJECT CATENA_TESTS [CATENA_HTTP_TESTS]: all that catena measures, written down by a test of each program, is all that its
# sources name, as promtool wants it, and has all that the rules and the runbook speak of.
set -euo pipefail
cd "$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sources=(include/catena/observe/metric_families.hpp)
[ -z "${3-}" ] || sources+=(src/http/*.cpp)
for program in "${@:2}"; do
  CATENA_EXPOSITION=$scratch/exposition.$(basename "$program") "$program" 'all that is measured is told together*' >"$scratch/said" ||
    { cat "$scratch/said"; exit 1; }
done
faults=0
# missing WHAT: complains of the names in the standard input that the exposition, or the rules for those with a colon, does not have.
{
  sed -n 's/^# TYPE \([^ ]*\) .*/\1/p; s/^\([a-z][a-z0-9_]*\)[{ ].*/\1/p' "$scratch"/exposition.*
  sed -n 's/^ *- record: //p' examples/ops/catena.rules.yml
} | sort -u >"$scratch/known"
missing() {
  local names
  names=$(sort -u | comm -23 - "$scratch/known")
  [ -z "$names" ] || { printf '%s:\n%s\n' "$1" "$names"; faults=1; }
}
missing 'the sources name what no exposition_test.cpp shows' < <(
  sed -nE 's/^ *([a-z_:]* )*[a-z_]+\{"([a-z_]+)", kind::counter,.*/\2_total/p; s/^ *([a-z_:]* )*[a-z_]+\{"([a-z_]+)", kind::(gauge|state|histogram),.*/\2/p' \
    "${sources[@]}")
missing 'the rules use what nobody tells' < <(
  grep -vE '^ *(#|- name:|summary:|description:)' examples/ops/catena.rules.yml | grep -oE '(catena|process)[_:][a-z0-9_:]+')
missing 'the runbook speaks of what nobody tells' < <(grep -oE '\<(catena|process)[_:][a-z0-9_:]+' examples/ops/runbook.md)
if command -v promtool >/dev/null; then
  for exposition in "$scratch"/exposition.*; do promtool check metrics <"$exposition" || faults=1; done
else
  [ "$faults" = 1 ] || echo 'cannot run here: there is no promtool to check the metrics'
fi
exit "$faults"
