// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is to be expected of the fault matrix: the documented order as a table, and what each layer is documented to do as a function.
///
/// Each knows only when it is asked and until when somebody waits for it, and asks what is inside. The sentences quoted are those of
/// chain/stage.hpp, the README and the headers of recover/; no code of the library decides anything here.
#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "recover/fault_matrix_cells.hpp"

namespace catena::test::matrix {

using layer_order = std::array<policy, policy_count>;
/// From the outside in.
inline constexpr layer_order documented_order{policy::fallback,   policy::timeout, policy::cache, policy::retry,    policy::hedge,
                                              policy::fail_early, policy::breaker, policy::queue, policy::bulkhead, policy::limit,
                                              policy::attempt_timeout};
/// "tokens, and .bulkhead: places; several of them one after the other, as they are said"
inline layer_order order_of(const cell& c) {
  layer_order order = documented_order;
  if (c.wears.said.limit_first) std::swap(*std::ranges::find(order, policy::bulkhead), *std::ranges::find(order, policy::limit));
  return order;
}

class expectation {
 public:
  explicit expectation(const cell& c) : expectation(c, order_of(c)) {}
  expectation(const cell& c, const layer_order& order) : cell_(c), said_(c.wears.said), order_(order) {}

  /// "A function that runs inline cannot be ended, and a timeout for it is a fault of the chain", nor can another one begin beside
  /// it; what waits around it can be ended, be it in a queue, in line, or for somebody who computes the same. "would do twice what
  /// is to be done once"
  [[nodiscard]] static bool is_fault(const cell& c) {
    if (c.wears.has(policy::hedge) && c.wears.said.once) return true;
    if (c.made_of->can_wait) return false;
    const bool waits = c.wears.has(policy::queue) || c.wears.has(policy::limit);
    return c.wears.has(policy::attempt_timeout) || (c.wears.has(policy::hedge) && !waits) ||
           (c.wears.has(policy::timeout) && !waits && !c.wears.has(policy::cache));
  }

  /// A neighbour that has asked before is asked for before.
  [[nodiscard]] run_end ask(std::size_t request) {
    const duration now = request * cell_.request_each();
    return asked_by(false, request, now, cell_.cancelled_after == never ? never : now + cell_.cancelled_after);
  }
  [[nodiscard]] run_end ask_neighbour(std::size_t request) { return asked_by(true, request, request * cell_.request_each(), never); }

  /// Somebody who does well, long after: what would not end has been let go, tokens are there, and a breaker lets a probe through.
  [[nodiscard]] run_end much_later() const { return {.at = cell_.made_of->can_wait ? work_takes : 0us, .begun = 1}; }

  /// Whether the answer is kept by now.
  [[nodiscard]] bool has_kept() const noexcept { return kept_; }
  /// Work that goes on although it was told to end: "one that goes on then is left behind".
  [[nodiscard]] std::size_t left_behind() const noexcept { return state_.left; }

 private:
  /// Until when somebody waits: a moment that is known, and the one at which the caller gives up, which is not.
  struct span {
    duration deadline, cancelled;
    [[nodiscard]] duration end() const noexcept { return std::min(deadline, cancelled); }
  };
  enum class how : std::uint8_t { answered, fallen_back, failed, out_of_time, cancelled };
  struct ending {
    duration at{};
    how is{};
    boost::system::error_code why = {};
    bool began = true;        ///< the work did
    bool goes_on = false;     ///< it did not end when it was told to, and nobody inside has let it go
    duration retry_after{};
    int attempt = 1;
  };

  [[nodiscard]] bool has(policy p) const noexcept { return cell_.wears.has(p); }

  run_end asked_by(bool neighbour, std::size_t request, duration now, duration cancelled) {
    by_neighbour_ = neighbour;
    request_ = request;
    state_.begun = state_.perhaps = 0;
    const duration within = neighbour ? deadline_after : cell_.deadline_of(request);
    const span until{cell_.has_deadline ? now + within : never, cancelled};
    const ending e = cancelled == now ? ending{now, how::cancelled} : inside(0, now, until);
    return {.code = code_of(e),
            .degraded = e.is == how::fallen_back,
            .at = e.at - now,
            .begun = state_.begun,
            .perhaps = state_.perhaps,
            .attempt = e.is == how::failed ? e.attempt : 1};
  }

  // ---- the layers ----

  ending inside(std::size_t depth, duration now, span until) {
    while (depth < order_.size() && !has(order_[depth])) ++depth;
    if (depth == order_.size()) return work(now, until);
    switch (order_[depth++]) {
      case policy::fallback: return with_fallback(depth, now, until);
      case policy::timeout: return until_at_most(depth, now, now + said_.timeout, until);  // "covers all that is inside"
      case policy::cache: return with_cache(depth, now, until);
      case policy::retry: return with_retry(depth, now, until);
      case policy::hedge: return with_hedge(depth, now, until);
      case policy::breaker: return with_breaker(depth, now, until);
      case policy::queue: return with_queue(depth, now, until);
      case policy::limit: return with_limit(depth, now, until);
      case policy::bulkhead: return with_bulkhead(depth, now, until);
      case policy::fail_early: return with_fail_early(depth, now, until);
      case policy::attempt_timeout: return until_at_most(depth, now, now + said_.attempt_timeout, until);  // "covers the work alone"
    }
    return {};
  }

  /// "answers when what is inside fails ... for any reason but cancellation and the run's deadline", reserve: "what comes before it
  /// times out that much earlier"
  ending with_fallback(std::size_t in, duration now, span until) {
    const duration early = said_.reserve > 0us && until.deadline != never ? until.deadline - said_.reserve : never;
    ending e = until_at_most(in, now, early, until);
    if (e.is == how::failed) e.is = e.at < until.deadline ? how::fallen_back : how::out_of_time;
    return e;
  }

  /// "a hit ... go[es] no further in"; "what a fallback answers is never kept", and "a failure ... is forgotten"
  ending with_cache(std::size_t in, duration now, span until) {
    if (by_neighbour_) return inside(in, now, until);  // it asks something else, and is not answered
    if (kept_) return {now, how::answered};
    const ending e = inside(in, now, until);
    kept_ = e.is == how::answered;
    return e;
  }

  /// "Tries the stage again when it fails and that is worth it: after a pause ..., and never beyond the run's deadline or the stage's
  /// timeout"; "or as long as the failure says with retry_after(), whichever is longer"; effects::once: "tried again only if its work
  /// has not begun"; an attempt that has no chance "is not tried again"
  ending with_retry(std::size_t in, duration now, span until) {
    for (int attempt = 1;; ++attempt) {
      ending e = inside(in, now, until);
      e.attempt = attempt;
      if (e.is != how::failed || attempt > static_cast<int>(said_.retries)) return e;
      if (e.why == errc::invalid_input || e.why == errc::deadline_unreachable || (said_.once && e.began)) return e;
      now = e.at + std::max(said_.pause, e.retry_after);
      if (now >= until.deadline) return e;
      if (now >= until.cancelled) return {until.cancelled, how::cancelled};
    }
  }

  /// "Asks again, beside an attempt that takes longer than most have lately, and takes the answer that comes first. Who loses is told
  /// to stop and not waited for"; a failure counts when no other attempt is under way
  ending with_hedge(std::size_t in, duration now, span until) {
    const state before = state_;
    const ending first = inside(in, now, until);
    const duration next = now + said_.hedge_after;
    if (first.at <= next || next >= until.end()) return first;
    const ending second = inside(in, next, first.is == how::answered ? span{until.deadline, first.at} : until);
    if (second.is == how::answered && second.at < first.at) {
      state_ = before;  // the first one was told to stop
      static_cast<void>(inside(in, now, {until.deadline, second.at}));
      return inside(in, next, until);
    }
    if (first.is == how::answered) return first;
    return first.at > second.at ? first : second;
  }

  /// "an attempt that has no chance to end in time is not begun": "by the deadline of the run, the stage or the attempt, whichever is
  /// nearest", as far as "calls ... have shown lately whether they end in that time". Nobody has waited lately when one is judged.
  ending with_fail_early(std::size_t in, duration now, span until) {
    const std::size_t seen = said_.lessons + (has(policy::hedge) ? hedge_lessons : 0);
    const duration timeout = has(policy::timeout) ? said_.timeout : never;
    const duration of_attempt = has(policy::attempt_timeout) ? said_.attempt_timeout : never;
    const duration lasted = std::min({cell_.took_before(), timeout, of_attempt});  // those that were cut short then have not ended
    const bool has_chance = seen < said_.calls_asked_for || std::min(until.deadline - now, of_attempt) > lasted;
    return has_chance ? inside(in, now, until) : never_began(now, how::failed, errc::deadline_unreachable);
  }

  /// "an attempt is let through, and how it ends is counted"; "an attempt that was refused inside says nothing to the breaker", nor
  /// does one that "was cancelled, or asked for something impossible"; "an attempt that runs out of time counts only if it had the
  /// time that an answer may take", which all have here; "one at a time, its probes"; "stays open twice as long when one does not"
  ending with_breaker(std::size_t in, duration now, span until) {
    breaker& b = state_.guard;
    if (b.open_for > 0us && now < b.next_probe)
      return {.at = now, .is = how::failed, .why = errc::unavailable, .began = false, .retry_after = b.next_probe - now};
    const bool probes = b.open_for > 0us;
    if (probes) b.next_probe = now + b.open_for;  // "a probe that is not heard of is followed by another one after as long a wait"
    const ending e = inside(in, now, until);
    // Nothing is heard of it, unless it was the stage that gave it up: "errc::timed_out, as the limit was its own".
    if (e.goes_on && !has(policy::timeout)) return e;
    const bool good = e.is == how::answered;
    const bool bad = e.began && ((e.is == how::failed && e.why != errc::invalid_input) || e.is == how::out_of_time);
    if (good) b = {};
    else if (bad && (probes || ++b.bad == said_.bad_in_a_row)) b.open(probes ? 2 * b.open_for : said_.open_for, e.at);
    else if (probes) b.next_probe = e.at;
    return e;
  }

  /// "a place among those in the stage"; "one more fails with errc::queue_full"; ttl: "how long one may wait before it fails with
  /// errc::expired"
  ending with_queue(std::size_t in, duration now, span until) {
    if (state_.place_free > now) {
      if (said_.queue_capacity == 0) return never_began(now, how::failed, errc::queue_full);
      const duration expires = said_.queue_ttl > 0us ? now + said_.queue_ttl : never;
      if (state_.place_free == until.end()) ++state_.perhaps;  // what happens at one moment happens in any order
      if (state_.place_free >= std::min(expires, until.end()))
        return expires < until.end() ? never_began(expires, how::failed, errc::expired) : ended_waiting(until);
      now = state_.place_free;
    }
    const ending e = inside(in, now, until);
    state_.place_free = e.goes_on ? never : e.at;
    return e;
  }

  /// "the stage waits for them in its line until the run's deadline or the stage's timeout, or is refused with errc::not_admitted and
  /// retry_after"; "A request that cannot be admitted before its deadline is refused when that shows"; "What has not begun pays
  /// nothing"
  ending with_limit(std::size_t in, duration now, span until) {
    if (now >= state_.put_back.at) state_.next_token = std::exchange(state_.put_back, {}).next_token;
    if (state_.next_token > now) {
      if (state_.next_token >= until.deadline)
        return {.at = now, .is = how::failed, .why = errc::not_admitted, .began = false, .retry_after = state_.next_token - now};
      if (state_.next_token >= until.cancelled) return ended_waiting(until);
      now = state_.next_token;
    }
    const duration before = std::exchange(state_.next_token, now + said_.token_each);
    const ending e = inside(in, now, until);
    if (!e.began) state_.put_back = {e.at, before};
    return e;
  }

  /// "at most so many runs into the stage at once ...; the rest fails at once with errc::queue_full. Work that is left behind at its
  /// `.timeout` keeps its place until it has ended"
  ending with_bulkhead(std::size_t in, duration now, span until) {
    for (std::size_t i = 0; i < said_.places; ++i) {
      if (state_.taken_until[i] > now) continue;
      state_.taken_until[i] = never;
      const ending e = inside(in, now, until);
      if (!e.goes_on) state_.taken_until[i] = e.at;
      return e;
    }
    return never_began(now, how::failed, errc::queue_full);
  }

  ending work(duration now, span until) {
    const std::size_t n = state_.begun++;
    return ended_of(by_neighbour_ ? neighbours_act(cell_) : script(cell_, request_, n), now, until);
  }

  // ---- what they share ----

  /// "Gives up after `limit` ... with errc::timed_out. Work that does not end when it is told to is not waited for"; "The run's deadline
  /// comes before a longer timeout"
  ending until_at_most(std::size_t in, duration now, duration limit, span until) {
    if (limit >= until.deadline) return inside(in, now, until);
    ending e = inside(in, now, {limit, until.cancelled});
    const bool is_late = e.is == how::answered && e.at > limit;  // "An inline function may answer later": its answer is not used
    if (e.is == how::out_of_time || is_late) e.is = how::failed, e.why = errc::timed_out;
    e.goes_on = false;
    return e;
  }

  /// "coroutines are cancelled and awaited, until the deadline or the timeout at most: one that goes on then is left behind ... What
  /// a model or another executor computes is not waited for"
  ending ended_of(const act& does, duration now, span until) {
    if (now + does.takes < until.end() || !cell_.made_of->can_wait)
      return {now + does.takes, does.how == act::end::answers ? how::answered : how::failed, code_of(does.how)};
    const how is = until.deadline <= until.cancelled ? how::out_of_time : how::cancelled;
    if (!does.deaf || !cell_.made_of->is_waited_for) return {until.end(), is};
    ++state_.left;
    return {.at = until.deadline, .is = is, .goes_on = true};
  }

  static ending never_began(duration at, how is, errc why) { return {.at = at, .is = is, .why = why, .began = false}; }
  static ending ended_waiting(span until) {
    return {.at = until.end(), .is = until.deadline <= until.cancelled ? how::out_of_time : how::cancelled, .began = false};
  }

  [[nodiscard]] boost::system::error_code code_of(act::end end) const {
    switch (end) {
      case act::end::answers: break;
      case act::end::throws: return cell_.made_of->when_it_throws;
      case act::end::fails: return errc::device_unavailable;
      case act::end::refuses: return errc::invalid_input;
      case act::end::finds_nobody: return boost::asio::error::connection_refused;
    }
    return {};
  }
  static boost::system::error_code code_of(const ending& e) {
    switch (e.is) {
      case how::failed: return e.why;
      case how::out_of_time: return errc::deadline_exceeded;
      case how::cancelled: return errc::cancelled;
      default: return {};
    }
  }

  struct breaker {
    std::size_t bad = 0;
    duration open_for{};  ///< zero: it is closed
    duration next_probe{};
    void open(duration wait, duration at) { *this = {0, wait, at + wait}; }
  };
  struct token {
    duration at = never, next_token{};
  };
  struct state {
    duration place_free{}, next_token{};
    token put_back;  ///< by one that has not begun
    std::array<duration, 2> taken_until{};
    breaker guard;
    std::size_t begun = 0, perhaps = 0;  ///< of the request
    std::size_t left = 0;
  };

  const cell& cell_;
  const terms& said_;
  const layer_order order_;
  std::size_t request_ = 0;
  bool by_neighbour_ = false;
  bool kept_ = false;
  state state_;
};

}  // namespace catena::test::matrix
