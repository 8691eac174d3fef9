#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# promtool.sh PROJECT: what Prometheus' own tool says of examples/ops, and whether each alert has its cases.
set -euo pipefail
cd "$1/examples/ops"
command -v promtool >/dev/null || { echo 'cannot run here: there is no promtool'; exit; }
faults=0
promtool check rules --lint=all --lint-fatal catena.rules.yml || faults=1
promtool check config --syntax-only prometheus.yml || faults=1
promtool test rules catena.rules.test.yml || faults=1
while read -r alert; do
  grep -q -- "- name: $alert fires " catena.rules.test.yml || { echo "no case in which $alert fires"; faults=1; }
  grep -q -- "- name: $alert is silent " catena.rules.test.yml || { echo "no case in which $alert is silent"; faults=1; }
  grep -qE "eval_time: [0-9]+m, alertname: $alert, exp_alerts: \[\]" catena.rules.test.yml || { echo "nothing is expected of no $alert"; faults=1; }
  grep -A 2 -E "^ +alertname: $alert\$" catena.rules.test.yml | grep -q exp_labels || { echo "nothing is expected of $alert"; faults=1; }
done < <(sed -n 's/^ *- alert: //p' catena.rules.yml)
exit "$faults"
