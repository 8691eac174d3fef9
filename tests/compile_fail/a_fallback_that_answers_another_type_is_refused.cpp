// SPDX-License-Identifier: BSL-1.0
// expect: catena: a fallback answers what its stage answers
#include <catena/chain.hpp>

#include <string>

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [](auto in) {
    return in >> catena::stage("twice", [](int x) { return 2 * x; }).fallback([](int) { return std::string(); });
  });
}
