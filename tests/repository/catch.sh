#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Looks for names that Catch2 3 no longer has, or has elsewhere: where Catch2 2 is installed they compile.
set -euo pipefail
cd "$1"
gone='Matchers::Contains\b|[^a-zA-Z]Contains\(|(^|[^:a-zA-Z])Approx\(|#include [<"]catch2/'
! grep -rnE "$gone" tests --include='*.?pp' --exclude=catch.hpp --exclude=catch_main.cpp ||
  { echo "these are spelt as in Catch2 2; see tests/support/catch.hpp"; exit 1; }
