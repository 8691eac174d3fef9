// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The least that an executor of a user's may be: it queues, it never runs anything inline, and it may be full.
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>

namespace catena::test {

/// \threads  one
class posting_context : public boost::asio::execution_context {
 public:
  ~posting_context() {
    shutdown();
    work_.clear();
    destroy();
  }
  void push(std::function<void()> work) {
    ++push_count;
    work_.push_back(std::move(work));
  }
  void run() {
    while (!work_.empty()) {
      const auto next = std::move(work_.front());
      work_.pop_front();
      next();
    }
  }
  bool full = false;  ///< then it throws
  int push_count = 0;

 private:
  std::deque<std::function<void()>> work_;
};

struct posting_executor {
  posting_context* context;

  [[nodiscard]] posting_context& query(boost::asio::execution::context_t) const noexcept { return *context; }
  [[nodiscard]] static constexpr boost::asio::execution::blocking_t::never_t query(boost::asio::execution::blocking_t) noexcept {
    return {};
  }
  template <class Function>
  void execute(Function function) const {
    if (context->full) throw std::length_error("the executor is full");
    auto held = std::make_shared<Function>(std::move(function));
    context->push([held] { std::move(*held)(); });
  }
  friend bool operator==(const posting_executor&, const posting_executor&) noexcept = default;
};

}  // namespace catena::test
