#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# check_snippets.sh ROOT PAGE: every ```cpp block of the page is, but for its indentation, a region of a file that the
# tests compile and run. The page says which one right above the block; the file marks it with comments:
#
#   <!-- file: examples/first_chain.cpp region: chain -->        // [chain]
#   ```cpp                                                       ...
#   ...                                                          // [/chain]
# shellcheck disable=SC2094  # the page is read twice and written never
set -euo pipefail
root=$1 page=$2
faults=0 blocks=0

complain() { printf '%s:%s\n' "$page" "$1" >&2; faults=$((faults + 1)); }

# region FILE NAME: the lines between the marks, without what all of them are indented by and without inner marks.
region() {
  awk -v open="// [$2]" -v close_="// [/$2]" '
    { text = $0; sub(/^ +/, "", text) }
    text == open { inside = 1; found = 1; next }
    text == close_ { inside = 0; closed = 1; next }
    inside && text !~ /^\/\/ \[\/?[a-z0-9_]+\]$/ {
      line[++n] = $0
      if (text != "") {
        indent = length($0) - length(text)
        if (least == "" || indent < least) least = indent
      }
    }
    END {
      if (!found || !closed) exit 1
      for (i = 1; i <= n; i++) print substr(line[i], least + 1)
    }' "$1"
}

number=0 mark='' inside=0 block='' start=0
while IFS= read -r line || [ -n "$line" ]; do
  number=$((number + 1))
  if [ "$inside" = 1 ]; then
    if [ "$line" != '```' ]; then
      block+=$line$'\n'
      continue
    fi
    inside=0 blocks=$((blocks + 1))
    file='' name=''
    if [[ $mark =~ ^'<!-- file: '([^ ]+)' region: '([a-z0-9_]+)' -->'$ ]]; then
      file=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
    fi
    mark=''
    if [ -z "$file" ]; then
      complain "$start: the line above this block must be <!-- file: FILE region: NAME -->"
    elif [[ ! $file =~ ^(examples|tests)/[^.][a-z0-9_/]*\.cpp$ || ! -r $root/$file ]]; then
      complain "$start: $file is not a source of the examples or of the tests"
    elif ! expected=$(region "$root/$file" "$name"); then
      complain "$start: $file has no region // [$name] ... // [/$name]"
    elif ! difference=$(diff -u --label "$file" <(printf '%s\n' "$expected") --label "$page" <(printf %s "$block")); then
      complain "$start: not what $file says:"
      printf '%s\n' "$difference" >&2
    fi
  elif [ "$line" = '```cpp' ]; then
    inside=1 block='' start=$number
  elif [ -n "$line" ]; then
    mark=$line
  fi
done <"$page"
[ "$inside" = 0 ] || complain "$start: this block has no end"
[ "$blocks" != 0 ] || complain "1: no \`\`\`cpp block at all"
echo "$blocks blocks, $faults faults"
[ "$faults" = 0 ]
