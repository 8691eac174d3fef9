// SPDX-License-Identifier: BSL-1.0
// expect: catena: each\(\) maps a range of items in memory, such as a std::vector
#include <catena/chain.hpp>

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [](auto in) { return in >> catena::each(catena::stage("x", [](int x) { return x; })); });
}
