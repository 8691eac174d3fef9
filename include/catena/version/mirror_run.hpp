// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A run that nobody waits for: a copy of a request, sent to a shadow.
#include <catena/chain/steps/child_end.hpp>
#include <catena/chain/steps/root_run.hpp>
#include <catena/version/version_set.hpp>

#include <utility>

namespace catena::detail {

/// What the run keeps of where it comes from. It is counted by its runtime, so that drain waits for it.
struct mirror_tail {
  mirror_place place;

  static void complete(graph::run& r, graph::ending) {
    const mirror_place& place = r.tail<mirror_tail>().place;
    place.set().ended(place.to(), version_end_of(work_end_of(r, r), r.reason()), {});
    end(r);
  }
  static void abandon(graph::run& r) noexcept { end(r); }
  static void end(graph::run& r) noexcept {
    r.of().run_ended();
    r.runtime().end_run();
    r.release();
  }
  static void deallocate(const graph::plan& p, void* memory, std::size_t size) noexcept {
    auto* tail = std::launder(reinterpret_cast<mirror_tail*>(static_cast<std::byte*>(memory) + p.frame_size));
    const mirror_place place(std::move(tail->place));  // may be the last to hold the versions, and so goes after the frame
    tail->~mirror_tail();
    return_frame(p, memory, size);
  }
  static constexpr graph::tail_operations operations{&complete, &abandon, &deallocate};
};

/// Makes a run for a copy of the request that `r` has, of low priority and with a deadline of its own; null: the runtime drains.
template <class In>
graph::run* make_mirror_run(const graph::run& r, const In& input, mirror_place place) {
  const graph::plan& plan = *place.to().plan;
  runtime_state& runtime = *plan.runtime;
  In copy(input);
  if (runtime.begin_run(work_kind::fresh) == 0) return nullptr;
  const run_options call{.deadline = place.deadline(), .priority = priority::low, .tenant = r.tenant, .trace_parent = r.handed_on()};
  const graph::run::start_options start{.call = call,
                                        .id = r.id,
                                        .tail = &mirror_tail::operations,
                                        .tail_size = sizeof(mirror_tail),
                                        .executor = &runtime.ready->executor(),
                                        .own_deadline = !plan.sequential,
                                        .stoppable = true};
  const std::size_t size = graph::run::size_for(plan, start);
  graph::run* made = nullptr;
  try {
    made = graph::run::create(plan, start, plan.frames.allocate(size), size);
    plan.run_began();
    place.to().runs.fetch_add(1, std::memory_order_relaxed);
    ::new (static_cast<void*>(&made->tail<mirror_tail>())) mirror_tail{std::move(place)};
    made->give_input(0, std::move(copy));
  } catch (...) {
    if (made) mirror_tail::abandon(*made);
    else runtime.end_run();
    throw;
  }
  return made;
}

/// Sends a copy of the request, if it is in the shadow's share and there is a place for it. The run that it is a copy of is
/// not delayed by more than the copy: its shadow begins when the executor comes to it.
template <class In>
void send_to_shadow(const graph::run& r, const In& input, version_set& set) noexcept {
  graph::run* made = nullptr;
  try {
    auto place = set.mirror_request(r.id);
    if (!place) return;
    made = make_mirror_run(r, input, *std::move(place));
  } catch (...) {
    // It cannot be copied now, or there is no memory: that is no concern of the run's.
  }
  if (!made) return set.count_unsent();
  made->resume = [](ready_node& node, wake how) {
    auto& self = static_cast<graph::run&>(node);
    if (how == wake::resumed) self.start(graph::ending::later);
    else self.abandon();
  };
  made->runtime().ready->push(*made);
}

}  // namespace catena::detail
