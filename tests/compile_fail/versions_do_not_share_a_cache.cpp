// SPDX-License-Identifier: BSL-1.0
// expect: catena: versions do not share a cache: add each of them as a stage that has one
#include <catena/cache.hpp>
#include <catena/version/versions.hpp>

auto wrong(const catena::runtime& rt, const catena::versions<int, int>& v, const catena::cache<int>& c) {
  return catena::make_chain<int>(rt, "chain", [&](auto in) { return in >> catena::stage("v", v).cache(c); });
}
