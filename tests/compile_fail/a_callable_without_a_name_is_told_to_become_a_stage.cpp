// SPDX-License-Identifier: BSL-1.0
// expect: catena: right of >> stands a named stage: write stage\("name", f\), also for a chain or a model
#include <catena/chain.hpp>

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [](auto in) { return in >> [](int x) { return x; }; });
}
