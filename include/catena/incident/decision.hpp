// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a person decides about a run that waits for it.
#include <catena/error.hpp>
#include <catena/graph/value.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace catena {

/// How a parked run goes on. A value.
///
///     rt.decide(token, decision::use(price{250}).within(10s));
class decision {
 public:
  enum class kind : std::uint8_t {
    retry,  ///< the stage is done again, with all that was said about it
    use,    ///< this value stands for the stage's answer, whose type it must have
    skip,   ///< the stage answers nothing: for those that answer a std::optional or a unit
    fail,   ///< the stage fails
  };

  [[nodiscard]] static decision retry() { return decision(kind::retry); }
  template <class T>
  [[nodiscard]] static decision use(T value) {
    decision d(kind::use);
    d.value_ = std::make_shared<T>(std::move(value));
    d.type_ = &graph::value_type_of<T>;
    return d;
  }
  [[nodiscard]] static decision skip() { return decision(kind::skip); }
  /// With the failure that was told, or with errc::rejected and what the person says.
  [[nodiscard]] static decision fail() { return decision(kind::fail); }
  [[nodiscard]] static decision fail(std::string reason) { return fail(failure(errc::rejected, std::move(reason))); }
  [[nodiscard]] static decision fail(failure why) {
    decision d(kind::fail);
    d.why_ = std::move(why);
    return d;
  }

  /// How long what comes then may take, more than 0; not said: as park_options say.
  [[nodiscard]] decision within(duration time) && {
    time_ = time;
    return std::move(*this);
  }

  [[nodiscard]] kind what() const noexcept { return kind_; }
  [[nodiscard]] duration time() const noexcept { return time_; }
  [[nodiscard]] const failure& why() const noexcept { return why_; }
  /// Null if it is not kind::use.
  [[nodiscard]] const graph::value_type* type() const noexcept { return type_; }
  [[nodiscard]] void* value() const noexcept { return value_.get(); }

 private:
  explicit decision(kind k) noexcept : kind_(k) {}

  kind kind_;
  duration time_{};
  failure why_;
  std::shared_ptr<void> value_;
  const graph::value_type* type_ = nullptr;
};

/// How a stage's run waits for a decision.
struct park_options {
  duration limit = std::chrono::hours(1);  ///< how long it waits, more than 0
  /// What is done then. One that is done again and fails again is not parked another time.
  decision on_limit = decision::fail();
  duration time = std::chrono::minutes(1);  ///< the run's deadline from the decision on, more than 0
};

}  // namespace catena
