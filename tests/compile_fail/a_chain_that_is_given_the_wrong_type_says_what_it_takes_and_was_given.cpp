// SPDX-License-Identifier: BSL-1.0
// expect-gcc: stage_cannot_take<catena::stage_named<.*>, catena::takes<double>, catena::given<int> >
// expect-clang: stage_cannot_take<catena::stage_named<.*>, (catena::)?takes<double>, (catena::)?given<int>>
#include <catena/chain.hpp>

auto wrong(const catena::runtime& rt, const catena::chain<double, int>& inner) {
  return catena::make_chain<int>(rt, "outer", [&](auto in) { return in >> catena::stage("inner", inner); });
}
