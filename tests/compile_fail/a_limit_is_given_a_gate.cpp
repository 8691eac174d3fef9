// SPDX-License-Identifier: BSL-1.0
// expect: catena: .limit\(\) takes a gate, such as a catena::admission
#include <catena/chain.hpp>

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [&](auto in) {
    return in >> catena::stage("twice", [](int x) { return 2 * x; }).limit(100);
  });
}
