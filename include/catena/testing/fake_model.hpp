// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model that computes nothing: it holds its batches until the test answers them.
#include <catena/model.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace catena::testing {

/// Stands for a real model in a test, and answers when the test says so.
///
///     manual_world world;
///     auto rt = world.runtime();
///     fake_model<int, int> m(rt, {.name = "score", .instances = 2});
///     auto chain = make_chain<int>(rt, "chain", [&](auto in) { return in >> stage("score", m.model()); });
///     chain.async_run(20, [&](result<int> r) { ... });
///     world.run_until_idle();                 // now the model holds a batch of one
///     m.answer([](int x) { return x + 1; });
///     world.run_until_idle();                 // now the run has its answer
///
/// \threads   safe
/// \lifetime  batches that are still held when the fake is destroyed fail with errc::row_unanswered
template <class In, class Out>
class fake_model {
 public:
  explicit fake_model(const runtime& rt, const model_options& options = {.name = "fake"})
      : held_(std::make_shared<held>()),
        model_(make_model<In, Out>(rt, options, [weak = std::weak_ptr(held_)](batch<In, Out>& b) {
          if (const auto keeper = weak.lock()) keeper->keep(std::move(b));
        })) {}

  /// What chains and stages are given.
  [[nodiscard]] const catena::model<In, Out>& model() const noexcept { return model_; }

  /// How many batches wait for the test, and how large the oldest one is.
  [[nodiscard]] std::size_t batch_count() const {
    const std::lock_guard lock(held_->mutex);
    return held_->batches.size();
  }
  [[nodiscard]] std::size_t oldest_size() const {
    const std::lock_guard lock(held_->mutex);
    return held_->batches.empty() ? 0 : held_->batches.front().size();
  }

  /// Takes the oldest batch, to be answered row by row.
  /// \errors std::logic_error: no batch is held
  [[nodiscard]] batch<In, Out> take() { return held_->take(model_.name()); }

  /// Answers the oldest batch, every row with f(input).
  template <class F>
  void answer(F f) {
    batch<In, Out> oldest = take();
    for (std::size_t i = 0; i < oldest.size(); ++i) oldest.answer(i, f(oldest.input(i)));
    oldest.done();
  }

  /// Fails the oldest batch, every row for the same reason.
  void fail(const failure& why) {
    batch<In, Out> oldest = take();
    for (std::size_t i = 0; i < oldest.size(); ++i) oldest.fail(i, why);
    oldest.done();
  }

 private:
  struct held {
    std::mutex mutex;
    std::deque<batch<In, Out>> batches;

    void keep(batch<In, Out> b) {
      const std::lock_guard lock(mutex);
      batches.push_back(std::move(b));
    }
    batch<In, Out> take(const std::string& name) {
      const std::lock_guard lock(mutex);
      if (batches.empty()) throw std::logic_error("fake_model '" + name + "' holds no batch");
      batch<In, Out> oldest = std::move(batches.front());
      batches.pop_front();
      return oldest;
    }
  };

  std::shared_ptr<held> held_;
  catena::model<In, Out> model_;
};

}  // namespace catena::testing
