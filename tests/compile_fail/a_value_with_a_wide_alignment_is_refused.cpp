// SPDX-License-Identifier: BSL-1.0
// expect: catena: a value with a wider alignment than std::max_align_t goes behind a pointer
#include <catena/chain.hpp>

struct alignas(64) wide {
  int number;
};

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [](auto in) { return in >> catena::stage("x", [](int i) { return wide{i}; }); });
}
