// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// An executor that runs nothing by itself: a test takes its work out one by one, in an order drawn from a seed.
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::testing {

class manual_executor;

/// An execution context whose ready work waits in a bag until step() draws one piece of it.
/// \order    any; the same seed and the same program give the same order
/// \threads  work may come from any thread; step() is called by one thread
/// \lifetime destroying it destroys waiting work unrun, as an io_context does, after its services have been told
class manual_context : public boost::asio::execution_context {
 public:
  using executor_type = manual_executor;

  explicit manual_context(std::uint64_t seed) : random_(seed) {}
  ~manual_context();

  [[nodiscard]] executor_type get_executor() noexcept;

  /// Runs one ready piece of work, drawn by the seed; false if none is ready. What it throws comes out here.
  bool step();
  /// Waits until another thread has brought work; returns at once if some is ready.
  void wait_for_work();
  [[nodiscard]] std::size_t ready_count() const;
  /// How many pieces of work have been run.
  [[nodiscard]] std::size_t steps() const noexcept { return steps_; }
  /// How many work guards and tracked operations keep the executor from being out of work.
  [[nodiscard]] std::size_t outstanding_work_count() const;
  [[nodiscard]] bool running_in_this_thread() const noexcept { return current_ == this; }

 private:
  friend class manual_executor;
  struct task {
    virtual ~task() = default;
    virtual void run(std::unique_ptr<task> self) = 0;
  };
  template <class Function>
  struct task_of final : task {
    explicit task_of(Function f) : function(std::move(f)) {}
    /// Frees the task before its function is called, as Asio promises.
    void run(std::unique_ptr<task> self) override {
      Function ready(std::move(function));
      self.reset();
      std::move(ready)();
    }
    Function function;
  };

  void push(std::unique_ptr<task> work);
  void drop_waiting() noexcept;
  void add_work(std::ptrdiff_t count) noexcept;

  static thread_local const manual_context* current_;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::unique_ptr<task>> waiting_;
  std::mt19937_64 random_;
  std::size_t steps_ = 0;
  std::ptrdiff_t outstanding_ = 0;
};

/// The executor of a manual_context. `blocking.possibly` runs inline from inside a step, `blocking.never` always waits.
class manual_executor {
  using blocking = boost::asio::execution::blocking_t;
  using outstanding_work = boost::asio::execution::outstanding_work_t;

 public:
  explicit manual_executor(manual_context& context) noexcept : context_(&context) {}
  manual_executor(const manual_executor& other) noexcept
      : context_(other.context_), may_run_inline_(other.may_run_inline_), tracked_(other.tracked_) {
    if (tracked_) context_->add_work(1);
  }
  manual_executor& operator=(const manual_executor& other) noexcept {
    manual_executor copy(other);
    std::swap(context_, copy.context_);
    std::swap(may_run_inline_, copy.may_run_inline_);
    std::swap(tracked_, copy.tracked_);
    return *this;
  }
  ~manual_executor() {
    if (tracked_) context_->add_work(-1);
  }

  [[nodiscard]] manual_context& query(boost::asio::execution::context_t) const noexcept { return *context_; }
  [[nodiscard]] blocking query(blocking) const noexcept {
    return may_run_inline_ ? blocking(blocking::possibly) : blocking(blocking::never);
  }
  [[nodiscard]] outstanding_work query(outstanding_work) const noexcept {
    return tracked_ ? outstanding_work(outstanding_work::tracked) : outstanding_work(outstanding_work::untracked);
  }
  [[nodiscard]] manual_executor require(blocking::possibly_t) const { return {*context_, inlining::allowed, tracking()}; }
  [[nodiscard]] manual_executor require(blocking::never_t) const { return {*context_, inlining::never, tracking()}; }
  [[nodiscard]] manual_executor require(outstanding_work::tracked_t) const { return {*context_, inlined(), tracks::work}; }
  [[nodiscard]] manual_executor require(outstanding_work::untracked_t) const { return {*context_, inlined(), tracks::nothing}; }

  template <class Function>
  void execute(Function&& function) const {
    using stored = std::decay_t<Function>;
    if (may_run_inline_ && context_->running_in_this_thread()) {
      stored ready(std::forward<Function>(function));
      std::move(ready)();
      return;
    }
    context_->push(std::make_unique<manual_context::task_of<stored>>(std::forward<Function>(function)));
  }

  friend bool operator==(const manual_executor& a, const manual_executor& b) noexcept {
    return a.context_ == b.context_ && a.may_run_inline_ == b.may_run_inline_ && a.tracked_ == b.tracked_;
  }
  friend bool operator!=(const manual_executor& a, const manual_executor& b) noexcept { return !(a == b); }

 private:
  enum class inlining : bool { never, allowed };
  enum class tracks : bool { nothing, work };

  manual_executor(manual_context& context, inlining how, tracks what) noexcept
      : context_(&context), may_run_inline_(how == inlining::allowed), tracked_(what == tracks::work) {
    if (tracked_) context_->add_work(1);
  }
  [[nodiscard]] inlining inlined() const noexcept { return may_run_inline_ ? inlining::allowed : inlining::never; }
  [[nodiscard]] tracks tracking() const noexcept { return tracked_ ? tracks::work : tracks::nothing; }

  manual_context* context_;
  bool may_run_inline_ = true;
  bool tracked_ = false;
};

inline manual_executor manual_context::get_executor() noexcept { return manual_executor(*this); }

}  // namespace catena::testing
