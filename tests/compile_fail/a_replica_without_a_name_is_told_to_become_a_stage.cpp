// SPDX-License-Identifier: BSL-1.0
// expect: catena: a replica is a named stage: write add\(stage\("name", f\)\), also for a chain or a model
#include <catena/balance.hpp>

void wrong(const catena::replica_pool<int, int>& pool) {
  pool.add([](int x) { return x; });
}
