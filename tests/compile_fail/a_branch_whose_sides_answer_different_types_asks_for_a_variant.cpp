// SPDX-License-Identifier: BSL-1.0
// expect: catena: both sides of a branch answer the same type, or name a variant
#include <catena/chain.hpp>

#include <string>

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [](auto in) {
    return in >> catena::branch("side", [](int x) { return x > 0; }, catena::stage("yes", [](int x) { return x; }),
                                catena::stage("no", [](int) { return std::string(); }));
  });
}
