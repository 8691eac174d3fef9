#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# program.sh PROGRAM: what catena-policy says, and how it exits.
set -euo pipefail
program=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
faults=0
# expect WHAT CODE TEXT ARGUMENT...: calls the program.
expect() {
  local what=$1 code=$2 text=$3 said=0 got
  shift 3
  got=$("$program" "$@" 2>"$scratch/errors") || said=$?
  [ "$said" = "$code" ] || { echo "$what: exits with $said, not $code"; faults=1; }
  [ "$got" = "$text" ] || { printf '%s:\n  expected %s\n  got      %s\n' "$what" "$text" "$got"; faults=1; }
}

echo '{"stages": {"fraud/place": {"timeout": "250ms"}}}' >"$scratch/good.json"
cat >"$scratch/bad.json" <<'DOCUMENT'
{"stages": {"fraud/place": {"timeout": 250, "retry": {"retrys": 2}}}, "models": {"risk": {"queue": {"max_bytes": "512Mi"}}}}
DOCUMENT
expect 'a right document' 0 '' check "$scratch/good.json"
expect 'a right document on the standard input' 0 '' check - <"$scratch/good.json"
expect 'a document with three faults' 1 "$scratch/bad.json: /stages/fraud~1place/timeout: must be a duration such as \"250ms\" (ns, us, ms, s, min, h), is 250
$scratch/bad.json: /stages/fraud~1place/retry/retrys: is not known; the nearest that is: 'retries'
$scratch/bad.json: /models/risk/queue/max_bytes: must be a size such as \"512MiB\" (B, KB, KiB, MB, MiB, GB, GiB, TB, TiB), or bytes, is '512Mi'" \
  check "$scratch/bad.json"
expect 'no such file' 2 '' check "$scratch/nonesuch.json"
expect 'a folder' 2 '' check "$scratch"
expect 'no file' 2 '' check
expect 'no command' 2 ''
expect 'another command' 2 '' apply "$scratch/good.json"
grep -q '^usage: catena-policy check FILE' "$scratch/errors" || { echo 'wrong usage is not explained'; faults=1; }
"$program" schema >"$scratch/schema"  # not through a pipe, which grep leaves before all is written
grep -q 'https://json-schema.org/draft/2020-12/schema' "$scratch/schema" || { echo 'no schema'; faults=1; }
exit "$faults"
