// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One of two stages, as the value decides.
#include <catena/chain/steps/cascade_step.hpp>
#include <catena/chain/steps/choice_step.hpp>
#include <catena/chain/steps/first_of_step.hpp>

#include <string>
#include <utility>

namespace catena {

/// `yes` where the predicate holds for the value, else `no`; both answer the same type, or each an alternative of an
/// explicit std::variant: `branch<std::variant<A, B>>(...)`.
template <class Predicate, class Yes, class No, class As = void>
class branch_of {
 public:
  using catena_stage_expression = void;
  branch_of(std::string name, Predicate predicate, Yes yes, No no)
      : name_(std::move(name)), predicate_(std::move(predicate)), yes_(std::move(yes)), no_(std::move(no)) {}
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  template <class In>
  using output = typename detail::branch_step<Predicate, Yes, No, As, In>::output;

  template <class In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> inputs) && {
    return detail::branch_step<Predicate, Yes, No, As, In>::add_to(chain, name_, std::move(inputs), std::move(predicate_),
                                                                   std::move(yes_), std::move(no_));
  }

 private:
  std::string name_;
  Predicate predicate_;
  Yes yes_;
  No no_;
};

template <class Predicate, class Yes, class No>
[[nodiscard]] auto branch(std::string name, Predicate predicate, Yes yes, No no) {
  return branch_of<Predicate, Yes, No>(std::move(name), std::move(predicate), std::move(yes), std::move(no));
}
template <class Variant, class Predicate, class Yes, class No>
[[nodiscard]] auto branch(std::string name, Predicate predicate, Yes yes, No no) {
  return branch_of<Predicate, Yes, No, Variant>(std::move(name), std::move(predicate), std::move(yes), std::move(no));
}

/// `near` where it answers and `accept(answer)` holds, else `far`: a small model first, the large one for what it cannot.
///
///     cascade("answer", stage("small", small), stage("large", large).timeout(2s), is_sure, 100ms)
///
/// Where far is away, near's answer does after all, and the run is degraded, which run_notes and its record say: far timed out,
/// is left alone by its breaker, was not admitted, threw, or failed in any other way for which it is itself to blame, see
/// recover/away.hpp. What far says of the input fails the cascade, and so do cancellation and the run's deadline. Where near
/// fails, far's answer is as good as any, and its failure the cascade's.
/// \param reserve  how much of the run's time is kept for near's answer: far times out that much earlier
template <class Near, class Far, class Accept>
class cascade_of {
 public:
  using catena_stage_expression = void;
  cascade_of(std::string name, Near near, Far far, Accept accept, duration reserve)
      : name_(std::move(name)), near_(std::move(near)), far_(std::move(far)), accept_(std::move(accept)), reserve_(reserve) {}
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  template <class In>
  using output = typename detail::cascade_step<Near, Far, Accept, In>::output;

  template <class In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> inputs) && {
    return detail::cascade_step<Near, Far, Accept, In>::add_to(chain, name_, std::move(inputs), std::move(near_), std::move(far_),
                                                               std::move(accept_), reserve_);
  }

 private:
  std::string name_;
  Near near_;
  Far far_;
  Accept accept_;
  duration reserve_;
};

template <class Near, class Far, class Accept>
[[nodiscard]] auto cascade(std::string name, Near near, Far far, Accept accept, duration reserve = {}) {
  return cascade_of<Near, Far, Accept>(std::move(name), std::move(near), std::move(far), std::move(accept), reserve);
}

/// The first of several stages to answer; the others are told to stop, and not waited for. Fails when all have failed, with the
/// last failure.
///
/// Those that do not hear are left behind with the inputs that they may still read, counted as waste, and waited for by drain; and
/// there are at most runtime_options::most_left_behind of them, beyond which the step waits.
template <class... Stages>
class first_of_stages {
 public:
  using catena_stage_expression = void;
  first_of_stages(std::string name, Stages... stages) : name_(std::move(name)), stages_(std::move(stages)...) {}
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  template <class In>
  using output = typename detail::first_of_step<In, Stages...>::output;

  template <class In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> inputs) && {
    return std::apply(
        [&](auto&... stages) {
          return detail::first_of_step<In, Stages...>::add_to(chain, name_, std::move(inputs), std::move(stages)...);
        },
        stages_);
  }

 private:
  std::string name_;
  std::tuple<Stages...> stages_;
};

template <class... Stages>
[[nodiscard]] auto first_of(std::string name, Stages... stages) {
  static_assert(sizeof...(Stages) >= 1, "catena: first_of needs at least one stage");
  return first_of_stages<Stages...>(std::move(name), std::move(stages)...);
}

}  // namespace catena
