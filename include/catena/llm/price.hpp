// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What tokens cost, by the hour.
#include <catena/http/retry_after.hpp>
#include <catena/llm/usage.hpp>

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace catena::llm {

using http::wall_time;

/// An amount in billionths of a unit of whatever currency prices are given in. Sums and products stop at the ends of the range.
struct money {
  std::int64_t nanos = 0;

  [[nodiscard]] static money of(double units) noexcept;
  /// In units, with as many digits as it has: "0.00042".
  [[nodiscard]] std::string to_string() const;
  friend money operator+(money a, money b) noexcept;
  friend money operator-(money a, money b) noexcept;
  money& operator+=(money b) noexcept { return *this = *this + b; }
  friend auto operator<=>(money, money) = default;
};

/// For a million tokens each.
struct token_price {
  money input = {};         ///< what the server reads anew
  money cached_input = {};  ///< what it still knew
  money output = {};

  /// What so much costs, rounded up.
  [[nodiscard]] money of(const token_usage& used) const noexcept;
  friend bool operator==(const token_price&, const token_price&) = default;
};

/// When another price holds: every week, by UTC.
struct price_period {
  std::vector<std::chrono::weekday> days = {};  ///< on which it begins; empty: on all
  std::chrono::minutes from{0};                 ///< of the day, 0 to 1439
  std::chrono::minutes to{0};                   ///< up to there, more than `from`, 1440 at most
  token_price price = {};
};

struct model_price {
  std::string model;
  token_price price = {};                    ///< where no period says otherwise
  std::vector<price_period> periods = {};    ///< the first that fits holds
};

/// The prices of models.
/// \threads  an immutable value
class price_table {
 public:
  price_table() = default;  ///< in which everything is free
  /// \errors std::invalid_argument: a period that is none, a price below zero, a model that is there twice
  explicit price_table(std::vector<model_price> all);

  [[nodiscard]] bool has(std::string_view model) const noexcept { return find(model) != nullptr; }
  /// What holds at that time; nothing costs anything of a model that is not there.
  [[nodiscard]] token_price at(std::string_view model, wall_time when) const noexcept;
  /// The most that each kind of token may cost at any time.
  [[nodiscard]] token_price most(std::string_view model) const noexcept;

 private:
  [[nodiscard]] const model_price* find(std::string_view model) const noexcept;
  std::vector<model_price> all_;
};

}  // namespace catena::llm
