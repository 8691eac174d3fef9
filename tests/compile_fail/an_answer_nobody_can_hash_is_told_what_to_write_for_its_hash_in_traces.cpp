// SPDX-License-Identifier: BSL-1.0
// expect: catena: \.trace_hash\(\) hashes what the stage answers: write, in its namespace, void hash_append\(catena::hasher& h, const T& value\)
#include <catena/chain.hpp>

struct verdict {
  double score;
};

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<double>(rt, "chain", [](auto in) {
    return in >> catena::stage("judge", [](double d) { return verdict{d}; }).trace_hash();
  });
}
