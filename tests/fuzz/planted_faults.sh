#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
# Shows that the fuzz targets find faults: plants some in a copy of the policies and expects each target to fail in seconds.
#   tests/fuzz/planted_faults.sh FOLDER [TARGET...]      all that run.sh runs where none is named
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
copy=$folder/planted
rm -rf "$copy"
mkdir -p "$copy"
cp -r "$here"/../../{include,src} "$copy/"

# plant FILE OLD NEW: a fault in the copy.
plant() {
  grep -qF -- "$2" "$copy/$1" || { echo "there is no '$2' in $1 any more: plant the fault elsewhere"; exit 1; }
  local text
  text=$(< "$copy/$1")
  printf '%s\n' "${text/"$2"/"$3"}" > "$copy/$1"
}

# A request is granted that lacks a little less than a token.
plant include/catena/schedule/token_bucket.hpp "if (missing > 0) return after(now, missing);" "if (missing >= interval) return after(now, missing);"
# A timer that is removed from the middle takes those below it along.
plant include/catena/runtime/timer_heap.hpp "if (children) root_ = meld(root_, children);" ""
# A hit leaves its entry where it is: first in, first out instead of least recently used.
plant include/catena/cache/lru.hpp "if (table_[order].next != i) {" "if (table_[order].next == i) {"
# A full line makes room for requests of the same priority.
plant src/schedule/limit_line.cpp "if (last.priority >= r.priority)" "if (last.priority > r.priority)"
# A probe that went well lets no other one follow before the wait is over.
plant src/recover/breaker.cpp "next_probe_ = now; return;" "return;"
# Whoever is chosen pays what it has instead of what all have earned: the first one gets more than its share.
plant src/balance/balancing_policies.cpp "from[richest]->credit -= total;" "from[richest]->credit -= from[richest]->credit;"
# An answer of stable is compared with every one of the canary that comes before the next.
plant src/version/canary_rule.cpp "  stable_latency_.reset();" ""
# A size or a duration that is too large is another one.
plant src/policy/quantities.cpp "if (__builtin_mul_overflow(sum, unit->worth, &sum)) return reading_end::too_large;" \
  "sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) * static_cast<std::uint64_t>(unit->worth));"

# A line that ends between two pieces begins with the second of them.
plant src/http/sse_parser.cpp "found = take_line(line_);" "found = take_line(part);"
# A head is looked at before it is whole: what is wrong with it shows sooner or later, as it is split.
plant src/http/message_parser.hpp "if (IsRequest && !seen_head_) return sum;" ""

# Who has no token may load models, and decide about runs.
plant src/http/server/router.hpp 'return method != "GET";' 'return method == "PUT";'

targets=("${@:2}")
if [ ${#targets[@]} -eq 0 ]; then
  targets=(token_bucket timer_heap cache_policies limit_line breaker balancing_policies canary_rule policy_reading sse_parser request_reading)
fi
status=0
# What finds them is what the targets require: no sanitizer has to.
CATENA_FUZZ_PLAIN=1 CATENA_FUZZ_SOURCE=$copy "$here/run.sh" "$copy/build" 20 "${targets[@]}" > "$copy/out" 2>&1 || status=$?
if [ ! -e "$copy/build/objects/program" ]; then
  cat "$copy/out"
  exit $((status == 77 ? 77 : 1))
fi
missed=0
for target in "${targets[@]}"; do
  if found=$(grep -m1 -o 'a promise was broken\|ERROR: .*' "$copy/build/$target.log"); then
    echo "$target: found, $found"
  else
    echo "$target: its fault was not found"
    missed=1
  fi
done
exit $missed
