#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
# Builds the fuzz targets with clang and runs each for so many seconds. What they find lies in the folder, one file a fault.
#   tests/fuzz/run.sh FOLDER [SECONDS [TARGET...]]       e.g. for an hour each: tests/fuzz/run.sh build/fuzz 3600
# FOLDER/corpus/TARGET keeps what was learnt, for the next time. CATENA_FUZZ_SOURCE: other sources than these.
# Exits with 77 where there is no clang for it. It needs the package of clang's runtime libraries, such as libclang-rt-19-dev.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=${CATENA_FUZZ_SOURCE:-$here/../..}
folder=$1
seconds=${2:-1}
shift $(($# < 2 ? $# : 2))

compiler=${CATENA_FUZZ_CXX:-}
if [ -z "$compiler" ]; then
  for name in clang++-{21,20,19,18,17,16} clang++; do
    command -v "$name" > /dev/null || continue
    printf '#include <source_location>\nextern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) {
            return std::source_location::current().line() == 0; }' |
      "$name" -std=c++20 -x c++ -fsanitize=fuzzer,address,undefined -o /dev/null - 2> /dev/null && compiler=$name && break
  done
fi
[ -n "$compiler" ] || { echo "cannot run here: no clang with libFuzzer that knows C++20"; exit 77; }

mkdir -p "$folder/objects"
flags=(-std=c++20 -O1 -g1 -D_GLIBCXX_ASSERTIONS -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
       -I"$source/include" -I"$source" -I"$here/..")
launcher=$(command -v ccache || true)

# compile FILE OBJECT, unless the object is newer than everything it was made of.
compile() {
  # shellcheck disable=SC2046 # one word for each file
  if [ -e "$2.d" ] && [ -z "$(find $(sed 's/^[^:]*://; s/\\$//' "$2.d") -newer "$2" 2>&1 | head -1)" ]; then return; fi
  $launcher "$compiler" "${flags[@]}" -MMD -MF "$2.d" -c "$1" -o "$2"
}

# The policies' sources that a target needs: no thread, no executor and no clock among them.
sources_of() {
  case $1 in
    answer_reading) echo llm/{json_in_text,shape_reader,shape_writer,answer_text,request_body,message,utf8} http/fields error time ;;
    admission_line) echo schedule/{admission_line,token_bucket} ;;
    balancing_policies) echo balance/{balancing_policies,latency_estimate} ;;
    batch_former) echo schedule/{batch_former,batch_options,adaptive_batching,batch_policies,cost_table} \
                       schedule/{request_queue,deadline_order,fair_order,fifo_order,queue_options} ;;
    batch_policies) echo schedule/{adaptive_batching,batch_policies,cost_table} ;;
    breaker) echo recover/breaker error time ;;
    limit_line | limit_policies) echo schedule/{limit_line,limit_policies} ;;
    policy_reading) echo policy/{document,written,json_tree,quantities,option_table,option_tables} error time \
                          recover/{breaker,hedge,retry,retry_budget,fail_early,latency_buckets,latency_histogram} cache/{store,time_to_live} \
                          schedule/{batch_options,adaptive_batching,cost_table,queue_options,gate_options,bulkhead,token_bucket} ;;
    request_queue) echo schedule/{request_queue,deadline_order,fair_order,fifo_order,queue_options} ;;
    sse_parser) echo http/sse_parser error time ;;
    canary_rule) echo version/canary_rule ;;
    cost_table | token_bucket) echo "schedule/$1" ;;
  esac
}

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for file in "$here"/*.cpp; do targets+=("$(basename "$file" .cpp)"); done
fi
for target in "${targets[@]}"; do
  objects=("$folder/objects/$target.o")
  compile "$here/$target.cpp" "${objects[0]}"
  # Its policies as one source: the headers that they share are most of the work.
  policies=$folder/objects/policies_of_$target
  for name in $(sources_of "$target"); do echo "#include \"$source/src/$name.cpp\""; done > "$policies.new"
  if cmp -s "$policies.new" "$policies.cpp"; then rm "$policies.new"; else mv "$policies.new" "$policies.cpp"; fi
  if [ -s "$policies.cpp" ]; then
    compile "$policies.cpp" "$policies.o"
    objects+=("$policies.o")
  fi
  "$compiler" "${flags[@]}" -fsanitize=fuzzer "${objects[@]}" -o "$folder/$target"
  mkdir -p "$folder/corpus/$target"
  "$folder/$target" -max_total_time="$seconds" -max_len=4096 -timeout=25 -print_final_stats=1 -artifact_prefix="$folder/$target-" \
    "$folder/corpus/$target" 2> "$folder/$target.log" || { tail -60 "$folder/$target.log"; exit 1; }
  echo "$target: $(awk '/number_of_executed_units/ {print $2}' "$folder/$target.log") inputs," \
       "$(find "$folder/corpus/$target" -type f | wc -l) in its corpus"
done
