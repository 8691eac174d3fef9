// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a test sees of a run's end: how often its handler was called, and with what.
#include <catena/result.hpp>

#include <optional>
#include <utility>

namespace catena::test {

/// Must outlive the run; a handler that is called twice shows in count().
template <class T>
class outcome {
 public:
  /// A move-only completion handler.
  class handler {
   public:
    explicit handler(outcome& to) noexcept : to_(&to) {}
    handler(handler&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}
    handler& operator=(handler&&) = delete;
    void operator()(result<T> answered) {
      ++to_->count_;
      to_->answered_.emplace(std::move(answered));
    }

   private:
    outcome* to_;
  };

  [[nodiscard]] handler take() noexcept { return handler(*this); }
  [[nodiscard]] int count() const noexcept { return count_; }
  [[nodiscard]] bool answered() const noexcept { return answered_ && answered_->has_value(); }
  /// Throws catena::error if the run failed.
  decltype(auto) value() { return answered_.value().value(); }
  [[nodiscard]] failure why() const { return answered_ && answered_->has_error() ? answered_->error() : failure(); }
  [[nodiscard]] std::string path() const { return why().path(); }
  void forget() noexcept { answered_.reset(); }

 private:
  int count_ = 0;
  std::optional<result<T>> answered_;
};

}  // namespace catena::test
