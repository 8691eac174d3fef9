#!/bin/bash
# SPDX-License-Identifier: BSL-1.0
# Builds the fuzz targets with clang and runs each for so many seconds, as many at once as there are cores. What they find lies
# in the folder, one file a fault; FOLDER/TARGET FILE runs it again.
#   tests/fuzz/run.sh FOLDER [SECONDS [TARGET...]]       e.g. for an hour each: tests/fuzz/run.sh build/fuzz 3600
# All targets, but for operator_endpoint, which has to be named: half of the library is compiled for it. What it has learnt the tests try.
# FOLDER/corpus/TARGET keeps what was learnt, for the next time, and keep_corpus.sh keeps it for everybody. CATENA_FUZZ_SOURCE: other
# sources than these. CATENA_FUZZ_PLAIN=1: without sanitizers and -O1, which is built in a third of the time.
# Exits with 77 where there is no clang for it. It needs the package of clang's runtime libraries, such as libclang-rt-19-dev.
set -euo pipefail
shopt -s extglob
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

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for file in "$here"/!(operator_endpoint).cpp; do targets+=("$(basename "$file" .cpp)"); done
fi
is_for_endpoint() { [[ " ${targets[*]} " == *' operator_endpoint '* ]]; }
units=(policies_1 policies_2 policies_3 targets)
if is_for_endpoint; then units+=(service models endpoint); fi

mkdir -p "$folder/objects"
flags=(-std=c++20 -g1 -D_GLIBCXX_ASSERTIONS -I"$source/include" -I"$source" -I"$here/..")
learning=(-fsanitize=fuzzer-no-link)
if [ -z "${CATENA_FUZZ_PLAIN:-}" ]; then
  flags+=("-fsanitize=address,undefined" -fno-sanitize-recover=all)
  learning+=(-O1)
fi
launcher=$(command -v ccache || true)

# keep_if_same FILE: FILE.new becomes FILE.cpp, which stays as old as it is if it would be no other.
keep_if_same() {
  if cmp -s "$1.new" "$1.cpp"; then rm "$1.new"; else mv "$1.new" "$1.cpp"; fi
}

# compile NAME FILE...: the files as one source, as what they include is most of the work; not if its object is newer than
# everything that it was made of.
compile() {
  local unit=$folder/objects/$1
  shift
  printf '#include "%s"\n' "$@" > "$unit.new"
  keep_if_same "$unit"
  # shellcheck disable=SC2046 # one word for each file
  if [ -e "$unit.o.d" ] && [ -z "$(find $(sed 's/^[^:]*://; s/\\$//' "$unit.o.d") -newer "$unit.o" 2>&1 | head -1)" ]; then return; fi
  $launcher "$compiler" "${flags[@]}" "${learning[@]}" -MMD -MF "$unit.o.d" -c "$unit.cpp" -o "$unit.o"
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
# What only the operator's endpoint needs: a service behind it, and its connections.
part_4=(inventory runtime/{compute_pool,home_executor,metrics,ready_queue,serial_line,state,timer_service}
        graph/{announce,builder,bundles,description,label,layer_columns,layer_order,layered_layout,live_run,need,picture,run,run_record,run_stop,run_walk,svg}
        chain/{measures,tuning,steps/notify_step} incident/{json_lines,notice_filter,notifier,parking_lot}
        testing/{manual_executor,manual_time,manual_world})
part_5=(cache/{hasher,key} model/{batch_place,batcher,free_places,metrics,model_options,tuning,warm_up}
        residency/{metrics,residency,residency_book}
        observe/{metrics,process,request_trace,run_meter,sharded_words,thread_slot,trace_measure,trace_ring,trace_tree,traceparent,tracer}
        policy/apply recover/{away,circuit_breaker} schedule/request_outcome stream/stream_core)
part_6=(http/{memory_network,operator_changes,operator_reads,operator_routes,page/operator_page,tls_context,tls_transport}
        http/server/{connection,server})
# shellcheck disable=SC2046 # one word for each file
(
  compile policies_2 $(printf "$source/src/%s.cpp\n" "${part_2[@]}")
  compile policies_3 $(printf "$source/src/%s.cpp\n" "${part_3[@]}")
  is_for_endpoint || exit 0
  learning=()  # what the fuzzer tries is to find paths through the endpoint, not through a service
  compile service "$here/operator_endpoint.cpp" $(printf "$source/src/%s.cpp\n" "${part_4[@]}")
  compile models $(printf "$source/src/%s.cpp\n" "${part_5[@]}")
) & compiling=$!
compile targets "$here"/!(operator_endpoint).cpp "$here/program/main.cpp"
# shellcheck disable=SC2046
compile policies_1 $(printf "$source/src/%s.cpp\n" "${part_1[@]}")
if is_for_endpoint; then
  cmake -D OUT="$folder/objects/page.new" -P "$source/src/http/page/embed.cmake"
  keep_if_same "$folder/objects/page"
  # shellcheck disable=SC2046
  compile endpoint "$folder/objects/page.cpp" $(printf "$source/src/%s.cpp\n" "${part_6[@]}")
fi
wait "$compiling"
# shellcheck disable=SC2046
"$compiler" "${flags[@]}" -fsanitize=fuzzer $(printf "$folder/objects/%s.o\n" "${units[@]}") -lssl -lcrypto -lxxhash -o "$folder/objects/program"

run_target() {
  ln -sf objects/program "$folder/$1"
  mkdir -p "$folder/corpus/$1"
  local kept=()
  if [ -e "$here/corpus/$1.tar.gz" ]; then
    kept=("$folder/kept/$1")
    rm -rf "${kept[@]}"
    mkdir -p "${kept[@]}"
    tar -xzf "$here/corpus/$1.tar.gz" -C "${kept[@]}"
  fi
  "$folder/$1" -max_total_time="$seconds" -max_len=4096 -timeout=25 -print_final_stats=1 -artifact_prefix="$folder/$1-" \
    "$folder/corpus/$1" "${kept[@]}" 2> "$folder/$1.log" || { tail -60 "$folder/$1.log"; return 1; }
  echo "$1: $(awk '/number_of_executed_units/ {print $2}' "$folder/$1.log") inputs," \
       "$(find "$folder/corpus/$1" -type f | wc -l) in its corpus"
}

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
