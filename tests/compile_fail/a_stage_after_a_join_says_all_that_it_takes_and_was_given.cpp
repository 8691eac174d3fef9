// SPDX-License-Identifier: BSL-1.0
// expect-gcc: stage_cannot_take<catena::stage_named<.*>, catena::takes<int, text>, catena::given<int, int> >
// expect-clang: stage_cannot_take<catena::stage_named<.*>, (catena::)?takes<int, text>, (catena::)?given<int, int>>
#include <catena/chain.hpp>

struct text {};
int weigh(int a, text) { return a; }

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [](auto in) {
    auto twice = in >> catena::stage("twice", [](int x) { return 2 * x; });
    return catena::join(in, twice) >> catena::stage("weigh", weigh);
  });
}
