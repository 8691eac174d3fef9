// SPDX-License-Identifier: BSL-1.0
// expect: catena: a stage with something said about it takes at most 32 inputs
#include <catena/chain.hpp>

#include <chrono>
#include <utility>

template <std::size_t... I>
auto same(const catena::node<int>& n, std::index_sequence<I...>) {
  return catena::join(((void)I, n)...);
}

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [](const catena::node<int>& in) {
    return same(in, std::make_index_sequence<33>()) >>
           catena::stage("sum", [](const auto&... i) { return (i + ...); }).timeout(std::chrono::seconds(1));
  });
}
