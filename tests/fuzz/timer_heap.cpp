// SPDX-License-Identifier: BSL-1.0
/// \file
/// The timer heap agrees with a std::multimap.
#include <catena/runtime/timer_heap.hpp>

#include <array>
#include <map>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::timer_heap_target {

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  std::array<timer_node, 64> nodes;
  timer_heap heap;
  std::multimap<time_point, timer_node*> plain;
  time_point now = start;
  const auto forget = [&](timer_node& node) {
    for (auto [at, end] = plain.equal_range(node.when); at != end; ++at)
      if (at->second == &node) return (void)plain.erase(at);
    require(false);
  };
  while (!in.empty()) {
    timer_node& node = nodes[in.below(nodes.size())];
    switch (in.below(4)) {
      case 0: now += duration(in.byte()); break;
      case 1:
        if (!node.waiting) break;
        forget(node);
        heap.remove(node);
        break;
      case 2:
        while (timer_node* due = heap.pop_due(now)) {
          require(due->when == plain.begin()->first);
          forget(*due);
        }
        require(plain.empty() || plain.begin()->first > now);
        break;
      default:
        if (node.waiting) break;
        node.when = now + duration(in.byte());
        heap.push(node);
        plain.emplace(node.when, &node);
    }
    require(heap.empty() == plain.empty());
    require(heap.earliest() == (plain.empty() ? no_deadline : plain.begin()->first));
    require(!node.waiting || !plain.empty());
  }
}

const target registered("timer_heap", on_input);

}  // namespace catena::fuzz::timer_heap_target
