// SPDX-License-Identifier: BSL-1.0
// expect: catena: what of this type determines the answer\? Write, in its namespace: void hash_append\(catena::hasher& h, const T& value\)
#include <catena/cache.hpp>
#include <catena/chain.hpp>

struct question {
  int text;
};

auto wrong(const catena::runtime& rt) {
  const catena::cache<int> kept(rt);
  return catena::make_chain<question>(rt, "chain", [&](auto in) {
    return in >> catena::stage("ask", [](const question& q) { return q.text; }).cache(kept);
  });
}
