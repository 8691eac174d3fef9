// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How an operation that waited for something completes its handler.
#include <boost/asio/associated_cancellation_slot.hpp>

#include <utility>

namespace catena::detail {

/// Posted to the handler's executor, where the handler's slot may be touched: clears that, frees the operation, and calls the handler
/// with op.end(). Destroyed uncalled, it frees the operation.
template <class Operation>
class posted_end {
 public:
  explicit posted_end(Operation& op) noexcept : op_(&op) {}
  posted_end(posted_end&& other) noexcept : op_(std::exchange(other.op_, nullptr)) {}
  posted_end& operator=(posted_end&&) = delete;
  ~posted_end() {
    if (op_) (void)Operation::memory::release(op_);
  }
  void operator()() {
    if (auto slot = boost::asio::get_associated_cancellation_slot(op_->handler); slot.is_connected()) slot.clear();
    auto outcome = op_->end();
    auto ready = Operation::memory::release(std::exchange(op_, nullptr));
    std::move(ready)(std::move(outcome));
  }

 private:
  Operation* op_;
};

}  // namespace catena::detail
