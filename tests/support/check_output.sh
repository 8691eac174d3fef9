#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# check_output.sh SOURCE PROGRAM: runs the program and compares what it prints with the source's `// prints: TEXT` lines.
set -euo pipefail
expected=$(sed -n 's|^ *// prints: \{0,1\}||p' "$1")
[ -n "$expected" ] || { echo "$1 does not say what it prints (lines '// prints: TEXT')" >&2; exit 1; }
diff -u --label "what $(basename "$1") says" <(printf '%s\n' "$expected") --label "what it prints" <("$2")
