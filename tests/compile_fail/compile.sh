#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# compile.sh [--depfile] LOG COMPILER ARGUMENT...: checks a file's syntax and types. LOG gets what the compiler says and, as its
# last line, its exit status; LOG.d, if asked for, gets what the file includes. Succeeds whatever the compiler says: the tests judge it.
set -euo pipefail
depfile=
if [ "$1" = --depfile ]; then
  depfile=$2.d
  shift
fi
log=$1
shift
status=0
LC_ALL=C "$@" -fsyntax-only -fdiagnostics-color=never ${depfile:+-MD -MT "$log" -MF "$depfile"} >"$log.new" 2>&1 || status=$?
# A compiler that found an error does not write the dependencies, so the preprocessor is asked for them by itself.
if [ -n "$depfile" ] && [ "$status" != 0 ]; then
  "$@" -M -MT "$log" -MF "$depfile" 2>/dev/null || printf '%s:\n' "$log" >"$depfile"
fi
echo "exit status $status" >>"$log.new"
mv "$log.new" "$log"
