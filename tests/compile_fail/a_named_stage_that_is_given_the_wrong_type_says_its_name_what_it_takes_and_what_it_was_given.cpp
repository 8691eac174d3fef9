// SPDX-License-Identifier: BSL-1.0
// expect-gcc: stage_cannot_take<catena::stage_named<.*"rules".*>, catena::takes<const payment&>, catena::given<int> >
// expect-clang: stage_cannot_take<catena::stage_named<.*rules.*>, (catena::)?takes<const payment &>, (catena::)?given<int>>
#include <catena/chain.hpp>

struct payment {};
bool check(const payment&) { return true; }

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "fraud", [](auto in) { return in >> catena::stage<"rules">(check); });
}
