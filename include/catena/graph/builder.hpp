// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Collects the stages of a chain while it is being written down, and compiles them to a plan.
#include <catena/graph/plan.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace catena::graph {

/// How a stage takes one of its inputs.
enum class demand : std::uint8_t {
  reads,   ///< const T&
  moves,   ///< T&&: it must be the only consumer
  either,  ///< T&& if it is the only consumer, else const T&
};

/// A stage as the typed layer hands it over.
struct stage_request {
  std::string name;
  std::string kind;
  std::vector<std::uint32_t> inputs;  ///< value ids
  std::vector<demand> demands;        ///< one for each input
  const value_type* type = nullptr;
  /// `fixed` serves the common case: no input is the plan's own, and every `either` is the only consumer.
  step_function fixed = nullptr;
  step_function dynamic = nullptr;
  std::shared_ptr<const void> stage;
  const void* small_stage = nullptr;  ///< a callable no larger than a pointer, kept in the step itself; then `stage` is null
  std::size_t scratch_size = 0;
  bool suspends = false;
  bool (*cancel)(operation&) = nullptr;
  void (*each_child)(operation&, void (*f)(run&, void*), void* data) = nullptr;
  bool begins_anywhere = false;  ///< suspends always, and runs none of the user's code before: any thread may begin it
  bool keeps_inputs = false;   ///< something it starts may use the inputs after it has answered
  bool keeps_scratch = false;  ///< the same with its operation
  bool result_optional = false;  ///< nobody needs to consume the output
  bool parks = false;          ///< it may park its run
  bool lets_park = false;      ///< it holds nothing while what it runs is parked
  std::vector<plan_ptr> inner;
  std::shared_ptr<catena::graph::need> need;  ///< what must be there before it begins, or null
  std::vector<tunable_place> tunables;  ///< what can be changed of it while it serves
  std::shared_ptr<const stage_measure> measure;  ///< what it has counted of itself, or null
  catena::detail::step_layer layer = catena::detail::step_layer::none;  ///< what it puts around what it runs
};

/// A chain being written down. Faults are collected, and thrown together by compile().
/// \threads  unsafe
class builder {
 public:
  builder(std::shared_ptr<runtime_state> runtime, std::string name);

  [[nodiscard]] std::uint32_t add_input(const value_type& type);
  [[nodiscard]] std::uint32_t add_stage(stage_request request);
  void add_exit(const value_type& type, const std::string& stage);
  void fault(std::string text) { faults_.push_back(std::move(text)); }
  /// What a stage is made of belongs to the chain's own runtime: they drain, and lose their executors, together.
  /// \param what  such as "model 'risk' belongs"
  void expect_own(const stage_request& stage, const runtime_state* its, const std::string& what);
  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Ends the writing. `exits_here`: early exits end this plan; otherwise they leave it for the chain around.
  /// \param result  the answer's value; no_index if that is a fault already told
  /// \errors graph_error with all faults
  enum class exits : bool { leave, end_here };
  [[nodiscard]] plan_ptr compile(std::uint32_t result, exits how);

 private:
  struct value {
    const value_type* type;
    std::uint32_t producer;    ///< a step, or no_index
    std::uint32_t plan_input;  ///< an input of the plan, or no_index
    std::vector<std::uint32_t> consumers;
    std::uint32_t offset = no_index;
  };
  class layout;

  void check_names(exits how);
  void check_uses(std::uint32_t result);
  void check_exits(std::uint32_t result);
  void check_exits_agree();
  [[nodiscard]] std::string check_parking();
  void connect(plan& p) const;
  [[nodiscard]] std::vector<std::uint32_t> producers_of(const stage_request& stage) const;
  [[nodiscard]] operand operand_of(std::uint32_t value_id) const;
  void place_inputs(plan& p, layout& frame);
  [[nodiscard]] std::uint32_t place_stage(plan& p, layout& frame, std::uint32_t index);
  void emit(plan& p, std::uint32_t index, std::uint32_t scratch);
  void collect_needs(plan& p) const;

  std::shared_ptr<runtime_state> runtime_;
  std::string name_;
  std::vector<value> values_;
  std::vector<std::uint32_t> inputs_;
  std::vector<stage_request> stages_;
  std::vector<std::uint32_t> outputs_;  ///< the value each stage makes
  struct exit_point {
    const value_type* type;
    std::string stage;
  };
  std::vector<exit_point> exits_;
  std::vector<std::string> faults_;
  bool compiled_ = false;
};

}  // namespace catena::graph
