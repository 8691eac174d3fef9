#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# The check of the README is itself checked: on a right page, and on every way to be wrong.
set -euo pipefail
check=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check_snippets.sh
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/examples"
cat >"$root/examples/a.cpp" <<'SOURCE'
int main() {
  // [twice]
  int x = 1;

  // [inner]
  if (x) ++x;
  // [/inner]
  // [/twice]
  // [open]
}
SOURCE

# page MARK LINE...: a page with one block.
page() {
  printf '# Title\n\n%s\n```cpp\n' "$1"
  shift
  printf '%s\n' "$@" '```' 'and more'
}
accepts() { bash "$check" "$root" <(page "$@") >/dev/null || { echo "refused: $*"; exit 1; }; }
refuses() { ! bash "$check" "$root" <(page "$@") >/dev/null 2>&1 || { echo "accepted: $*"; exit 1; }; }

accepts '<!-- file: examples/a.cpp region: twice -->' 'int x = 1;' '' 'if (x) ++x;'
accepts '<!-- file: examples/a.cpp region: inner -->' 'if (x) ++x;'
refuses '<!-- file: examples/a.cpp region: inner -->' 'if (x) --x;'
refuses '<!-- file: examples/a.cpp region: inner -->' 'if (x) ++x;' 'x = 3;'
refuses '<!-- file: examples/a.cpp region: other -->' 'if (x) ++x;'
refuses '<!-- file: examples/a.cpp region: open -->' '}'
refuses '<!-- file: examples/b.cpp region: inner -->' 'if (x) ++x;'
refuses '<!-- file: ../examples/a.cpp region: inner -->' 'if (x) ++x;'
refuses 'Some words.' 'if (x) ++x;'
echo 'nothing in C++' >"$root/page.md"
! bash "$check" "$root" "$root/page.md" >/dev/null 2>&1 || { echo 'accepted a page without a block'; exit 1; }
