#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# runbook.sh PROJECT: each alert says what it has to and links its own entry, and each entry is an alert's.
set -euo pipefail
cd "$1/examples/ops"
faults=0
diff <(sed -n 's/^ *- alert: //p' catena.rules.yml | sort) --label 'alerts' <(sed -n 's/^### //p' runbook.md | sort) --label 'entries of the runbook' || faults=1
while read -r alert; do
  # The alert's lines, up to the next rule.
  rule=$(sed -n "/- alert: $alert\$/,/^ *runbook:/p" catena.rules.yml)
  [ "$(grep -c -- '- alert:\|- record:' <<<"$rule")" = 1 ] || { echo "$alert links no runbook"; faults=1; }
  grep -qF "runbook: 'runbook.md#${alert,,}'" <<<"$rule" || { echo "$alert does not link its entry, runbook.md#${alert,,}"; faults=1; }
  for has in 'severity: page\|severity: ticket' summary: description:; do
    grep -q "$has" <<<"$rule" || { echo "$alert has no $has"; faults=1; }
  done
done < <(sed -n 's/^ *- alert: //p' catena.rules.yml)
while read -r anchor; do
  grep -qix "### $anchor" runbook.md || { echo "the runbook links #$anchor, which is not there"; faults=1; }
done < <(grep -oE '\]\(#[a-z]+' runbook.md | cut -c 4-)
exit "$faults"
