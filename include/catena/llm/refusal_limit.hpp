// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A limit policy for servers that refuse what is too much instead of becoming slow.
#include <catena/schedule/limit_policies.hpp>
#include <catena/schedule/limit_policy.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace catena::llm {

/// As many as the other side takes: a tenth less than are in flight when it refuses one, but no less than half of what were allowed, and one more for each limit's worth of answers. How
/// long answers take says nothing: that is how much is to be written.
/// \source  the additive increase and multiplicative decrease of TCP; refusals of what was sent before the last decrease do not count
class refusal_limit {
 public:
  /// \errors std::invalid_argument naming the member that is out of range, and the range
  explicit refusal_limit(const limit_range& range) : range_((check(range), range)), limit_(static_cast<double>(range.first)) {}

  [[nodiscard]] std::size_t limit() const noexcept { return static_cast<std::size_t>(limit_); }

  void ended(const ended_request& request, time_point now) noexcept {
    if (request.outcome == request_outcome::overloaded && now - request.latency >= lowered_) {
      move_to(std::max(0.9 * std::min(limit_, static_cast<double>(request.in_flight)), limit_ / 2));
      lowered_ = now;
    } else if (request.outcome == request_outcome::answered && static_cast<double>(request.in_flight) >= 0.9 * limit_) {
      move_to(limit_ + 1 / limit_);
    }
  }

  static constexpr std::array<std::string_view, 2> option_names{"least", "most"};
  void get_options(gate_options& o) const noexcept {
    o.least = range_.least;
    o.most = range_.most;
  }
  /// What it has learnt stays, within the range.
  void set_options(const gate_options& o) noexcept {
    range_ = {.least = o.least, .most = o.most, .first = std::clamp(range_.first, o.least, o.most)};
    move_to(limit_);
  }

 private:
  void move_to(double limit) noexcept { limit_ = std::clamp(limit, static_cast<double>(range_.least), static_cast<double>(range_.most)); }

  limit_range range_;
  double limit_;
  time_point lowered_ = time_point::min();
};

}  // namespace catena::llm
