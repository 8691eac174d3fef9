// SPDX-License-Identifier: BSL-1.0
// main() for a Catch2 2.13 that was packaged without its own.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
