// SPDX-License-Identifier: BSL-1.0
// expect: catena: a stage that answers T is given a catena::cache<T>
#include <catena/cache.hpp>
#include <catena/chain.hpp>

auto wrong(const catena::runtime& rt) {
  const catena::cache<int> kept(rt);
  return catena::make_chain<int>(rt, "chain", [&](auto in) {
    return in >> catena::stage("halve", [](int x) { return x / 2.0; }).cache(kept);
  });
}
