// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Keeps models within memory budgets: loads those that are asked, and puts away those of least use.
#include <catena/error.hpp>
#include <catena/residency/residency_book.hpp>
#include <catena/runtime.hpp>
#include <catena/runtime/arrival.hpp>
#include <catena/runtime/pinned_timer.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace catena {

/// A snapshot.
struct residency_stats {
  struct model {
    std::string name;
    residency_level level = residency_level::cold;
    std::uint64_t load_count = 0;
    std::uint64_t unload_count = 0;
    duration load_time = {};  ///< the last time
  };
  std::vector<memory_use> held = {};  ///< of each memory that has a budget or a model
  std::vector<model> models = {};
};

namespace detail {

/// A model as residency sees it.
/// \threads  safe; its functions are called under residency's lock, unless said otherwise, and call nothing of residency's
class resident {
 public:
  enum class parking : std::uint8_t {
    parked,    ///< nothing is computed, and nothing will be
    draining,  ///< nothing more is begun; residency_core::parked() follows
    refused,   ///< it is in use again
  };
  enum class urgency : bool { when_idle, now };

  virtual ~resident() = default;
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  [[nodiscard]] virtual residency_book::activity activity() const = 0;
  /// It is to begin no more batches.
  [[nodiscard]] virtual parking park(urgency how) = 0;
  /// It may compute.
  virtual void unpark() = 0;
  /// Requests have come while it was parked.
  [[nodiscard]] virtual bool is_waited_for() const = 0;

  // Under no lock:

  /// Takes as long as it takes, while it is parked. Throws where it cannot be brought nearer.
  virtual void move_to(residency_level level) = 0;
  /// It cannot be loaded: whoever waits is told why.
  virtual void fail_waiting(const failure& why) = 0;
};

/// Performs what the book decides.
class residency_core : public executor_user, public metric_source, public std::enable_shared_from_this<residency_core> {
 public:
  using number = residency_book::number;
  residency_core(std::shared_ptr<runtime_state> runtime, const residency_options& options);
  ~residency_core() override;

  /// \errors std::invalid_argument, as residency_book::add()
  [[nodiscard]] number join(std::weak_ptr<resident> r, const residency_book::footprint& f);
  void leave(number n) noexcept;

  void want(number n);
  void want(number n, std::shared_ptr<arrival> waiter);
  /// Models that are not hot have become needed.
  void look();
  /// It drained.
  void parked(number n);

  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }
  void executor_gone() noexcept override;

  [[nodiscard]] residency_stats stats() const;
  void collect(metric_set& to) const override;

 private:
  struct mover : compute_job {
    std::shared_ptr<residency_core> pin;  ///< while it moves
    std::shared_ptr<resident> model;
    residency_level to{};
    number of = 0;
  };
  struct seat {
    std::weak_ptr<resident> model;
    std::unique_ptr<mover> job = std::make_unique<mover>();
    residency_level to{};  ///< while it moves
    std::vector<std::shared_ptr<arrival>> waiters;
    std::uint64_t load_count = 0;
    std::uint64_t unload_count = 0;
    time_point began{};
    duration load_time{};
  };
  class turn;

  void tell_locked(number n, turn& t, const result<void>& outcome);
  /// \return where it is now
  [[nodiscard]] residency_level bring(resident& model, residency_level to) const;
  static void move(compute_job& job) noexcept;
  void moved(number n, const std::shared_ptr<resident>& model, residency_level to);
  void failed(number n, const std::shared_ptr<resident>& model, const failure& why);
  void begin_move(number n, residency_level to, std::shared_ptr<resident> model);
  void decide(turn& t);
  static void patience_lost(timer_node& node, wake how);

  const std::shared_ptr<runtime_state> runtime_;
  mutable std::mutex mutex_;
  residency_book book_;
  std::vector<seat> seats_;
  pinned_timer<residency_core> timer_;
  bool closed_ = false;
};

}  // namespace detail

/// Memory that models share. Those made with it are loaded when they are asked or needed, off the threads that serve, and
/// leave for others within its budgets.
///
///     const residency memory(rt, {.budgets = {{"cpu", 8ull << 30}}});
///     const auto risk = make_model<txn, float>(rt, {.name = "risk", .residency = memory}, risk_instance{"risk.bin"});
///
/// A request for a model that is cold waits in its queue until it has been loaded, and fails with the others when that fails.
/// A run that needs a model later on has it loaded meanwhile.
/// \threads  safe
/// \lifetime a cheap shared handle, pinned by its models
class residency {
 public:
  /// \errors std::invalid_argument: an option is out of range
  explicit residency(const runtime& rt, const residency_options& options = {});

  [[nodiscard]] residency_stats stats() const;
  [[nodiscard]] const std::shared_ptr<detail::residency_core>& core() const noexcept { return core_; }

 private:
  std::shared_ptr<detail::residency_core> core_;
};

}  // namespace catena
