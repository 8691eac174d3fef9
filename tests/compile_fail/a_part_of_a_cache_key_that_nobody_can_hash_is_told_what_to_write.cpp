// SPDX-License-Identifier: BSL-1.0
// expect: catena: what of this type determines the answer\? Write, in its namespace: void hash_append\(catena::hasher& h, const T& value\)
#include <catena/cache.hpp>

struct question {
  int text;
};

auto wrong(const catena::key_space& space, const question& q) { return space.key(q); }
