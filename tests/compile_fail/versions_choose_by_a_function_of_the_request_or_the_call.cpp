// SPDX-License-Identifier: BSL-1.0
// expect: catena: versions choose by a function of the request, const In&, or of the call
#include <catena/version/versions.hpp>

catena::versions<int, int> wrong(const catena::runtime& rt) {
  return catena::versions<int, int>(rt, {.name = "v"}, [](const char* s) { return s; });
}
