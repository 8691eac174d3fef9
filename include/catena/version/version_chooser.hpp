// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Gives a request the version that its run has, and sends what a shadow is to see; see chain/steps/chosen_step.hpp.
#include <catena/chain/steps/chosen_step.hpp>
#include <catena/version/mirror_run.hpp>
#include <catena/version/version_set.hpp>

#include <concepts>
#include <functional>
#include <memory>

namespace catena::detail {

/// What a request has of its version.
struct version_ticket {
  version* chosen = nullptr;  ///< pinned by the run
  trial_ticket trial;
};

template <class In>
struct version_chooser {
  using ticket = version_ticket;
  using key_function = std::function<cache_key(call, const In&)>;

  std::shared_ptr<version_set> set;
  std::shared_ptr<const key_function> key;

  [[nodiscard]] result<chosen_work<ticket>> choose(graph::run& around, const In& input) const {
    const ticket given = version_of(around, input);
    if (!given.chosen) return set->has_none();
    // A request that cannot be copied has no shadow: versions::mirror() does not compile for it.
    if constexpr (std::copy_constructible<In>) {
      if (set->is_mirrored()) send_to_shadow(around, input, *set);
    }
    given.chosen->plan->run_began();
    return chosen_work<ticket>{given.chosen->plan, given};
  }

  void ended(const ticket& t, work_end how, const failure& why) const noexcept {
    t.chosen->plan->run_ended();
    set->ended(*t.chosen, version_end_of(how, why), t.trial);
  }

 private:
  /// The version that the run has, or is given now. The key is a function of the user's, and is not called under a lock.
  [[nodiscard]] ticket version_of(graph::run& around, const In& input) const {
    ticket given;
    const auto pins = around.pins();
    void* chosen = pins->find(set.get());
    if (!chosen) {
      const cache_key who = (*key)(call(around, graph::no_index), input);
      chosen = pins->pin(set, [&] { return set->choose(who, given.trial); });
    }
    given.chosen = static_cast<version*>(chosen);
    return given;
  }
};

}  // namespace catena::detail
