// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The executor a runtime was given, with what Asio's type erasure forgets: whether a thread runs it, and a cheap post.
#include <catena/runtime/memory_slot.hpp>
#include <catena/runtime/wake.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <utility>

namespace catena {

/// One thing to be resumed, a part of whatever waits.
struct ready_node {
  ready_node* next = nullptr;
  void (*resume)(ready_node&, wake) = nullptr;
};

/// A posted ready_node; destroyed uncalled, it abandons the node: the executor is gone.
class resumption {
 public:
  explicit resumption(ready_node& node) noexcept : node_(&node) {}
  resumption(resumption&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  resumption& operator=(resumption&&) = delete;
  ~resumption() {
    if (node_) node_->resume(*node_, wake::abandoned);
  }
  void operator()() {
    ready_node& node = *std::exchange(node_, nullptr);
    node.resume(node, wake::resumed);
  }

 private:
  ready_node* node_;
};

/// The same, posted in memory of its owner.
class slotted_resumption : public resumption {
 public:
  using allocator_type = slot_allocator<std::byte>;
  slotted_resumption(ready_node& node, memory_slot& slot) noexcept : resumption(node), slot_(&slot) {}
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(*slot_); }

 private:
  memory_slot* slot_;
};

/// Whether this thread runs an executor right now.
enum class whereabouts : std::uint8_t { inside, outside, unknown };

/// An executor that knows its concrete type where that is one of Asio's own; any other works, a little slower.
/// \threads  safe
class home_executor {
 public:
  explicit home_executor(boost::asio::any_io_executor executor);

  [[nodiscard]] const boost::asio::any_io_executor& get() const noexcept { return executor_; }
  [[nodiscard]] whereabouts where() const noexcept { return kind_->where(executor_); }
  /// Whether it runs one thing after the other, never two at once: a strand, or an io_context that was told that one thread runs it.
  [[nodiscard]] bool is_serial() const noexcept { return serial_; }
  /// A strand of it; one over Asio's type erasure would allocate for each thing it does.
  [[nodiscard]] boost::asio::any_io_executor make_strand() const { return kind_->make_strand(executor_); }
  /// While it lives, the executor does not run out of work.
  [[nodiscard]] boost::asio::any_io_executor keep_busy() const { return kind_->keep_busy(executor_); }
  /// where() of any executor.
  [[nodiscard]] static whereabouts where(const boost::asio::any_io_executor& executor) noexcept;
  /// Resumes the node on the executor, never inside this function.
  void post(ready_node& node) const { kind_->post(executor_, node); }
  /// The same without allocating, if the slot is free.
  void post(ready_node& node, memory_slot& slot) const { kind_->post_slotted(executor_, node, slot); }

 private:
  struct kind {
    whereabouts (*where)(const boost::asio::any_io_executor&) noexcept;
    void (*post)(const boost::asio::any_io_executor&, ready_node&);
    void (*post_slotted)(const boost::asio::any_io_executor&, ready_node&, memory_slot&);
    bool (*is_serial)(const boost::asio::any_io_executor&) noexcept;
    boost::asio::any_io_executor (*make_strand)(const boost::asio::any_io_executor&);
    boost::asio::any_io_executor (*keep_busy)(const boost::asio::any_io_executor&);
  };
  template <class Executor>
  static const kind kind_of;
  template <class... Executors>
  static const kind& choose(const boost::asio::any_io_executor& executor) noexcept;
  [[nodiscard]] static const kind& kind_for(const boost::asio::any_io_executor& executor) noexcept;

  boost::asio::any_io_executor executor_;
  const kind* kind_;
  bool serial_;
};

}  // namespace catena
