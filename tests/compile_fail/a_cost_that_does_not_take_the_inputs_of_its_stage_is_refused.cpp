// SPDX-License-Identifier: BSL-1.0
// expect: catena: a cost is an integer, or a function that takes the stage's inputs as const T& and answers one
#include <catena/chain.hpp>
#include <catena/schedule/admission.hpp>

#include <string>

auto wrong(const catena::runtime& rt, const catena::admission& gate) {
  return catena::make_chain<int>(rt, "chain", [&](auto in) {
    return in >> catena::stage("twice", [](int x) { return 2 * x; }).limit(gate, [](const std::string& s) { return s.size(); });
  });
}
