// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that is a plain function: an indirect call, inline.
#include <catena/chain/steps/arguments.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace catena::detail {

template <class F, class... In>
struct function_step {
  using traits = callable<F, In...>;
  using demands = demands_for<F, In...>;
  using output = typename traits::value;

  /// A function pointer, or a lambda that captures no more than one, lies in the step itself: one load less.
  static constexpr bool is_small = sizeof(F) <= sizeof(void*) && alignof(F) <= alignof(void*) &&
                                   std::is_trivially_copyable_v<F> && std::is_trivially_destructible_v<F>;

  static decltype(auto) callable_of(const graph::step& s) noexcept {
    if constexpr (is_small) {
      std::array<std::byte, sizeof(F)> bytes;
      std::memcpy(bytes.data(), &s.stage, sizeof(F));
      return std::bit_cast<F>(bytes);
    } else {
      return *static_cast<const F*>(s.stage);
    }
  }

  template <passing How>
  static graph::outcome execute(graph::run& r, const graph::step& s) {
    const F& f = callable_of(s);  // a copy of a small one
    const arguments<How, In...> inputs(r, s);
    const input_release release(inputs);
    auto invoke = [&](auto&&... refs) -> decltype(auto) {
      if constexpr (traits::with_call) return f(r.call_in(s), std::forward<decltype(refs)>(refs)...);
      else return f(std::forward<decltype(refs)>(refs)...);
    };
    using returned = typename traits::returned;
    if constexpr (std::is_void_v<returned>) {
      pass<demands>(inputs, invoke);
      return deliver<unit>::to(r, s, unit{});
    } else if constexpr (std::is_same_v<std::decay_t<returned>, output>) {
      // The answer is made in its slot, whose address is known before: nothing else is kept across the call.
      auto* const answer = ::new (static_cast<void*>(r.at(s.out))) output(pass<demands>(inputs, invoke));
      if constexpr (graph::needs_count<output>) graph::run::publish(answer, r.description(s).consumers);
      return graph::outcome::done;
    } else {
      return deliver<std::decay_t<returned>>::to(r, s, pass<demands>(inputs, invoke));
    }
  }

  static void prepare(graph::builder& chain, graph::stage_request& request, F f) {
    request.kind = "function";
    request.demands = demand_list<demands>();
    request.type = &graph::value_type_of<output>;
    request.fixed = &execute<passing::fixed>;
    request.dynamic = &execute<passing::dynamic>;
    if constexpr (is_small) std::memcpy(&request.small_stage, &f, sizeof(F));
    else request.stage = std::make_shared<const F>(std::move(f));
    request.result_optional = std::is_same_v<output, unit>;
    if constexpr (!std::is_void_v<typename traits::exit>) chain.add_exit(graph::value_type_of<typename traits::exit>, request.name);
  }
};

}  // namespace catena::detail
