// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One name for several replicas of the same work: each request goes to one of them.
#include <catena/balance/pool_core.hpp>
#include <catena/chain/chain.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena {

/// Replicas that do the same work from In to Out: a model on several devices, remote servers as coroutines, whole chains. The
/// pool is a stage, and it is called like a chain: `co_await pool(c, x)`, `pool.async_run(x, token)`.
///
///     replica_pool<txn, float> risk(rt, {.name = "risk"});
///     risk.add(stage("gpu 0", on_gpu_0));
///     risk.add(stage("remote", ask_remote).timeout(50ms), {.weight = 0.5});
///
/// Replicas come and go while requests run: who is removed ends what it has begun, and gets nothing more. One that fails
/// again and again, or answers too slowly, is ejected by its breaker, and probed until it is well; one that is new or has come
/// back is given a share that grows. So that the rest is not overrun, at most a part is ejected at once: see panic_share.
///
/// A request that fails at one may be tried at others, see replica_pool_options::failovers; what it does may be done twice then.
///
/// What is said of a replica's stage belongs to it alone: its `.queue`, its `.limit`, its `.timeout`. A request that never
/// began there, for one of these or because it was cancelled, says nothing about the replica; nor does a deadline that left
/// no time for an answer.
/// \threads   safe
/// \lifetime  a cheap shared handle; chains and runs in flight pin what they need, and each request its replica
/// \errors    what the replica fails with, whose name is in the path; errc::unavailable where there is none, or all are
///            ejected, then with retry_after
/// \cost      a request: two clock reads and two short locks, no allocation
template <class In, class Out>
class replica_pool : private chain<In, Out> {
 public:
  using typename chain<In, Out>::input_type;
  using typename chain<In, Out>::output_type;

  /// \errors std::invalid_argument: an option is out of range
  explicit replica_pool(const runtime& rt, const replica_pool_options& options = {})
      : replica_pool(rt.state()->known_source(std::make_shared<detail::pool_core>(rt.state(), options))) {}

  using chain<In, Out>::operator();
  using chain<In, Out>::try_run;
  using chain<In, Out>::async_run;
  using chain<In, Out>::describe;       // names the replicas that there are by then
  using chain<In, Out>::async_warm_up;  // of the replicas that there are by then
  using chain<In, Out>::warm_up;

  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }

  /// From now on it is chosen, too.
  /// \param replica  a named stage that takes const In&, and whatever may be said about one
  /// \errors std::invalid_argument: there is one of this name; it wants to move its input; graph_error: what is wrong with it
  template <class Stage>
  void add(Stage replica, const replica_options& options = {}) const {
    static_assert(detail::stage_expression<Stage>, "catena: a replica is a named stage: write add(stage(\"name\", f)), also for a chain or a model");
    using output = typename Stage::template output<In>;
    static_assert(std::is_same_v<output, Out>, "catena: a replica answers what its pool answers");
    std::string name(replica.name());
    const graph::builder around(core_->runtime(), core_->name());
    graph::plan_ptr work = detail::plan_of_stage<Stage, In>(around, name, std::move(replica));
    if (const std::string fault = detail::fault_of_choice<Out, In>(*work, *core_->runtime()); !fault.empty())
      throw std::invalid_argument("pool '" + core_->name() + "': replica '" + name + "' " + fault);
    graph::announce(*work, core_->name());
    core_->add(std::move(name), std::move(work), options);
  }

  /// From now on it is not chosen any more; what it has begun ends in peace. False: there is none of this name.
  bool remove(std::string_view replica) const { return core_->remove(replica); }

  /// Those that leave are among them until they have ended.
  [[nodiscard]] std::vector<replica_stats> stats() const { return core_->stats(); }

  // A pool is a stage: see chain/steps/chosen_step.hpp.
  struct step : detail::chosen_step<detail::pool_chooser<In>, Out, In> {
    static void prepare(graph::builder& chain, graph::stage_request& request, const replica_pool& pool) {
      chain.expect_own(request, pool.core_->runtime().get(), "pool '" + pool.name() + "' belongs");
      prepare_core(chain, request, pool.core_);
    }
    static void prepare_core(graph::builder& chain, graph::stage_request& request, std::shared_ptr<detail::pool_core> core) {
      request.need = core;
      detail::chosen_step<detail::pool_chooser<In>, Out, In>::prepare(chain, request, "pool", {std::move(core)});
    }
  };
  using catena_takes = takes<In>;
  template <class... Given>
  using catena_step = step;

 private:
  explicit replica_pool(const std::shared_ptr<detail::pool_core>& core)
      : chain<In, Out>(detail::plan_alone<In>(core->runtime(), core->name(), [&](graph::builder& alone, graph::stage_request& request) {
          step::prepare_core(alone, request, core);
        })),
        core_(core) {}

  std::shared_ptr<detail::pool_core> core_;
};

}  // namespace catena
