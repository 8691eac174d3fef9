#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# program.sh PROGRAM DATA CHECK [SERVER]: runs legal_document as its users do. Each CHECK is one promise; SERVER is a model's server that
# says the same to everybody.
set -euo pipefail
program=$1 data=$2 check=$3 server=${4:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

die() { echo "$check: $*" >&2; exit 1; }

# refuses WORDS ARGUMENT...: exit status 2, and the message holds the words.
refuses() {
  local words=$1 status=0
  shift
  "$program" "$@" >out 2>err || status=$?
  [ "$status" = 2 ] || die "exit status $status instead of 2 for: $*"
  grep -qF -- "$words" err || die "the message does not say '$words': $(cat err)"
}

case $check in
  default)
    "$program" >out 2>err || die "fails: $(cat err)"
    [ -s report.md ] || die 'report.md is missing'
    for words in '# GNU GENERAL PUBLIC LICENSE' '## Summary' '## Section by section' '*(§ 7)*' '| summarise | 21 |'; do
      grep -qF -- "$words" report.md || die "the report lacks '$words'"
    done
    grep -qE '^report.md: 21 sections, [0-9]+ batches of [0-9.]+ sections on average, ' err || die "the end is not told: $(tail -n 1 err)"
    ! grep -q $'\r' err || die 'a progress bar, and there is no terminal'
    ;;
  json)
    "$program" --json >report.json 2>err || die "fails: $(cat err)"
    [ "$(head -c 1 report.json)" = '{' ] && [ "$(tail -n 1 report.json)" = '}' ] || die 'no JSON object'
    grep -q '"key_points"' report.json || die 'no key points'
    ;;
  mermaid)
    "$program" --mermaid >out 2>err || die "fails: $(cat err)"
    [ "$(head -n 1 out)" = 'flowchart TD' ] || die "no Mermaid: $(head -n 1 out)"
    grep -q 'summarise' out || die 'the model is not in it'
    ;;
  diagram)
    "$program" --diagram chain.svg >out 2>err || die "fails: $(cat err)"
    [ -s report.md ] || die 'report.md is missing'
    [ "$(head -c 5 chain.svg)" = '<svg ' ] && [ "$(tail -n 1 chain.svg)" = '</svg>' ] || die 'no SVG'
    for words in 'gpl-3.0.txt, ' '>summarise<' '>21 times<' '>merge<'; do
      grep -qF -- "$words" chain.svg || die "the drawing lacks '$words'"
    done
    grep -qE '>[0-9.]+ (us|ms|s)</text>' chain.svg || die 'no times in the drawing'
    ;;
  help)
    "$program" --help >out 2>err || die 'fails'
    for option in --out --json --diagram --mermaid --batch --instances --key-points --llm --model --provider --quiet --help; do
      grep -qF -- "$option" out || die "does not tell of $option"
    done
    ;;
  refusals)
    refuses 'no/such/file' no/such/file
    refuses "$folder" "$folder"
    : >empty.txt
    refuses empty.txt empty.txt
    head -c 4096 /dev/zero >binary.txt
    refuses binary.txt binary.txt
    printf 'caf\xe9 and nothing else \xff\xfe\n' >latin.txt
    refuses UTF-8 latin.txt
    refuses --no-such-option --no-such-option
    refuses 'which is missing' --model m
    head -c 100000000 /dev/zero | tr '\0' 'x' >line.txt
    refuses line.txt line.txt
    ;;
  model)
    unset DEEPSEEK_API_KEY OPENAI_API_KEY
    mkfifo close
    "$server" 'Everybody may copy it (§ 4).' <close >url &
    pid=$!
    exec 3>close
    while ! grep -q . url; do kill -0 "$pid" || die 'the server is gone'; sleep 0.05; done
    url=$(cat url)
    "$program" --llm "$url" --model m >out 2>err || die "fails: $(cat err)"
    for words in 'Everybody may copy it (§ 4).' '*Written by the model ' "### In the text's own words" '| write | 1 |'; do
      grep -qF -- "$words" report.md || die "the report lacks '$words'"
    done
    "$program" --llm "$url" --model m --json >report.json 2>err || die "fails: $(cat err)"
    grep -q '"written": true' report.json && grep -q '"text": "Everybody may copy it' report.json || die 'the JSON lacks the summary'
    exec 3>&-
    wait "$pid"
    "$program" --llm "$url" --model m >out 2>err || die "fails where nobody listens: $(cat err)"
    grep -qF 'The model m was late or away: this summary' report.md || die 'the report does not say that the model was away'
    grep -qF 'no summary by the model: ' err || die "why is not told: $(cat err)"
    "$program" --llm "$url" --model m --json >report.json 2>err || die "fails where nobody listens: $(cat err)"
    grep -q '"written": false' report.json || die 'the JSON does not say that the model was away'
    refuses DEEPSEEK_API_KEY --llm https://api.deepseek.com
    refuses nonsense --llm "$url" --provider nonsense
    ;;
  no_model)
    refuses 'built without catena::llm' --llm http://localhost:1/v1
    ;;
  chinese)
    "$program" "$data/zh-sample.txt" >out 2>err || die "fails: $(cat err)"
    grep -q '第一条' report.md || die 'no first article in the report'
    ;;
  no_sections)
    { for i in $(seq 200); do printf 'The tenant shall pay rent number %s in time. ' "$i"; done; echo; } >flat.txt
    "$program" flat.txt >out 2>err || die "fails: $(cat err)"
    grep -qE '^report.md: [0-9]+ sections' err || die "$(cat err)"
    ;;
  memory)
    for _ in $(seq 290); do cat "$data/gpl-3.0.txt"; done >long.txt
    [ "$(stat -c %s long.txt)" -gt 10000000 ] || die 'the text is too short'
    "$program" --quiet long.txt >out 2>err &
    pid=$! peak=0
    while [ -r "/proc/$pid/status" ]; do
      now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null || true)
      [ -z "$now" ] || peak=$now
      sleep 0.1
    done
    wait "$pid" || die "fails: $(cat err)"
    [ -s report.md ] || die 'no report'
    echo "peak: $((peak / 1024)) MiB"
    [ "$peak" -gt 10000 ] && [ "$peak" -le $((512 * 1024)) ] || die "peak memory was $((peak / 1024)) MiB"
    ;;
  *) die 'no such check' ;;
esac
