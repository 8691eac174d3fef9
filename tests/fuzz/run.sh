#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
# Builds the fuzz targets with clang and runs each for so many seconds, as many at once as there are cores. What they find lies
# in the folder, one file a fault; FOLDER/TARGET FILE runs it again.
#   tests/fuzz/run.sh FOLDER [SECONDS [TARGET...]]       e.g. for an hour each: tests/fuzz/run.sh build/fuzz 3600
# FOLDER/corpus/TARGET keeps what was learnt, for the next time. CATENA_FUZZ_SOURCE: other sources than these. CATENA_FUZZ_PLAIN=1:
# without sanitizers and -O1, which is built in a third of the time.
# Exits with 77 where there is no clang for it. It needs the package of clang's runtime libraries, such as libclang-rt-19-dev.
set -euo pipefail
case ${1:-} in
  '' | -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit ;;
esac
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "${CATENA_FUZZ_SOURCE:-$here/../..}" && pwd)
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
flags=(-std=c++20 -g1 -D_GLIBCXX_ASSERTIONS -fsanitize=fuzzer-no-link -I"$source/include" -I"$source" -I"$here/..")
if [ -z "${CATENA_FUZZ_PLAIN:-}" ]; then flags+=(-O1 "-fsanitize=address,undefined" -fno-sanitize-recover=all); fi
launcher=$(command -v ccache || true)

# compile NAME FILE...: the files as one source, as what they include is most of the work; not if its object is newer than
# everything that it was made of.
compile() {
  local unit=$folder/objects/$1
  shift
  printf '#include "%s"\n' "$@" > "$unit.new"
  if cmp -s "$unit.new" "$unit.cpp"; then rm "$unit.new"; else mv "$unit.new" "$unit.cpp"; fi
  # shellcheck disable=SC2046 # one word for each file
  if [ -e "$unit.o.d" ] && [ -z "$(find $(sed 's/^[^:]*://; s/\\$//' "$unit.o.d") -newer "$unit.o" 2>&1 | head -1)" ]; then return; fi
  $launcher "$compiler" "${flags[@]}" -MMD -MF "$unit.o.d" -c "$unit.cpp" -o "$unit.o"
}

# The policies' sources, in parts, as some of them use the same names: no thread, no executor and no clock among them.
part_1=({error,time} observe/{histogram,metric_set,json_text} balance/{balancing_policies,latency_estimate} cache/{store,time_to_live} http/sse_parser
        recover/{breaker,hedge,retry,retry_budget,fail_early,latency_buckets,latency_histogram}
        schedule/{admission_line,token_bucket,gate_options,bulkhead})
part_2=(policy/{document,written,json_tree,quantities,option_table,option_tables} version/canary_rule
        schedule/{batch_former,batch_options,adaptive_batching,batch_policies,cost_table,limit_line,limit_policies}
        schedule/{request_queue,deadline_order,fair_order,fifo_order,queue_options})
part_3=(llm/{json_in_text,shape_reader,shape_writer,answer_text,request_body,message,message_text,utf8} http/{fields,answer_reader,response_parser,status_failure,url,proxy,retry_after}
        incident/sha256 http/server/{message,request_parser,request_reader,router,access})
# shellcheck disable=SC2046 # one word for each file
(
  compile policies_1 $(printf "$source/src/%s.cpp\n" "${part_1[@]}")
  compile policies_2 $(printf "$source/src/%s.cpp\n" "${part_2[@]}")
  compile policies_3 $(printf "$source/src/%s.cpp\n" "${part_3[@]}")
) & compiling=$!
compile targets "$here"/*.cpp "$here/program/main.cpp"
wait "$compiling"
"$compiler" "${flags[@]}" -fsanitize=fuzzer "$folder"/objects/{policies_1,policies_2,policies_3,targets}.o -lcrypto -o "$folder/objects/program"

run_target() {
  ln -sf objects/program "$folder/$1"
  mkdir -p "$folder/corpus/$1"
  "$folder/$1" -max_total_time="$seconds" -max_len=4096 -timeout=25 -print_final_stats=1 -artifact_prefix="$folder/$1-" \
    "$folder/corpus/$1" 2> "$folder/$1.log" || { tail -60 "$folder/$1.log"; return 1; }
  echo "$1: $(awk '/number_of_executed_units/ {print $2}' "$folder/$1.log") inputs," \
       "$(find "$folder/corpus/$1" -type f | wc -l) in its corpus"
}

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for file in "$here"/*.cpp; do targets+=("$(basename "$file" .cpp)"); done
fi
running=0
failed=0
for target in "${targets[@]}"; do
  if [ "$running" -eq "$(nproc)" ]; then
    wait -n || failed=1
    running=$((running - 1))
  fi
  run_target "$target" &
  running=$((running + 1))
done
for ((; running > 0; --running)); do wait -n || failed=1; done
exit $failed
