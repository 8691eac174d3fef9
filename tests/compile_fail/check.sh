#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# check.sh CASE COMPILER LOG: compares the first error in the log with what the case expects of that compiler.
set -euo pipefail
case=$1 compiler=$2 log=$3
expected=$(sed -n "s|^// expect\(-$compiler\)\{0,1\}: ||p" "$case" | head -n 1)
status=$(sed -n '$s/^exit status //p' "$log")
first=$(grep -m 1 'error: ' "$log" || true)

complain() {
  printf '%s\n' "$(basename "$case"), $compiler: $1" "  expected: $expected" "  first error: ${first:-none}" 'All of it:' >&2
  head -n 60 "$log" >&2
  exit 1
}

[ -n "$expected" ] || complain "no '// expect: REGEX' and no '// expect-$compiler: REGEX'"
if [ "$expected" = compiles ]; then
  [ "$status" = 0 ] || complain 'does not compile'
  exit
fi
[ "$status" != 0 ] || complain 'compiles'
printf '%s\n' "$first" | grep -qE -- "$expected" || complain 'the first error says something else'
