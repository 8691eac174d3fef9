#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# check_clean.sh LIST: every log in the list says nothing but success.
set -euo pipefail
count=0 faults=0
while read -r log; do
  count=$((count + 1))
  if [ "$(cat "$log")" != 'exit status 0' ]; then
    faults=$((faults + 1))
    head -n 30 "$log" >&2
  fi
done <"$1"
echo "$count files, $faults with errors or warnings"
[ "$count" -gt 0 ] && [ "$faults" = 0 ]
