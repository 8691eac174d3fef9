// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage whose inputs or answers leave something in traces: `.trace_hash`, `.trace_inputs`, `.trace_output`.
#include <catena/cache/hasher.hpp>
#include <catena/chain/steps/stage_plan.hpp>
#include <catena/observe/trace.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

struct untold {};  ///< no redactor was given

/// What has been said of what traces are told. The functions turn values into what may be seen of them.
template <bool Hash = false, class Inputs = untold, class Output = untold>
struct trace_terms {
  static constexpr bool tells_hash = Hash;
  static constexpr bool tells_inputs = !std::is_same_v<Inputs, untold>;
  static constexpr bool tells_output = !std::is_same_v<Output, untold>;
  static constexpr bool is_nothing = !Hash && !tells_inputs && !tells_output;

  [[no_unique_address]] Inputs inputs;
  [[no_unique_address]] Output output;
  std::string inputs_name = {};
  std::string output_name = {};

  [[nodiscard]] trace_terms<true, Inputs, Output> with_hash() && {
    return {std::move(inputs), std::move(output), std::move(inputs_name), std::move(output_name)};
  }
  template <class F>
  [[nodiscard]] trace_terms<Hash, F, Output> with_inputs(F f, std::string name) && {
    return {std::move(f), std::move(output), std::move(name), std::move(output_name)};
  }
  template <class F>
  [[nodiscard]] trace_terms<Hash, Inputs, F> with_output(F f, std::string name) && {
    return {std::move(inputs), std::move(f), std::move(inputs_name), std::move(name)};
  }
};

template <class T>
concept seen_in_traces = std::is_arithmetic_v<std::remove_cvref_t<T>> || std::convertible_to<T, std::string_view>;

template <seen_in_traces T>
trace_value to_trace_value(T&& value) {
  using plain = std::remove_cvref_t<T>;
  if constexpr (std::is_same_v<plain, bool>) return value;
  else if constexpr (std::is_integral_v<plain>) return static_cast<std::int64_t>(value);
  else if constexpr (std::is_floating_point_v<plain>) return static_cast<double>(value);
  else return std::string(std::string_view(value));
}

template <class F, class... Ts>
concept redactor_of = std::invocable<const F&, const Ts&...> && seen_in_traces<std::invoke_result_t<const F&, const Ts&...>>;

struct trace_operation : parent_operation {
  using parent_operation::parent_operation;
};

template <class Terms, class Out, class... In>
struct trace_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = trace_operation;

  struct stage_data {
    Terms said;
    graph::plan_ptr work;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids, stage_data about) {
    auto stage = std::make_shared<const stage_data>(std::move(about));
    graph::stage_request request;
    request.name = name;
    request.inputs = std::move(ids);
    describe_child_step<output, operation>(chain, request, stage->work, sizeof...(In), &execute, &cancel_children);
    request.suspends = !stage->work->sequential;
    request.lets_park = true;
    request.stage = std::move(stage);
    return chain.add_stage(std::move(request));
  }

 private:
  static const stage_data& data_of(const operation& op) noexcept { return *static_cast<const stage_data*>(op.its_step().stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<operation>(r, s);
    const stage_data& data = data_of(op);
    if constexpr (Terms::tells_inputs)
      tell(r, op.step, data.said.inputs_name, [&] { return seen_of_inputs(data.said, inputs(r, s), std::index_sequence_for<In...>{}); });
    if (r.description(s).suspends && !r.enlist(op)) {
      end_operation<trace_step>(op);
      return graph::outcome::stopped;
    }
    failure why = begin_child(op, *data.work, {.ended = &ended, .abandoned = &abandoned},
                              [&](graph::run& made) { child_inputs<In...>::give(r, s, made); });
    if (!why.is_set()) return finish_start<trace_step>(r, s, op);
    r.note_never_began();
    r.fail(s, std::move(why));
    end_operation<trace_step>(op);
    return graph::outcome::stopped;
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    graph::run& r = *op.owner;
    if (const Out* answer = answer_of<Out>(child)) tell_output(r, op, *answer);
    pass_on_never_began(child, r);
    take_answer<output>(child, r, op.its_step());
    child.release();
    complete_step<trace_step>(op);
  }

  template <std::size_t... I>
  static trace_value seen_of_inputs(const Terms& said, const inputs& from, std::index_sequence<I...>) {
    return to_trace_value(std::invoke(said.inputs, std::as_const(*from.template get<I>())...));
  }

  static void tell_output(graph::run& r, operation& op, const Out& answer) noexcept {
    const Terms& said = data_of(op).said;
    if constexpr (Terms::tells_hash)
      tell(r, op.step, "catena.output.hash", [&] {
        hasher h(r.recording->log->hashes_keyed_with());
        h.append(answer);
        return trace_value(to_hex(h.finish()));
      });
    if constexpr (Terms::tells_output) tell(r, op.step, said.output_name, [&] { return to_trace_value(std::invoke(said.output, answer)); });
  }

  /// Where nobody records it, it is not computed; a redactor that throws keeps what it was given to itself.
  template <class Value>
  static void tell(graph::run& r, std::uint32_t step, std::string_view name, Value value) noexcept {
    if (!r.is_traced()) return;
    try {
      r.note(step, std::string(name), value());
    } catch (...) {
      r.note(step, "catena.redacting", "failed");
    }
  }

  static void abandoned(parent_operation& parent) noexcept { abandon_step<trace_step>(static_cast<operation&>(parent)); }
};

/// A stage expression of which traces are told more.
template <class Base, class Terms>
struct traced_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    using out = output<In...>;
    if constexpr (Terms::tells_hash) static_assert(hashable<out>, "catena: .trace_hash() hashes what the stage answers: write, in its namespace, void hash_append(catena::hasher& h, const T& value)");
    if constexpr (Terms::tells_inputs)
      static_assert(redactor_of<decltype(said.inputs), In...>, "catena: .trace_inputs(f) takes f(const In&...) to what may be seen of the stage's inputs: text, a number or a bool");
    if constexpr (Terms::tells_output)
      static_assert(redactor_of<decltype(said.output), out>, "catena: .trace_output(f) takes f(const Out&) to what may be seen of the stage's answer: text, a number or a bool");
    auto work = plan_of_stage<Base, In...>(chain, label_of(chain, name), std::move(base));
    return trace_step<Terms, out, In...>::add_to(chain, name, std::move(ids), {std::move(said), std::move(work)});
  }

  std::string name;
  Base base;
  Terms said;
};

}  // namespace catena::detail
