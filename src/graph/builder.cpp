// SPDX-License-Identifier: BSL-1.0
#include <catena/error.hpp>
#include <catena/graph/builder.hpp>
#include <catena/graph/run.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace catena::graph {
namespace {

std::string in_quotes(std::string_view name) { return "'" + std::string(name) + "'"; }

}  // namespace

/// Places values and scratch space in the frame. A place is given again to a stage that can only run after everybody is
/// done with it: what a producer was the last to use goes to one of its successors.
class builder::layout {
 public:
  explicit layout(std::size_t stage_count) : free_(stage_count) {}

  [[nodiscard]] std::uint32_t fresh(std::size_t size, std::size_t alignment) {
    const std::size_t offset = (end_ + alignment - 1) / alignment * alignment;
    end_ = offset + size;
    return static_cast<std::uint32_t>(offset);
  }

  struct block {
    std::uint32_t offset;
    std::size_t size;
    std::size_t alignment;
    const value_type* counted;  ///< null: raw memory; else it only ever holds values of this type
    bool scratch;               ///< for operations, else for values: one must not take the other's larger place
    bool fresh = false;
  };

  /// A block for `step`, from what its producers left or new at the end of the frame.
  [[nodiscard]] block take(const std::vector<std::uint32_t>& producers, block wanted) {
    for (const std::uint32_t producer : producers) {
      auto& blocks = free_[producer];
      const auto fits = std::find_if(blocks.begin(), blocks.end(), [&](const block& b) {
        return b.counted == wanted.counted && b.scratch == wanted.scratch && b.size >= wanted.size && b.alignment >= wanted.alignment;
      });
      if (fits == blocks.end()) continue;
      block found = *fits;
      found.fresh = false;
      blocks.erase(fits);
      return found;
    }
    wanted.offset = fresh(wanted.size, wanted.alignment);
    wanted.fresh = true;
    return wanted;
  }

  void give(std::uint32_t step, block b) { free_[step].push_back(b); }
  /// What `from` left and its only successor does not need is there for who comes after that one.
  void pass_on(std::uint32_t from, std::uint32_t only_successor) {
    auto& target = free_[only_successor];
    auto left = std::exchange(free_[from], {});
    target.insert(target.end(), left.begin(), left.end());
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>((end_ + 15) / 16 * 16); }

 private:
  std::size_t end_ = frame_begin;
  std::vector<std::vector<block>> free_;
};

builder::builder(std::shared_ptr<runtime_state> runtime, std::string name)
    : runtime_(std::move(runtime)), name_(std::move(name)) {}

std::uint32_t builder::add_input(const value_type& type) {
  const auto id = static_cast<std::uint32_t>(values_.size());
  values_.push_back({&type, no_index, static_cast<std::uint32_t>(inputs_.size()), {}});
  inputs_.push_back(id);
  return id;
}

std::uint32_t builder::add_stage(stage_request request) {
  if (compiled_) throw graph_error(name_, {"stage " + in_quotes(request.name) + " is added after the chain was built"});
  const auto index = static_cast<std::uint32_t>(stages_.size());
  const auto id = static_cast<std::uint32_t>(values_.size());
  for (const std::uint32_t input : request.inputs) values_[input].consumers.push_back(index);
  values_.push_back({request.type, index, no_index, {}});
  stages_.push_back(std::move(request));
  outputs_.push_back(id);
  return id;
}

void builder::add_exit(const value_type& type, const std::string& stage) { exits_.push_back({&type, stage}); }

void builder::expect_own(const stage_request& stage, const runtime_state* its, const std::string& what) {
  // The one stage of a plan made for a policy goes by the plan's name.
  if (its != runtime_.get()) fault("stage " + in_quotes(stage.name.empty() ? name_ : stage.name) + ": " + what + " to another runtime");
}

void builder::check_names(exits how) {
  std::unordered_map<std::string, int> seen;
  for (const auto& stage : stages_) {
    // The one stage of a plan made for a policy goes by the name of the stage around it.
    if (stage.name.empty() && how == exits::end_here) fault("a stage has an empty name");
    if (stage.name.find('/') != std::string::npos)
      fault("stage " + in_quotes(stage.name) + " has a '/' in its name, which separates the names of a path");
    if (++seen[stage.name] == 2) fault("two stages are named " + in_quotes(stage.name));
  }
}

void builder::check_uses(std::uint32_t result) {
  for (std::uint32_t i = 0; i < stages_.size(); ++i) {
    const auto& stage = stages_[i];
    const auto& output = values_[outputs_[i]];
    if (output.consumers.empty() && outputs_[i] != result && !stage.result_optional)
      fault("the result of stage " + in_quotes(stage.name) + " (" + std::string(output.type->name) + ") is not used");
    for (std::size_t k = 0; k < stage.inputs.size(); ++k) {
      const auto& input = values_[stage.inputs[k]];
      if (stage.demands[k] != demand::moves || (input.consumers.size() == 1 && stage.inputs[k] != result)) continue;
      const std::string whose = input.producer == no_index ? "the chain's input" : "the result of " + in_quotes(stages_[input.producer].name);
      fault("stage " + in_quotes(stage.name) + " wants to move " + whose + " (" + std::string(input.type->name) +
            "), which others use as well: let it take a const reference");
    }
  }
  if (result == no_index) return;
  if (values_[result].plan_input != no_index) fault("the chain returns its own input: it has no stage");
}

void builder::check_exits_agree() {
  for (const auto& exit : exits_)
    if (exit.type != exits_.front().type)
      fault("stage " + in_quotes(exit.stage) + " may exit with " + std::string(exit.type->name) + ", but " + in_quotes(exits_.front().stage) +
            " with " + std::string(exits_.front().type->name));
}

/// The path of a step that may park its run, if there is one; every step around it must hold nothing meanwhile.
std::string builder::check_parking() {
  std::string path;
  for (const stage_request& stage : stages_) {
    const std::string& label = stage.name.empty() ? name_ : stage.name;
    if (stage.parks) path = stage.name;
    for (const plan_ptr& inner : stage.inner) {
      if (inner->parks.empty()) continue;
      if (!stage.lets_park)
        fault("stage " + in_quotes(label) + " would hold what it has, or count its time, while " + in_quotes(inner->parks) +
              " inside of it waits for a person: let that stage not park, and this one notify and park instead");
      path = stage.name.empty() ? inner->parks : stage.name + "/" + inner->parks;
    }
    if (stage.parks && path.empty()) path = label;
  }
  return path;
}

void builder::check_exits(std::uint32_t result) {
  for (const auto& exit : exits_)
    if (exit.type != values_[result].type)
      fault("stage " + in_quotes(exit.stage) + " may exit with " + std::string(exit.type->name) + ", but the chain answers " +
            std::string(values_[result].type->name));
}

std::vector<std::uint32_t> builder::producers_of(const stage_request& stage) const {
  std::vector<std::uint32_t> producers;
  for (const std::uint32_t input : stage.inputs)
    if (values_[input].producer != no_index) producers.push_back(values_[input].producer);
  std::sort(producers.begin(), producers.end());
  producers.erase(std::unique(producers.begin(), producers.end()), producers.end());
  return producers;
}

operand builder::operand_of(std::uint32_t value_id) const {
  const auto& v = values_[value_id];
  return {v.offset, v.plan_input, v.consumers.size() == 1};
}

/// Successors, counters and roots, from every stage's producers.
void builder::connect(plan& p) const {
  const std::size_t count = stages_.size();
  std::vector<std::vector<std::uint32_t>> successors(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto& producers = p.stages[i].producers;
    for (const std::uint32_t producer : producers) successors[producer].push_back(i);
    if (producers.empty()) p.roots.push_back(i);
    p.missing_index.push_back(no_index);
    if (producers.size() > 1 && !p.sequential) {
      p.missing_index.back() = static_cast<std::uint32_t>(p.missing.size());
      p.missing.push_back(static_cast<std::uint32_t>(producers.size()));
    }
  }
  p.linear = p.roots.size() <= 1;
  p.first_successor.push_back(0);
  for (const auto& list : successors) {
    if (list.size() > 1) p.linear = false;
    p.successor.insert(p.successor.end(), list.begin(), list.end());
    p.first_successor.push_back(static_cast<std::uint32_t>(p.successor.size()));
    const bool onward = list.size() == 1 && p.stages[list.front()].producers.size() == 1 && stages_[list.front()].begins_anywhere;
    p.onward.push_back(onward);
  }
}

void builder::emit(plan& p, std::uint32_t index, std::uint32_t scratch) {
  auto& stage = stages_[index];
  const auto& output = values_[outputs_[index]];
  auto& about = p.stages[index];
  about.scratch = scratch;
  bool fixed = true;
  for (std::size_t k = 0; k < stage.inputs.size(); ++k) {
    const operand o = operand_of(stage.inputs[k]);
    if (o.plan_input != no_index || (stage.demands[k] == demand::either && !o.sole)) fixed = false;
    about.operands.push_back(o);
  }
  step s{fixed ? stage.fixed : stage.dynamic, stage.stage ? stage.stage.get() : stage.small_stage, output.offset, {no_index, no_index, no_index}};
  if (about.operands.size() <= s.in.size()) {
    for (std::size_t k = 0; k < about.operands.size(); ++k) s.in[k] = about.operands[k].offset;
  } else {
    s.in[0] = static_cast<std::uint32_t>(p.more_inputs.size());
    for (const operand& o : about.operands) p.more_inputs.push_back(o.offset);
  }
  p.steps.push_back(s);
  p.suspends.push_back(stage.suspends);
  p.owned.push_back(std::move(stage.stage));
}

void builder::place_inputs(plan& p, layout& frame) {
  for (const std::uint32_t id : inputs_) {
    auto& input = values_[id];
    input.offset = frame.fresh(std::max(input.type->slot_size, sizeof(void*)), std::max(input.type->alignment, alignof(void*)));
    const auto moves_it = [&](std::uint32_t consumer) {
      const auto& stage = stages_[consumer];
      for (std::size_t k = 0; k < stage.inputs.size(); ++k)
        if (stage.inputs[k] == id && stage.demands[k] == demand::moves) return true;
      return false;
    };
    p.inputs.push_back({input.offset, input.type, static_cast<std::uint32_t>(input.consumers.size()),
                        std::none_of(input.consumers.begin(), input.consumers.end(), moves_it)});
    if (input.type->destroy) p.counted.push_back({input.offset, input.type});
  }
}

/// Finds places for the stage's output and its operation, and frees what it is the last to use; returns the scratch.
std::uint32_t builder::place_stage(plan& p, layout& frame, std::uint32_t index) {
  const auto& stage = stages_[index];
  const auto& producers = p.stages[index].producers;
  auto& output = values_[outputs_[index]];
  const auto* counted = output.type->destroy ? output.type : nullptr;
  const auto slot = frame.take(producers, {0, output.type->slot_size, output.type->alignment, counted, false});
  output.offset = slot.offset;
  if (counted && slot.fresh) p.counted.push_back({slot.offset, counted});
  p.stages[index].consumers = static_cast<std::uint32_t>(output.consumers.size());
  std::uint32_t scratch = no_index;
  if (stage.scratch_size != 0) {
    const auto block = frame.take(producers, {0, stage.scratch_size, alignof(std::max_align_t), nullptr, true});
    scratch = block.offset;
    if (!stage.keeps_scratch) frame.give(index, block);
  }
  if (!stage.keeps_inputs) {
    for (const std::uint32_t id : stage.inputs) {
      const auto& v = values_[id];
      if (v.producer == no_index || v.consumers.size() != 1) continue;
      frame.give(index, {v.offset, v.type->slot_size, v.type->alignment, v.type->destroy ? v.type : nullptr, false});
    }
  }
  for (const std::uint32_t producer : producers)
    if (p.first_successor[producer + 1] - p.first_successor[producer] == 1) frame.pass_on(producer, index);
  return scratch;
}

void builder::collect_needs(plan& p) const {
  const auto add = [&](const std::shared_ptr<need>& n) {
    if (n && std::ranges::find(p.needs, n) == p.needs.end()) p.needs.push_back(n);
  };
  for (const stage_request& stage : stages_) {
    add(stage.need);
    for (const plan_ptr& inner : stage.inner) std::ranges::for_each(inner->needs, add);
  }
  for (const auto& n : p.needs)
    if (n->comes_and_goes()) p.movable_needs.push_back(n.get());
}

plan_ptr builder::compile(std::uint32_t result, exits how) {
  check_names(how);
  check_uses(result);
  if (how == exits::leave) check_exits_agree();
  else if (result != no_index) check_exits(result);
  std::string parks = check_parking();
  compiled_ = true;
  if (!faults_.empty()) throw graph_error(name_, std::move(faults_));

  boost::intrusive_ptr<plan> p(new plan);
  p->name = name_;
  p->runtime = runtime_;
  p->is_chain = how == exits::end_here;
  p->parks = std::move(parks);
  if (how == exits::leave && !exits_.empty()) p->exit_type = exits_.front().type;
  for (auto& stage : stages_) {
    p->stages.push_back({.name = stage.name,
                         .kind = stage.kind,
                         .operands = {},
                         .producers = producers_of(stage),
                         .type = stage.type,
                         .consumers = 0,
                         .scratch = no_index,
                         .suspends = stage.suspends,
                         .inner = stage.inner,
                         .need = stage.need,
                         .tunables = stage.tunables,
                         .measure = stage.measure,
                         .layer = stage.layer,
                         .each_child = stage.each_child,
                         .cancel = stage.cancel});
    if (stage.suspends) p->sequential = false;
  }
  collect_needs(*p);
  connect(*p);

  values_[result].consumers.push_back(no_index);  // the plan's own result is one more consumer
  layout frame(stages_.size());
  place_inputs(*p, frame);
  for (std::uint32_t i = 0; i < stages_.size(); ++i) {
    const std::uint32_t scratch = place_stage(*p, frame, i);
    emit(*p, i, scratch);
  }
  p->result = values_[result].offset;
  p->result_type = values_[result].type;
  p->result_stage = values_[result].producer;
  if (!p->missing.empty()) p->missing_offset = frame.fresh(p->missing.size() * sizeof(std::uint32_t), alignof(live_count));
  if (!p->sequential && !p->linear) p->links_offset = frame.fresh(stages_.size() * sizeof(std::uint32_t), alignof(std::uint32_t));
  p->frame_size = frame.size();
  for (const auto& stage : p->stages) p->stage_names.push_back(stage.name);
  if (runtime_->tracer) {
    auto shape = std::make_shared<catena::detail::trace_shape>();
    shape->name = p->name;
    shape->is_chain = p->is_chain;
    for (const auto& stage : stages_) shape->stages.push_back({stage.name, stage.layer});
    p->shape = std::move(shape);
  }
  return p;
}

}  // namespace catena::graph
