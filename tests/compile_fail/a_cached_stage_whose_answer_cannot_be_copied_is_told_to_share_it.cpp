// SPDX-License-Identifier: BSL-1.0
// expect: catena: what is cached is copied to each who asks: let the stage answer a std::shared_ptr<const T>
#include <catena/cache.hpp>
#include <catena/chain.hpp>

#include <memory>

auto wrong(const catena::runtime& rt) {
  const catena::cache<std::unique_ptr<int>> kept(rt);
  return catena::make_chain<int>(rt, "chain", [&](auto in) {
    return in >> catena::stage("make", [](int x) { return std::make_unique<int>(x); }).cache(kept);
  });
}
