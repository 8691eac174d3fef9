// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Many values of one type become a vector: `join(std::vector<node<T>>)`.
#include <catena/chain/steps/arguments.hpp>

#include <string>
#include <utility>
#include <vector>

namespace catena::detail {

template <class T>
struct gather_step {
  using output = std::vector<T>;

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    const auto& operands = r.description(s).operands;
    output all;
    all.reserve(operands.size());
    for (const graph::operand& o : operands) {
      if (o.plan_input != graph::no_index && r.borrowed(o.plan_input)) {
        // Only a trivially copyable value may be shared: see prepare().
        if constexpr (std::is_trivially_copyable_v<T>) all.push_back(**r.slot<const T*>(o.offset));
        continue;
      }
      T* value = r.slot<T>(o.offset);
      all.push_back(std::move(*value));
      graph::release_value(value);
    }
    emplace_output<output>(r, s, std::move(all));
    return graph::outcome::done;
  }

  static void prepare(graph::stage_request& request, std::string name) {
    request.name = std::move(name);
    request.kind = "join";
    request.demands.assign(request.inputs.size(), std::is_trivially_copyable_v<T> ? graph::demand::reads : graph::demand::moves);
    request.type = &graph::value_type_of<output>;
    request.fixed = request.dynamic = &execute;
  }
};

}  // namespace catena::detail
