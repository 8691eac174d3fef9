#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# compile.sh LOG COMPILER ARGUMENT...: checks a file's syntax and types. LOG gets what the compiler says and, as its last
# line, its exit status; LOG.d gets what the file includes. Succeeds whatever the compiler says: the tests judge it.
set -euo pipefail
log=$1
shift
# A compiler that found an error does not write the dependencies, so the preprocessor is asked for them by itself.
"$@" -M -MT "$log" -MF "$log.d" 2>/dev/null || printf '%s:\n' "$log" >"$log.d"
status=0
LC_ALL=C "$@" -fsyntax-only -fdiagnostics-color=never >"$log.new" 2>&1 || status=$?
echo "exit status $status" >>"$log.new"
mv "$log.new" "$log"
