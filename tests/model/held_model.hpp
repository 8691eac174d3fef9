// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model that keeps its batches until a test answers them.
#include <catena/model.hpp>

#include <deque>
#include <memory>

namespace catena::test {

/// The batches that the instances of one model have been given, oldest first.
template <class In, class Out>
struct held_batches {
  std::deque<batch<In, Out>> all;

  /// Takes the oldest batch out.
  [[nodiscard]] batch<In, Out> take() {
    batch<In, Out> first = std::move(all.front());
    all.pop_front();
    return first;
  }
  [[nodiscard]] auto instance() {
    return [this](batch<In, Out>& b) { all.push_back(std::move(b)); };
  }
};

/// Answers every row with f(input).
template <class In, class Out, class F>
[[nodiscard]] auto answering(F f) {
  return [f](batch<In, Out>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, f(b.input(i)));
  };
}

}  // namespace catena::test
