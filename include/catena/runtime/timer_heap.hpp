// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which of many moments comes first: an intrusive pairing heap, so that waiting allocates nothing.
#include <catena/runtime/wake.hpp>
#include <catena/time.hpp>

#include <utility>

namespace catena {

/// One moment in a timer_heap, a part of whatever waits for it.
struct timer_node {
  time_point when{};
  timer_node* child = nullptr;
  timer_node* next = nullptr;
  timer_node* previous = nullptr;  ///< the parent for a first child, the left sibling otherwise
  void (*fire)(timer_node&, wake) = nullptr;
  bool waiting = false;
};

/// A priority queue of timer_nodes it does not own.
/// \cost     push O(1), pop and remove O(log n) amortised; no allocation
/// \threads  unsafe
/// \source   Fredman, Sedgewick, Sleator, Tarjan: The Pairing Heap (1986), two-pass variant
class timer_heap {
 public:
  [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }
  [[nodiscard]] time_point earliest() const noexcept { return root_ ? root_->when : no_deadline; }

  void push(timer_node& node) noexcept {
    node.child = node.next = node.previous = nullptr;
    node.waiting = true;
    root_ = root_ ? meld(root_, &node) : &node;
  }

  /// Takes the earliest node if its moment has come, else null.
  [[nodiscard]] timer_node* pop_due(time_point now) noexcept {
    if (!root_ || root_->when > now) return nullptr;
    timer_node* due = root_;
    remove(*due);
    return due;
  }

  void remove(timer_node& node) noexcept {
    timer_node* children = merge_pairs(node.child);
    if (&node == root_) {
      root_ = children;
    } else {
      detach(node);
      if (children) root_ = meld(root_, children);
    }
    node.child = nullptr;
    node.waiting = false;
  }

 private:
  static void detach(timer_node& node) noexcept {
    if (node.previous->child == &node) node.previous->child = node.next;
    else node.previous->next = node.next;
    if (node.next) node.next->previous = node.previous;
    node.next = node.previous = nullptr;
  }

  static timer_node* meld(timer_node* a, timer_node* b) noexcept {
    if (b->when < a->when) std::swap(a, b);
    b->previous = a;
    b->next = a->child;
    if (a->child) a->child->previous = b;
    a->child = b;
    a->next = a->previous = nullptr;
    return a;
  }

  static timer_node* merge_pairs(timer_node* first) noexcept {
    timer_node* merged = nullptr;  // pairs, newest first, linked by `next`
    while (first) {
      timer_node* a = first;
      timer_node* b = a->next;
      first = b ? b->next : nullptr;
      a->next = a->previous = nullptr;
      if (b) {
        b->next = b->previous = nullptr;
        a = meld(a, b);
      }
      a->next = merged;
      merged = a;
    }
    timer_node* root = nullptr;
    while (merged) {
      timer_node* rest = merged->next;
      merged->next = nullptr;
      root = root ? meld(root, merged) : merged;
      merged = rest;
    }
    return root;
  }

  timer_node* root_ = nullptr;
};

}  // namespace catena
