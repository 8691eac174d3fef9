// SPDX-License-Identifier: BSL-1.0
// expect: catena: a replica answers what its pool answers
#include <catena/balance.hpp>

#include <string>

void wrong(const catena::replica_pool<int, int>& pool) {
  pool.add(catena::stage("text", [](int x) { return std::to_string(x); }));
}
