// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A line of things to be resumed.
#include <catena/runtime/home_executor.hpp>

#include <cstddef>
#include <utility>

namespace catena {

/// A list of ready_nodes that it does not own; what is taken out is not in it any more.
/// \threads  unsafe
class ready_list {
 public:
  ready_list() = default;
  ready_list(ready_list&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)), last_(std::exchange(other.last_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  ready_list& operator=(ready_list&&) = delete;

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  void push_back(ready_node& node) noexcept {
    node.next = nullptr;
    (last_ ? last_->next : first_) = &node;
    last_ = &node;
    ++size_;
  }
  /// Takes over what the other has.
  void append(ready_list&& other) noexcept {
    if (other.empty()) return;
    (last_ ? last_->next : first_) = std::exchange(other.first_, nullptr);
    last_ = std::exchange(other.last_, nullptr);
    size_ += std::exchange(other.size_, 0);
  }
  /// The first `count`, or all there are.
  [[nodiscard]] ready_list take(std::size_t count) noexcept {
    if (count >= size_) return std::move(*this);
    ready_list taken;
    for (; count > 0; --count) taken.push_back(*pop_front());
    return taken;
  }
  [[nodiscard]] ready_node* pop_front() noexcept {
    ready_node* node = first_;
    first_ = node->next;
    if (!first_) last_ = nullptr;
    --size_;
    return node;
  }
  /// Tells everything in it that its executor is gone. What that abandons in turn stands in line behind it, instead of
  /// deepening the stack.
  void abandon() noexcept {
    static thread_local ready_list* line = nullptr;
    if (line) return line->append(std::move(*this));
    line = this;
    while (!empty()) {
      ready_node* node = pop_front();
      node->resume(*node, wake::abandoned);
    }
    line = nullptr;
  }

 private:
  ready_node* first_ = nullptr;
  ready_node* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace catena
