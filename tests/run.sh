#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Runs the tests: installs what is missing, builds, and runs the whole suite.
#
#   tests/run.sh [CTEST_ARGUMENT...]           everything, as a user would build it
#   tests/run.sh --asan [CTEST_ARGUMENT...]    under AddressSanitizer and UndefinedBehaviorSanitizer
#   tests/run.sh --tsan [CTEST_ARGUMENT...]    the tests labelled concurrency, under ThreadSanitizer
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/support/steps.sh"

case ${1:-} in
  -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit ;;
  --asan | --tsan) preset=${1#--}; shift ;;
  *) preset=release ;;
esac

# ThreadSanitizer cannot work with the address space as randomly laid out as newer kernels do it. ctest runs the test
# programs, and so does the build, which asks them for their tests.
if [ "$preset" = tsan ] && [ -z "${CATENA_FIXED_LAYOUT:-}" ] && setarch "$(uname -m)" -R true 2>/dev/null; then
  CATENA_FIXED_LAYOUT=1 exec setarch "$(uname -m)" -R "${BASH_SOURCE[0]}" --tsan "$@"
fi

packages=(catch2 libtbb-dev libcurl4-openssl-dev clang-19 libclang-rt-19-dev)
[ "$preset" != release ] || packages+=(prometheus chromium)  # what the sanitizers look at needs none
# shellcheck disable=SC2046
install_packages $(build_packages) "${packages[@]}"
configure "$preset"
build "$preset"
say "running the tests"
cd "$root"
exec ctest --preset "$preset" -j "$(nproc)" "$@"
