// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model in a manual world whose batches the test answers, and what asked it.
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "model/held_model.hpp"
#include "support/outcome.hpp"

namespace catena::test {

/// Takes all, and notes what it is told.
struct noting_policy {
  std::vector<std::pair<std::size_t, duration>>* told;
  [[nodiscard]] batch_decision form(const waiting_requests& w, const batch_limits&, time_point) const { return {.take = w.count}; }
  void computed(std::size_t size, duration took, time_point) const { told->emplace_back(size, took); }
};

/// Each request is the number of those that asked before it, and is answered with ten times as much.
struct batching {
  explicit batching(const model_options& options = {.name = "risk"}, request_measures<int> measures = {})
      : m(make_model<int, int>(rt, options, held.instance(), std::move(measures))) {}

  void ask(std::size_t count, run_options options = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      asked.push_back(std::make_unique<outcome<int>>());
      m.async_run(static_cast<int>(asked.size()) - 1, options, asked.back()->take());
      world.run_until_idle();  // one by one, so that they come in this order
    }
  }
  /// Answers the oldest batch and frees its instance.
  void answer() {
    auto b = held.take();
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, 10 * b.input(i));
    b.done();
    world.run_until_idle();
  }
  [[nodiscard]] std::vector<int> inputs_of(const batch<int, int>& b) const {
    std::vector<int> inputs;
    for (std::size_t i = 0; i < b.size(); ++i) inputs.push_back(b.input(i));
    return inputs;
  }

  testing::manual_world world;
  runtime rt = world.runtime();
  held_batches<int, int> held;
  model<int, int> m;
  std::vector<std::unique_ptr<outcome<int>>> asked;
};

}  // namespace catena::test
