// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What stands in front of work and lets it in: the concept behind `.limit(...)`.
#include <catena/call.hpp>
#include <catena/error.hpp>
#include <catena/schedule/request_outcome.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace catena {

class runtime_state;

/// What a gate is asked.
struct gate_request {
  std::int64_t cost = 1;
  time_point deadline = no_deadline;  ///< nobody waits longer than that
  catena::priority priority = priority::normal;
};

/// How work ended that was let in.
struct work_end {
  request_outcome outcome = request_outcome::answered;
  bool began = true;  ///< false: what it took is put back
};
inline constexpr work_end never_began{request_outcome::ignored, false};

/// Who does not pass there stands in line.
template <class G>
concept waiting_gate = requires(typename G::passage& p) {
  { p.wait(static_cast<void (*)(typename G::passage&)>(nullptr), static_cast<void (*)(typename G::passage&) noexcept>(nullptr)) } -> std::same_as<bool>;
  { p.withdraw() } -> std::same_as<bool>;
};
/// Who does not pass there is refused there and then.
template <class G>
concept refusing_gate = requires { requires G::passage::never_waits; };

/// A gate: a cheap shared handle, and for every request a passage, which is a part of the operation that asks.
///
///     class my_gate {
///      public:
///       class passage {
///        public:
///         passage(const my_gate&, const gate_request&) noexcept;
///         bool try_pass();                    // now: nothing is suspended, locked, allocated or posted
///         bool wait(decided, abandoned);      // stands in line; may be decided before this returns
///         bool withdraw();                    // true: it has left the line, and is not told
///         bool passed() const noexcept;       // once decided: it was let in, or why() it was not
///         failure why() const;
///         void ended(work_end how) noexcept;  // it was let in, and its work is over or will never begin
///         void settle(std::int64_t cost);     // optional: what the work really cost; before ended()
///       };
///       bool is_of(const runtime_state&) const noexcept;
///     };
///
/// Of those that passed, each is told once that it has ended. A passage lies in a run's frame, where it is not destroyed:
/// ended() leaves nothing behind, and neither does one that was refused or withdrawn. A passage that has no line says
/// `static constexpr bool never_waits = true` in place of wait() and withdraw(): who does not pass is refused there and then.
/// \threads   `decided` comes on any thread, once, and only pushes a ready_node; `abandoned` comes in its place when the
///            gate's executor is destroyed; withdraw() may come at any time from wait() on, also under a run's lock.
///            wait() answers false, and calls nothing, when that executor is gone already
/// \lifetime  the gate outlives its passages
template <class G>
concept gate = std::copy_constructible<G> && std::constructible_from<typename G::passage, const G&, const gate_request&> &&
               requires(const G& g, typename G::passage& p, const runtime_state& rt, work_end how) {
                 { g.is_of(rt) } -> std::same_as<bool>;
                 { p.try_pass() } -> std::same_as<bool>;
                 { p.passed() } -> std::same_as<bool>;
                 { p.why() } -> std::same_as<failure>;
                 p.ended(how);
               } && (refusing_gate<G> || waiting_gate<G>);

/// A gate whose requests may turn out to cost something else than they said.
template <class G>
concept settling_gate = gate<G> && requires(typename G::passage& p, std::int64_t cost) { p.settle(cost); };

}  // namespace catena
