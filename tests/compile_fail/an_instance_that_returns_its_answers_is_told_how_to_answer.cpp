// SPDX-License-Identifier: BSL-1.0
// expect: catena: an instance answers row by row through its batch, and returns nothing
#include <catena/model.hpp>

#include <vector>

auto wrong(const catena::runtime& rt) {
  return catena::make_model<int, int>(rt, {.name = "double"}, [](catena::batch<int, int>& b) { return std::vector<int>(b.size()); });
}
