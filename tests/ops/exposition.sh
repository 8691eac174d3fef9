#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# exposition.sh PROJECT CATENA_TESTS: all that catena measures, written down by one of its tests, is all that its header names, as promtool
# wants it, and has all that the rules and the runbook speak of.
set -euo pipefail
cd "$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
CATENA_EXPOSITION=$scratch/exposition "$2" 'all that is measured is told together*' >"$scratch/said" || { cat "$scratch/said"; exit 1; }
faults=0
# missing WHAT: complains of the names in the standard input that the exposition, or the rules for those with a colon, does not have.
{
  sed -n 's/^# TYPE \([^ ]*\) .*/\1/p; s/^\([a-z][a-z0-9_]*\)[{ ].*/\1/p' "$scratch/exposition"
  sed -n 's/^ *- record: //p' examples/ops/catena.rules.yml
} | sort -u >"$scratch/known"
missing() {
  local names
  names=$(sort -u | comm -23 - "$scratch/known")
  [ -z "$names" ] || { printf '%s:\n%s\n' "$1" "$names"; faults=1; }
}
missing 'metric_families.hpp has what tests/observe/exposition_test.cpp does not show' < <(
  sed -nE 's/^ *([a-z_:]* )*[a-z_]+\{"([a-z_]+)", kind::counter,.*/\2_total/p; s/^ *([a-z_:]* )*[a-z_]+\{"([a-z_]+)", kind::(gauge|state|histogram),.*/\2/p' \
    include/catena/observe/metric_families.hpp)
missing 'the rules use what nobody tells' < <(
  grep -vE '^ *(#|- name:|summary:|description:)' examples/ops/catena.rules.yml | grep -oE '(catena|process)[_:][a-z0-9_:]+')
missing 'the runbook speaks of what nobody tells' < <(grep -oE '\<(catena|process)[_:][a-z0-9_:]+' examples/ops/runbook.md)
if command -v promtool >/dev/null; then
  promtool check metrics <"$scratch/exposition" || faults=1
else
  [ "$faults" = 1 ] || echo 'cannot run here: there is no promtool to check the metrics'
fi
exit "$faults"
