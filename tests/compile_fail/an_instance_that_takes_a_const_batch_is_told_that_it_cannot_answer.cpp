// SPDX-License-Identifier: BSL-1.0
// expect: catena: an instance takes batch<In, Out>&: through a const one it cannot answer
#include <catena/model.hpp>

auto wrong(const catena::runtime& rt) {
  return catena::make_model<int, int>(rt, {.name = "double"}, [](const catena::batch<int, int>&) {});
}
