#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Runs the scripts' installing step on a machine that is made up: every program that it calls is a stand-in that writes
# down how it was called.
# shellcheck disable=SC2016  # the stand-ins expand these, not this script
set -euo pipefail
steps=$1/tests/support/steps.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin"
stand_in() { printf '#!/bin/bash\n%s\n' "$2" >"$scratch/bin/$1"; chmod +x "$scratch/bin/$1"; }
stand_in dpkg-query 'grep -qx "${@: -1}" "$SCRATCH/installed" && echo installed'
stand_in apt-get 'echo "apt-get $*" >>"$SCRATCH/calls"
[ "$2" = install ] || exit 0
for word in "${@:3}"; do case $word in -* | Dpkg*) ;; *) echo "$word" >>"$SCRATCH/installed" ;; esac; done'
stand_in sudo 'echo "sudo $2 $3 $4 $5" >>"$SCRATCH/calls"; exec "$@"'
stand_in id 'echo "$USER_ID"'

faults=0
expect() { [ "$2" = "$3" ] || { printf '%s:\n  expected %s\n  got      %s\n' "$1" "$2" "$3"; faults=1; }; }
# install USER RELEASE PACKAGE...: a run; its calls are in $calls, what it says in $said.
install() {
  local user=$1 release=$2
  shift 2
  printf 'ID=debian\nVERSION_ID="%s"\n' "$release" >"$scratch/os-release"
  : >"$scratch/calls"
  said=$(SCRATCH=$scratch USER_ID=$user OS_RELEASE=$scratch/os-release PATH=$scratch/bin:$PATH \
    bash -c 'set -euo pipefail; . "$0"; install_packages $(build_packages) "$@"' "$steps" "$@" 2>&1 | grep -v '^== note' || true)
  calls=$(sed 's/ -q\| -y\| --no-install-recommends\| -o Dpkg::Use-Pty=0//g' "$scratch/calls")
}

most='g++ cmake ninja-build ccache'
rest='nlohmann-json3-dev libxxhash-dev libssl-dev libtorch-dev libopenblas0-pthread'
: >"$scratch/installed"
install 0 12
expect 'a bare Debian 12, as root' "apt-get update
apt-get install $most libboost1.81-dev $rest" "$calls"
expect 'says what it installs' "== installing $most libboost1.81-dev $rest" "$said"
install 0 12
expect 'the second run calls nothing' '' "$calls"
expect 'the second run says so' '== all 10 packages are installed' "$said"
install 1000 12 catch2
expect 'one package missing, as a user' "sudo DEBIAN_FRONTEND=noninteractive apt-get update
apt-get update
sudo DEBIAN_FRONTEND=noninteractive apt-get install
apt-get install catch2" "$calls"
grep -vx 'g++' "$scratch/installed" >"$scratch/left"
mv "$scratch/left" "$scratch/installed"
install 0 13
expect 'Debian 13 has a newer Boost' "apt-get update
apt-get install g++ libboost-dev" "$calls"
exit "$faults"
