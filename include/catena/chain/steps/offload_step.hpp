// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A function that runs on another executor: `.on(executor)`.
#include <catena/chain/steps/detached_operation.hpp>

#include <boost/asio/post.hpp>

#include <memory>
#include <utility>

namespace catena::detail {

template <class F, class On, class... In>
struct offload_step {
  using traits = callable<F, In...>;
  using demands = demands_for<F, In...>;
  using output = typename traits::value;
  using inputs = arguments<passing::dynamic, In...>;

  struct stage_data {
    F f;
    On on;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<detached_operation>(r, s);
    if (!begin_detached<offload_step>(op)) return graph::outcome::stopped;
    try {
      boost::asio::post(static_cast<const stage_data*>(s.stage)->on, work(op));
    } catch (...) {
      // The work that could not be posted has been destroyed, and has failed the stage.
    }
    return graph::outcome::suspended;
  }

  static void prepare(graph::builder& chain, graph::stage_request& request, F f, On on) {
    expect_executor(chain, request.name, on);
    request.kind = "function";
    request.demands = demand_list<demands>();
    request.type = &graph::value_type_of<output>;
    request.fixed = request.dynamic = &execute;
    request.stage = std::make_shared<const stage_data>(stage_data{std::move(f), std::move(on)});
    request.scratch_size = sizeof(detached_operation);
    request.suspends = true;
    request.cancel = &detached_operation::cancel;
    request.keeps_inputs = true;
    request.result_optional = std::is_same_v<output, unit>;
    if constexpr (!std::is_void_v<typename traits::exit>) chain.add_exit(graph::value_type_of<typename traits::exit>, request.name);
  }

 private:
  /// The function's turn on the other executor.
  class work {
   public:
    explicit work(detached_operation& op) noexcept : op_(&op) {}
    work(work&& other) noexcept : op_(std::exchange(other.op_, nullptr)) {}
    work& operator=(work&&) = delete;
    ~work() {
      if (op_) answer_detached<offload_step>(*op_, failure(errc::cancelled, "the stage's executor is gone"));
    }
    void operator()() {
      detached_operation& op = *std::exchange(op_, nullptr);
      if (op.given_up()) return drop_detached<offload_step>(op);
      graph::run& r = *op.owner;
      const auto& s = r.of().steps[op.step];
      const F& f = static_cast<const stage_data*>(s.stage)->f;
      auto invoke = [&](auto&&... refs) -> decltype(auto) {
        if constexpr (traits::with_call) return f(r.call_in(s), std::forward<decltype(refs)>(refs)...);
        else return f(std::forward<decltype(refs)>(refs)...);
      };
      try {
        if constexpr (std::is_void_v<typename traits::returned>) {
          pass<demands>(inputs(r, s), invoke);
          answer_detached<offload_step>(op, unit{});
        } else {
          answer_detached<offload_step>(op, pass<demands>(inputs(r, s), invoke));
        }
      } catch (...) {
        answer_detached<offload_step>(op, failure::from(std::current_exception()));
      }
    }

   private:
    detached_operation* op_;
  };
};

}  // namespace catena::detail
