// SPDX-License-Identifier: BSL-1.0
/// \file
/// A breaker that counts attempts in a row agrees with a few lines that say the same, and one that also counts their share
/// keeps its promises, whatever comes in whatever order.
#include <catena/recover/breaker.hpp>

#include <algorithm>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::breaker_target {

/// What a breaker says of itself. Attempts are numbered by how often it had opened or closed when they began.
struct plain_breaker {
  explicit plain_breaker(const breaker_options& o) : options(o) {}

  [[nodiscard]] bool allows(time_point now) const { return is_closed || now >= next_probe; }
  [[nodiscard]] int begin(time_point now) {
    if (!allows(now)) return -1;
    if (!is_closed) {
      is_probing = true;
      next_probe = now + wait;
    }
    return changes;
  }
  void ended(int began, attempt_end how, time_point now) {
    if (began != changes) return;
    const bool bad = how == attempt_end::failed;
    if (is_closed && how != attempt_end::no_fault) {
      in_row = bad ? in_row + 1 : 0;
      if (in_row == options.consecutive) open(now < calm_from ? longer() : options.first_wait, now);
    } else if (is_probing) {
      if (bad) return open(longer(), now);
      next_probe = now;
      if (how == attempt_end::answered && ++in_row == options.probes) {
        is_closed = true;
        is_probing = false;
        ++changes;
        in_row = 0;
        calm_from = now + wait;
      }
    }
  }
  void open(duration for_so_long, time_point now) {
    is_closed = is_probing = false;
    ++changes;
    in_row = 0;
    wait = for_so_long;
    next_probe = now + wait;
  }
  [[nodiscard]] duration longer() const { return std::min(2 * wait, options.longest_wait); }

  breaker_options options;
  bool is_closed = true;
  bool is_probing = false;
  int changes = 0;
  std::size_t in_row = 0;
  duration wait{};
  time_point next_probe{};
  time_point calm_from{};
};

struct attempt {
  breaker::pass pass;
  int plain;
};

breaker_options options_of(input& in) {
  breaker_options o;
  o.consecutive = 1 + in.below(4);
  o.bad_share = in.below(2) ? 0 : static_cast<double>(in.below(101)) / 100;
  o.least_count = 1 + in.below(10);
  o.window = duration(1) + in.span();
  o.first_wait = duration(1) + in.span();
  o.longest_wait = o.first_wait + std::min<duration>(in.span(), std::chrono::hours(24) - o.first_wait);
  o.probes = 1 + in.below(4);
  o.ramp = in.span();
  o.window = std::min<duration>(o.window, std::chrono::hours(24));
  o.ramp = std::min<duration>(o.ramp, std::chrono::hours(24));
  return o;
}

void agree(const breaker& b, const plain_breaker& plain, time_point now) {
  require((b.state() == breaker_state::closed) == plain.is_closed);
  require((b.state() == breaker_state::half_open) == plain.is_probing);
  require(b.allows(now) == plain.allows(now));
  if (!plain.is_closed) require(b.next_probe() == plain.next_probe);
}

void keeps_promises(const breaker& b, const breaker_options& o, time_point now) {
  require(b.share(now) >= 0.1 && b.share(now) <= 1);
  require(b.state() == breaker_state::closed || b.next_probe() <= now + o.longest_wait);
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, std::min<std::size_t>(size, 1000));
  const breaker_options options = options_of(in);
  breaker b(options);
  plain_breaker plain(options);
  std::vector<attempt> running;
  time_point now = start;
  while (!in.empty()) {
    if (in.below(4) == 0) now += in.span();
    if (running.empty() || (running.size() < 20 && in.below(2))) {
      const bool allowed = b.allows(now);
      const auto before = b.state();
      running.push_back({b.enter(now), plain.begin(now)});
      // Who is let in against the rule changes nothing.
      require(allowed || (running.back().pass.period == 0 && b.state() == before));
    } else {
      const auto which = running.begin() + static_cast<std::ptrdiff_t>(in.below(running.size()));
      constexpr attempt_end ends[]{attempt_end::answered, attempt_end::failed, attempt_end::failed, attempt_end::no_fault};
      const attempt_end how = ends[in.below(4)];
      b.ended(which->pass, how, in.span(), now);
      plain.ended(which->plain, how, now);
      running.erase(which);
    }
    if (options.bad_share == 0) agree(b, plain, now);
    keeps_promises(b, options, now);
  }
}

const target registered("breaker", on_input);

}  // namespace catena::fuzz::breaker_target
