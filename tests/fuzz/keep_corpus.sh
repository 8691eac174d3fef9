#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# After a long run: keeps the smallest inputs that reach all that a target's inputs have reached, those of before among them, in
# corpus/TARGET.tar.gz beside this file. run.sh begins with them.
#   tests/fuzz/keep_corpus.sh FOLDER TARGET            FOLDER: that of run.sh
set -euo pipefail
case ${1:-} in
  '' | -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit ;;
esac
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
target=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/kept"
before=()
if [ -d "$folder/kept/$target" ]; then before=("$folder/kept/$target"); fi
"$folder/$target" -merge=1 -max_len=4096 -timeout=25 "$scratch/kept" "${before[@]}" "$folder/corpus/$target" 2> "$scratch/log" ||
  { tail -60 "$scratch/log"; exit 1; }
mkdir -p "$here/corpus"
(cd "$scratch/kept" && tar --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - -- *) | gzip -n9 > "$here/corpus/$target.tar.gz"
echo "$target: $(find "$scratch/kept" -type f | wc -l) inputs, $(stat -c %s "$here/corpus/$target.tar.gz") bytes"
