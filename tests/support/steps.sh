# SPDX-License-Identifier: BSL-1.0
# shellcheck shell=bash
# The steps that the run scripts share: install what is missing, configure, build. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# One thread for each model instance: BLAS threads on top of them only fight for the cores.
export OPENBLAS_NUM_THREADS=1
# What is compiled is not preprocessed first, to see whether it has been before: its names and those of what it includes say so.
export CCACHE_DEPEND=1

say() { printf '== %s\n' "$*"; }

fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# quietly LOG COMMAND...: its output goes to LOG, and from there to the screen if it fails.
quietly() {
  local log=$1 status=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 || status=$?
  [ "$status" = 0 ] || { tail -n 80 "$log" >&2; fail "failed with status $status: $* (all of its output: $log)"; }
}

# Debian's names for what catena is built with. Debian 12 has Boost 1.74 under the plain name, which is too old.
boost_package() {
  local id='' release=''
  if [ -r "${OS_RELEASE:-/etc/os-release}" ]; then
    # shellcheck disable=SC1090
    IFS=' ' read -r id release < <(. "${OS_RELEASE:-/etc/os-release}" && echo "${ID:-} ${VERSION_ID:-}")
  fi
  if [ "$id $release" = 'debian 12' ]; then echo libboost1.81-dev; else echo libboost-dev; fi
}

build_packages() {
  echo g++ cmake ninja-build ccache "$(boost_package)" nlohmann-json3-dev libxxhash-dev libssl-dev libtorch-dev libopenblas0-pthread
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages PACKAGE...: installs those that are missing; needs root or sudo only if there are any.
install_packages() {
  local missing=() package as_root=()
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "this is no Debian: going on with what is here (catena needs what these packages hold: $*)"
    return
  fi
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  if [ ${#missing[@]} = 0 ]; then
    say "all $# packages are installed"
  else
    say "installing ${missing[*]}"
    if [ "$(id -u)" != 0 ]; then
      command -v sudo >/dev/null || fail "cannot install without root or sudo; please install: ${missing[*]}"
      as_root=(sudo)
    fi
    local log
    log=$(mktemp)
    quietly "$log" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update
    quietly "$log" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
      -o Dpkg::Use-Pty=0 "${missing[@]}"
    rm -f "$log"
  fi
  check_blas
}

# Debian's reference BLAS makes models 12 to 36 times slower. OpenBLAS wins by itself unless somebody chose otherwise.
check_blas() {
  local chosen
  for chosen in /etc/alternatives/libblas.so.3-*; do
    case $(readlink -f "$chosen") in
      *openblas* | "$chosen") ;;
      *) say "note: models will be slow, as $(basename "$chosen") is not OpenBLAS (see update-alternatives --config)" ;;
    esac
  done
}

# configure PRESET [CMAKE_ARGUMENT...]
configure() {
  local preset=$1
  shift
  say "configuring build/$preset"
  (cd "$root" && quietly "build/$preset/configure.log" cmake --preset "$preset" "$@")
}

# build PRESET [TARGET...]: ninja shows its progress on a terminal, and writes a log elsewhere.
build() {
  local preset=$1 command=(cmake --build --preset "$1" -j "$(nproc)")
  shift
  [ $# = 0 ] || command+=(--target "$@")
  say "building build/$preset${*:+ ($*)}"
  if [ -t 1 ]; then
    (cd "$root" && "${command[@]}")
  else
    (cd "$root" && quietly "build/$preset/build.log" "${command[@]}")
  fi
}
