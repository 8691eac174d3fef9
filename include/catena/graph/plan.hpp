// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A chain compiled: stages in topological order, every value's place in one frame, who waits for whom.
#include <catena/graph/frame_pool.hpp>
#include <catena/graph/need.hpp>
#include <catena/graph/value.hpp>
#include <catena/observe/run_meter.hpp>
#include <catena/observe/stage_measure.hpp>
#include <catena/observe/trace_shape.hpp>
#include <catena/runtime/state.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace catena::graph {

class plan;
class run;
class known_chain;
struct step;
struct operation;

void intrusive_ptr_add_ref(const plan* p) noexcept;
void intrusive_ptr_release(const plan* p) noexcept;
using plan_ptr = boost::intrusive_ptr<const plan>;

/// How a step ended its turn.
enum class outcome : std::uint8_t {
  done,       ///< the output stands in its slot
  suspended,  ///< the operation completes later; the run must not be touched, it may be gone already
  stopped,    ///< the run was stopped: by failure, early exit or cancellation
};

using step_function = outcome (*)(run&, const step&);

/// No step, no offset.
inline constexpr std::uint32_t no_index = 0xffff'ffff;

/// The part of a stage that running touches: what to call, with what, from where to where.
struct step {
  step_function execute;
  const void* stage;               ///< the stage's callable, owned by the plan; or, if it is small, the callable itself
  std::uint32_t out;               ///< the output's offset in the frame
  std::array<std::uint32_t, 3> in; ///< the inputs' offsets; with more than three, in[0] indexes plan::more_inputs
};

/// Where a consumer finds one of its inputs.
struct operand {
  std::uint32_t offset;
  std::uint32_t plan_input;  ///< which input of the plan it is, or no_index
  bool sole;                 ///< no one else consumes the value: it may be moved from
};

/// The part of a stage that building, failing and describing touch.
struct step_description {
  std::string name;
  std::string kind;                  ///< function, coroutine, operation, chain, model, each, …
  std::vector<operand> operands;
  std::vector<std::uint32_t> producers;  ///< the steps it waits for, each once
  const value_type* type = nullptr;
  std::uint32_t consumers = 0;       ///< of the output, the plan's own result counted
  std::uint32_t scratch = no_index;      ///< offset of the operation's place in the frame
  bool suspends = false;
  std::vector<plan_ptr> inner;       ///< the plans it runs, for describing
  std::shared_ptr<catena::graph::need> need;  ///< what it needs itself, or null
  std::vector<tunable_place> tunables;        ///< what can be changed of the step itself
  std::shared_ptr<const stage_measure> measure;  ///< what the step has counted of itself, or null
  catena::detail::step_layer layer = catena::detail::step_layer::none;  ///< what it puts around what it runs
  /// Calls f(run, data) for each of its runs inside, under the run's lock; null: it has none.
  void (*each_child)(operation&, void (*f)(run&, void*), void* data) = nullptr;
  /// Tells a suspended operation that its answer is not wanted; called under the run's lock, must only post.
  /// True: the run no longer waits for it.
  bool (*cancel)(operation&) = nullptr;
};

/// A slot whose value must be destroyed when a run ends before it is consumed.
struct counted_slot {
  std::uint32_t offset;
  const value_type* type;
};

struct plan_input {
  std::uint32_t offset;      ///< of the value, or of a pointer to it when it is borrowed
  const value_type* type;
  std::uint32_t consumers;
  bool may_be_borrowed;      ///< all consumers are content with a const reference
};

/// An immutable, validated DAG, shared by its handles and its runs.
class plan {
 public:
  plan() = default;
  plan(const plan&) = delete;
  plan& operator=(const plan&) = delete;
  ~plan();

  std::string name;
  std::vector<step> steps;
  std::vector<step_description> stages;
  std::vector<std::string_view> stage_names;
  std::vector<std::uint32_t> more_inputs;
  std::vector<plan_input> inputs;
  std::uint32_t result = 0;  ///< offset of the output
  const value_type* result_type = nullptr;
  std::uint32_t result_stage = 0;
  bool is_chain = false;  ///< not a stage that another plan runs for itself
  const value_type* exit_type = nullptr;  ///< of an early exit that leaves this plan for the chain around it

  std::uint32_t frame_size = 0;
  std::vector<counted_slot> counted;
  /// Steps nothing must be waited for, and for every step its successors: successor[first_successor[i] ..].
  std::vector<std::uint32_t> roots;
  std::vector<std::uint32_t> first_successor;
  std::vector<std::uint32_t> successor;
  std::vector<std::uint8_t> suspends;
  std::vector<std::uint8_t> onward;  ///< per step: its only successor waits for nothing else, and may begin on any thread
  /// Steps that wait for several others count down; `missing` is copied to the frame at missing_offset.
  std::vector<std::uint32_t> missing;
  std::vector<std::uint32_t> missing_index;  ///< per step, or no_index
  std::uint32_t missing_offset = no_index;
  std::uint32_t links_offset = no_index;  ///< one link per step for lists of ready steps; no_index where no list can form
  bool sequential = true;             ///< nothing suspends: running is a walk over `steps`
  bool linear = true;                 ///< no two steps are ever ready at once
  std::string parks;                  ///< the path of a step that may park its run; empty: there is none
  mutable std::atomic<std::uint32_t> stride{1};  ///< how many stages a walk runs between two looks at the deadline

  std::shared_ptr<const catena::detail::trace_shape> shape;  ///< null: its runs are not traced

  std::shared_ptr<runtime_state> runtime;
  std::vector<std::shared_ptr<const void>> owned;  ///< the stages' callables
  std::vector<std::shared_ptr<need>> needs;        ///< of its stages and of the plans they run, each once
  std::vector<need*> movable_needs;                ///< those of them that come and go
  mutable frame_pool frames;

  void run_began() const noexcept {
    for (need* n : movable_needs) n->run_began();
  }
  void run_ended() const noexcept {
    for (need* n : movable_needs) n->run_ended();
  }
  [[nodiscard]] bool goes_on_anywhere(std::uint32_t step) const noexcept { return onward[step] != 0; }

  [[nodiscard]] bool records() const noexcept { return meter || shape || runtime->observer; }

  mutable std::shared_ptr<const tunable_site> announced;  ///< what announce() made
  mutable std::shared_ptr<known_chain> known;               ///< the same, of a chain
  mutable std::shared_ptr<const metric_source> measured;    ///< by its steps; made by announce()
  mutable std::shared_ptr<catena::detail::run_meter> meter;  ///< null: its runs are not counted
  mutable std::atomic<std::uint32_t> references{0};
};

/// Makes known to the runtime what can be changed of the plan's stages, and has its runs counted; but for its chains, which are known by
/// themselves.
/// \param name  before the names of its stages; empty: the plan's own
/// Once, before anybody else knows the plan.
void announce(const plan& p, const std::string& name = {});

inline void intrusive_ptr_add_ref(const plan* p) noexcept { p->references.fetch_add(1, std::memory_order_relaxed); }
inline void intrusive_ptr_release(const plan* p) noexcept {
  if (p->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete p;
}

}  // namespace catena::graph
