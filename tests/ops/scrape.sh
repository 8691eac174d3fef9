#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# scrape.sh PROJECT SERVICE: a Prometheus server reads examples/ops/service. When the server fails that the service asks, alerts fire, and
# when it is well again they clear. The rules are those that are shipped, with seconds for their minutes, hours and days.
set -euo pipefail
rules=$1/examples/ops/catena.rules.yml
service=$2
for program in prometheus promtool; do
  command -v "$program" >/dev/null || { echo "cannot run here: there is no $program"; exit; }
done

folder=$(mktemp -d)
started=()
finish() {
  local pid
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT
complain() { printf '%s\n' "$*" 'What Prometheus said last:' "$(tail -n 20 "$folder/log" 2>/dev/null)" >&2; exit 1; }
# within SECONDS WHAT COMMAND...: waits until the command succeeds.
within() {
  local patience=$1 end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || complain "not so in $patience seconds: $what"
    sleep 0.2
  done
}

mkfifo "$folder/commands"
"$service" <"$folder/commands" >"$folder/port" &
started+=($!)
exec 3>"$folder/commands"
within 10 'that the service listens' grep -q . "$folder/port"

sed -E 's/\b[0-9]+m\b/3s/g; s/\b[0-9]+[hd]\b/5s/g; s/for: .*/for: 1s/' "$rules" >"$folder/rules.yml"
cat >"$folder/prometheus.yml" <<CONFIG
global: {scrape_interval: 400ms, scrape_timeout: 400ms, evaluation_interval: 400ms}
rule_files: [rules.yml]
scrape_configs:
  - {job_name: catena, static_configs: [{targets: ['127.0.0.1:$(cat "$folder/port")']}]}
CONFIG
# Should this script be killed, the service sees the end of its commands, and Prometheus has a minute to live.
timeout 60 prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" --web.listen-address=127.0.0.1:0 \
  2>"$folder/log" 3>&- &
started+=($!)
listens() { port=$(sed -nE 's/.*msg="Listening on" address=127\.0\.0\.1:([0-9]+).*/\1/p' "$folder/log" | head -n 1) && [ -n "$port" ]; }
within 15 'that Prometheus listens' listens

ask() { promtool query instant "http://127.0.0.1:$port" "$1" 2>/dev/null; }
is_so() { ask "$1" | grep -q .; }
is_over() { local all; all=$(ask "$1") && [ -z "$all" ]; }
fast='ALERTS{alertname="CatenaSloBurnsFast", objective="success", alertstate="firing"}'
breaker='ALERTS{alertname="CatenaBreakerOpen", alertstate="firing"}'
within 15 'that the objective is computed' is_so 'catena:slo_burn:rate1h{objective="success"} < 1'
is_over "$fast or $breaker" || complain "this fires though all is well: $(ask "$fast or $breaker")"
echo break >&3
within 15 'that CatenaSloBurnsFast fires' is_so "$fast"
within 15 'that CatenaBreakerOpen fires' is_so "$breaker"
echo repair >&3
within 15 'that CatenaBreakerOpen clears' is_over "$breaker"
within 15 'that CatenaSloBurnsFast clears' is_over "$fast"

# Every rule could be computed of what a real service tells.
exec 4<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /api/v1/rules HTTP/1.0\r\n\r\n' >&4
all=$(cat <&4)
grep -q '"health":"ok"' <<<"$all" || complain "no rules: $all"
! grep -o '"health":"err".\{0,200\}' <<<"$all" || complain 'rules that cannot be computed'
echo quit >&3
wait "${started[0]}" || complain "the service ends with $?"
started=("${started[1]}")
