// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the handles of one replica pool share: its replicas, and who of them is next.
#include <catena/balance/replica_pool_options.hpp>
#include <catena/chain/steps/chosen_step.hpp>
#include <catena/graph/need.hpp>
#include <catena/recover/breaker.hpp>
#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/random_numbers.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena::detail {

struct pool_member : replica_load {
  pool_member(std::string called, graph::plan_ptr does, const breaker_options& options)
      : name(std::move(called)), work(std::move(does)), guard(options) {}

  std::string name;
  std::uint32_t number = 0;  ///< among all that the pool ever had
  graph::plan_ptr work;
  breaker guard;
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;
  bool leaving = false;  ///< nobody chooses it any more
};

/// A request that is outstanding keeps its member.
struct pool_ticket {
  pool_member* member = nullptr;
  breaker::pass pass;
  time_point began{};
  std::array<std::uint32_t, 7> tried{};  ///< where the request failed before, by number
  std::uint32_t tried_count = 0;
};

/// What a chain with a pool needs is what its replicas need by then; what a run needs of them is known when it has chosen.
/// \threads  safe; what a replica is made of is destroyed behind the lock
class pool_core final : public graph::need, public metric_source {
 public:
  pool_core(std::shared_ptr<runtime_state> runtime, const replica_pool_options& options);

  [[nodiscard]] const std::string& name() const noexcept override { return options_.name; }
  [[nodiscard]] std::vector<graph::alternative> alternatives() const override;
  void bring(std::shared_ptr<arrival> to_tell) override;

  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }

  /// \errors std::invalid_argument: there is one of this name
  void add(std::string name, graph::plan_ptr work, const replica_options& options);
  [[nodiscard]] bool remove(std::string_view name);
  [[nodiscard]] std::vector<replica_stats> stats() const;
  void collect(metric_set& to) const override;

  [[nodiscard]] result<chosen_work<pool_ticket>> choose();
  void ended(const pool_ticket& t, work_end how, const failure& why) noexcept;

  [[nodiscard]] bool may_fail_over() const noexcept { return options_.failovers > 0; }
  /// Who does it instead of one that has failed so; nothing: nobody, or there are no retries left.
  [[nodiscard]] std::optional<chosen_work<pool_ticket>> choose_other(const pool_ticket& failed, const failure& why,
                                                                     std::atomic<std::uint32_t>* retries_left);

 private:
  using members = std::vector<std::unique_ptr<pool_member>>;

  [[nodiscard]] result<chosen_work<pool_ticket>> choose_at(time_point now);
  [[nodiscard]] pool_member* choose_locked(time_point now);
  [[nodiscard]] pool_member* choose_other_locked(const pool_ticket& failed, time_point now);
  [[nodiscard]] pool_member* choose_candidate_locked(time_point now);
  [[nodiscard]] chosen_work<pool_ticket> begin_locked(pool_member& m, time_point now);
  [[nodiscard]] pool_member* find_candidates_locked(time_point now);
  [[nodiscard]] failure nobody_locked(time_point now) const;
  [[nodiscard]] std::unique_ptr<pool_member> take_leaving_locked(const pool_member& m);

  const std::shared_ptr<runtime_state> runtime_;
  const replica_pool_options options_;
  mutable brief_mutex mutex_;
  balancing_policy policy_;
  random_numbers random_{1};
  members members_;
  members leaving_;
  std::uint32_t last_number_ = 0;
  std::vector<replica_load*> candidates_;  ///< those the policy chooses from
  bool settled_ = false;                   ///< all serve with their full share: the candidates stay the same
};

template <class In>
struct pool_chooser {
  using ticket = pool_ticket;
  [[nodiscard]] result<chosen_work<ticket>> choose(graph::run&, const In&) const { return core->choose(); }
  void ended(const ticket& t, work_end how, const failure& why) const noexcept { core->ended(t, how, why); }
  [[nodiscard]] bool may_choose_other() const noexcept { return core->may_fail_over(); }
  [[nodiscard]] std::optional<chosen_work<ticket>> choose_other(graph::run& around, const ticket& failed, const failure& why) const {
    return core->choose_other(failed, why, around.retries_left);
  }

  std::shared_ptr<pool_core> core;
};

}  // namespace catena::detail
