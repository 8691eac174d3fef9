// SPDX-License-Identifier: BSL-1.0
// expect-gcc: stage_cannot_take<catena::stage_named<.*"fallback".*>, catena::takes<const payment&>, catena::given<int> >
// expect-clang: stage_cannot_take<catena::stage_named<.*fallback.*>, (catena::)?takes<const payment &>, (catena::)?given<int>>
#include <catena/chain.hpp>

struct payment {};

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [](auto in) {
    return in >> catena::stage("twice", [](int x) { return 2 * x; }).fallback([](const payment&) { return 1; });
  });
}
