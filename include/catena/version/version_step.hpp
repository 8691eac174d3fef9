// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that runs the version its request was given, and sends what a shadow is to see.
#include <catena/chain/steps/guard_step.hpp>
#include <catena/version/mirror_run.hpp>
#include <catena/version/version_set.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <utility>

namespace catena::detail {

struct version_operation : parent_operation {
  using parent_operation::parent_operation;
  version* chosen = nullptr;  ///< pinned by the request
  trial_ticket ticket;
};

template <class In, class Out>
struct version_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In>;
  using key_function = std::function<cache_key(call, const In&)>;

  struct stage_data {
    std::shared_ptr<version_set> set;
    key_function key;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static void prepare(graph::builder& chain, graph::stage_request& request, std::shared_ptr<const stage_data> data) {
    if (data->set->runtime() != chain.runtime())
      chain.fault("stage '" + request.name + "': versions '" + data->set->name() + "' belong to another runtime");
    request.kind = "versions";
    request.demands = {graph::demand::either};
    request.type = &graph::value_type_of<output>;
    request.fixed = request.dynamic = &execute;
    request.stage = std::move(data);
    request.scratch_size = sizeof(version_operation);
    request.suspends = true;
    request.cancel = &cancel_children;
    request.keeps_inputs = true;
    request.result_optional = std::is_same_v<output, unit>;
  }

 private:
  static const stage_data& data_of(const graph::step& s) noexcept { return *static_cast<const stage_data*>(s.stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<version_operation>(r, s);
    if (const failure why = choose(op); why.is_set()) {
      r.note_never_began();
      return fail(op, why);
    }
    if (!op.chosen->plan->sequential && !r.enlist(op)) {
      end_operation<version_step>(op);
      return graph::outcome::stopped;
    }
    mirror(op);
    graph::run* child = nullptr;
    try {
      child = &make_child(op, *op.chosen->plan, {.ended = &ended, .abandoned = &single_child<version_step>::abandoned},
                          [&](graph::run& made) { child_inputs<In>::give(r, s, made); });
    } catch (...) {
      return fail(op, failure::from(std::current_exception()));
    }
    start_child(*child);
    return finish_start<version_step>(r, s, op);
  }

  static graph::outcome fail(version_operation& op, failure why) {
    op.owner->fail(op.its_step(), std::move(why));
    end_operation<version_step>(op);
    return graph::outcome::stopped;
  }

  static const In& input_of(const version_operation& op) noexcept { return *inputs(*op.owner, op.its_step()).template get<0>(); }

  /// The version that the request has, or is given now. The key is the user's function, and is not called under a lock.
  static failure choose(version_operation& op) {
    const stage_data& data = data_of(op.its_step());
    const auto pins = op.owner->pins();
    void* chosen = pins->find(data.set.get());
    if (!chosen) {
      try {
        const cache_key who = data.key(call(*op.owner), input_of(op));
        chosen = pins->pin(data.set, [&] { return data.set->choose(who, op.ticket); });
      } catch (...) {
        return failure::from(std::current_exception());
      }
    }
    if (!chosen) return data.set->has_none();
    op.chosen = static_cast<version*>(chosen);
    return {};
  }

  static void mirror(version_operation& op) noexcept {
    // A request that cannot be copied has no shadow: versions::mirror() does not compile for it.
    if constexpr (std::copy_constructible<In>) {
      version_set& set = *data_of(op.its_step()).set;
      if (set.is_mirrored()) send_to_shadow(*op.owner, input_of(op), set);
    }
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<version_operation&>(parent);
    data_of(op.its_step()).set->ended(*op.chosen, version_end_of(child), op.ticket);
    pass_on_never_began(child, *parent.owner);
    single_child<version_step>::ended(child, parent);
  }
};

}  // namespace catena::detail
