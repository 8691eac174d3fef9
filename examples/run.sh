#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Runs the main job: installs what is missing, builds, and writes a report about a legal text.
#
#   examples/run.sh                     the GNU GPL, version 3; the report goes to build/report.md
#   examples/run.sh FILE [OPTION...]    whatever legal_document takes; --help lists it
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../tests/support/steps.sh"

# shellcheck disable=SC2046
install_packages $(build_packages)
configure release -D CATENA_TESTS=OFF -D CATENA_BENCHMARKS=OFF
build release legal_document
[ $# != 0 ] || set -- --out "$root/build/report.md"
say "running legal_document $*"
exec "$root/build/release/examples/legal_document" "$@"
