// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The fault matrix: what the work of a stage is, what goes wrong with it, what is said about it, and what each attempt does then.
#include <catena/error.hpp>
#include <catena/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace catena::test::matrix {

using namespace std::chrono_literals;

/// Later than anything in a cell.
inline constexpr duration never = std::chrono::hours(1000);

// ---- what the work is: one more kind is one more line here and in fault_matrix_work.hpp ----

enum class work : std::uint8_t { function, function_elsewhere, coroutine, operation, model, chain, stream };

struct kind {
  work is;
  std::string_view words;
  bool can_wait;       ///< it is not a function that runs inline, and so can hang, and be ended
  bool is_waited_for;  ///< when it has been told to end; what a model or another executor computes, or writes a stream, is not
  errc when_it_throws;
};
inline constexpr std::array kinds{
    kind{work::function, "a function", false, false, errc::stage_failed},
    kind{work::function_elsewhere, "a function on another executor", true, false, errc::stage_failed},
    kind{work::coroutine, "a coroutine", true, true, errc::stage_failed},
    kind{work::operation, "an operation", true, true, errc::stage_failed},
    kind{work::model, "a model", true, false, errc::model_failed},
    kind{work::chain, "a nested chain", true, true, errc::stage_failed},
    kind{work::stream, "a stream whose first item is read", true, false, errc::stage_failed},
};

// ---- what goes wrong ----

enum class fault : std::uint8_t {
  nothing,
  throws,          ///< the first attempt of each request, at once
  error,           ///< the first attempt says that another place may do better
  refuses,         ///< every attempt says that the input is wrong
  hangs,           ///< the first attempt never ends unless it is told to
  silent,          ///< nor does any other
  slow,            ///< every attempt answers, late
  flaky,           ///< three attempts in ten throw
  dead,            ///< nobody listens, ever
  deaf,            ///< the first attempt hangs, whatever it is told
  cancelled,       ///< it hangs, or a function fails all the time, and the caller gives up
  cancelled_deaf,  ///< it is deaf, and the caller gives up
};

/// What one attempt does.
struct act {
  enum class end : std::uint8_t { answers, throws, fails, refuses, finds_nobody };
  duration takes{};  ///< `never`: until it is told to end
  end how = end::answers;
  bool deaf = false;
};
inline constexpr duration work_takes = 1000us, slow_takes = 7500us;

// ---- what is said about it ----

enum class policy : std::uint8_t { timeout, attempt_timeout, retry, breaker, hedge, fallback, queue, limit, cache, bulkhead, fail_early };
inline constexpr std::size_t policy_count = 11;
using policy_set = unsigned;  ///< a bit for each
constexpr policy_set just(policy p) noexcept { return 1U << static_cast<unsigned>(p); }

/// What they are given. No sum of these and of the times above is another one, so that nothing happens at the same moment by chance.
struct terms {
  duration timeout = 14'100us;
  duration attempt_timeout = 5'200us;
  std::size_t retries = 2;
  duration pause = 1'700us;
  bool once = false;  ///< the stage's effects
  std::size_t bad_in_a_row = 2;
  duration open_for = 70ms;
  duration hedge_after = 3'300us;
  duration reserve{};
  std::size_t queue_capacity = 8;
  duration queue_ttl{};
  duration token_each = 4ms;
  std::size_t places = 1;
  bool limit_first = false;  ///< it is said before the bulkhead
  std::size_t lessons = 16, calls_asked_for = 10;
};

/// A policy with its terms.
struct saying {
  policy what;
  std::string_view words;
  void (*change)(terms&) = [](terms&) {};
};
inline constexpr std::array sayings{
    saying{policy::timeout, "timeout"},
    saying{policy::attempt_timeout, "attempt_timeout"},
    saying{policy::retry, "retry"},
    saying{policy::retry, "retry of what is done once", [](terms& t) { t.once = true; }},
    saying{policy::breaker, "breaker"},
    saying{policy::hedge, "hedge"},
    saying{policy::fallback, "fallback"},
    saying{policy::fallback, "fallback with time kept for it", [](terms& t) { t.reserve = 2'500us; }},
    saying{policy::queue, "queue"},
    saying{policy::queue, "queue without room", [](terms& t) { t.queue_capacity = 0; }},
    saying{policy::queue, "queue with a short time to live", [](terms& t) { t.queue_ttl = 1'300us; }},
    saying{policy::limit, "limit"},
    saying{policy::limit, "limit that is asked a little too often", [](terms& t) { t.token_each = 57ms; }},
    saying{policy::limit, "limit that is all but used up", [](terms& t) { t.token_each = 97ms; }},
    saying{policy::cache, "cache"},
    saying{policy::bulkhead, "bulkhead"},
    saying{policy::bulkhead, "bulkhead of two places", [](terms& t) { t.places = 2; }},
    saying{policy::fail_early, "fail_early"},
    saying{policy::fail_early, "fail_early that knows too little", [](terms& t) { t.calls_asked_for = 100; }},
};

struct dress {
  policy_set set = 0;
  terms said;
  std::string words = "nothing";
  [[nodiscard]] bool has(policy p) const noexcept { return (set & just(p)) != 0; }
};

/// Nothing, each policy, and each pair of them.
inline std::vector<dress> dresses() {
  std::vector<dress> all(1);
  for (const saying& a : sayings) {
    dress one{just(a.what), {}, std::string(a.words)};
    a.change(one.said);
    for (const saying& b : sayings) {
      if (&b >= &a) break;
      if (b.what == a.what) continue;
      dress two{one.set | just(b.what), one.said, std::string(b.words) + " and " + std::string(a.words)};
      b.change(two.said);
      all.push_back(two);
      if (two.set != (just(policy::limit) | just(policy::bulkhead))) continue;
      two.said.limit_first = true;
      two.words += " after it";
      all.push_back(two);
    }
    all.push_back(one);
  }
  return all;
}

// ---- a cell ----

inline constexpr std::size_t requests = 4;
inline constexpr duration deadline_after = 20ms;
inline constexpr std::size_t hedge_lessons = 10;

/// Some requests of one input, one after the other; when one comes, a neighbour is in the stage already.
struct cell {
  const kind* made_of = nullptr;
  fault what = fault::nothing;
  dress wears = {};
  std::uint64_t seed = 1;   ///< of what is flaky
  std::uint64_t order = 1;  ///< of what is ready at the same moment
  duration cancelled_after = never;
  bool has_deadline = true;

  /// A function that runs inline cannot hang; and while it is slow nobody begins another attempt beside it.
  [[nodiscard]] bool makes_sense() const noexcept {
    if (made_of->can_wait) return true;
    if (what == fault::slow) return !wears.has(policy::hedge);
    return what != fault::hangs && what != fault::silent && what != fault::deaf && what != fault::cancelled_deaf;
  }
  /// What the work took before, which .fail_early has seen: longer than the stage's timeout, if it has one.
  [[nodiscard]] duration took_before() const noexcept { return wears.has(policy::timeout) ? 15'900us : 8'300us; }
  /// The second of those that wear .fail_early begins with time for that, and tries again without; the third has never had it.
  [[nodiscard]] duration deadline_of(std::size_t request) const noexcept {
    if (!wears.has(policy::fail_early)) return deadline_after;
    return request == 1 ? 9'650us : request == 2 ? 6'150us : deadline_after;
  }
  /// Longer than any request takes.
  [[nodiscard]] duration request_each() const noexcept { return has_deadline ? 50ms : 1200ms; }
  /// Not where it would be a breaker's probe, nor where another executor is to know who asks late; and once a bulkhead has room.
  [[nodiscard]] bool has_neighbour(std::size_t request) const noexcept {
    if (request == 1 && wears.has(policy::bulkhead)) return false;
    return request == 0 || (!wears.has(policy::breaker) && made_of->is != work::function_elsewhere);
  }
  [[nodiscard]] std::string words() const;
};

/// The neighbour asks for what is refused when it has been looked at: that says nothing to anybody, and a breaker does not count it.
inline act neighbours_act(const cell& c) noexcept { return {c.made_of->can_wait ? duration(2'100us) : duration{}, act::end::refuses}; }

/// What .fail_early is taught. A hedge knows what is usual by answers, and is to ask again soon; that a call was cut short says as well
/// that it takes longer.
inline act lesson(const cell& c) noexcept { return {c.took_before(), c.wears.has(policy::hedge) ? act::end::refuses : act::end::answers}; }

/// What the n-th attempt of a request does that begins.
inline act script(const cell& c, std::size_t request, std::size_t n) {
  const act well{c.made_of->can_wait ? work_takes : duration{}};
  const act throwing{{}, act::end::throws};
  const bool first = n == 0;
  switch (c.what) {
    case fault::nothing: return well;
    case fault::throws: return first ? throwing : well;
    case fault::error: return first ? act{well.takes, act::end::fails} : well;
    case fault::refuses: return {well.takes, act::end::refuses};
    case fault::slow: return {slow_takes};
    case fault::flaky: return std::mt19937_64(c.seed * 1000 + request * 100 + n)() % 10 < 3 ? throwing : well;
    case fault::dead: return {{}, act::end::finds_nobody};
    case fault::hangs: return first ? act{never} : well;
    case fault::silent: return {never};
    case fault::cancelled: return !c.made_of->can_wait ? throwing : first ? act{never} : well;
    case fault::deaf:
    case fault::cancelled_deaf: return first ? act{.takes = never, .deaf = true} : well;
  }
  return well;
}

/// How a run ended, as it is expected or was seen.
struct run_end {
  boost::system::error_code code = {};  ///< none: it answered
  bool degraded = false;
  duration at{};           ///< after the request
  std::size_t begun = 0;   ///< attempts whose work began
  std::size_t perhaps = 0; ///< expected: and so many more may have
  int attempt = 1;         ///< of a failure
  std::string odd = {};    ///< seen: what else is not as it should be
};
[[nodiscard]] inline bool is_as(const run_end& expected, const run_end& got) noexcept {
  return got.code == expected.code && got.degraded == expected.degraded && got.at == expected.at && got.attempt == expected.attempt &&
         got.odd.empty() && got.begun >= expected.begun && got.begun <= expected.begun + expected.perhaps;
}

inline std::string in_words(const run_end& o) {
  std::string text = o.degraded ? "degraded" : "answered";
  if (o.code) text = o.code.message() + ", attempt " + std::to_string(o.attempt);
  text += ", after " + std::to_string(o.at / 1us) + " us, " + std::to_string(o.begun) + " begun";
  if (o.perhaps > 0) text += ", perhaps more";
  return o.odd.empty() ? text : text + ", " + o.odd;
}

inline std::string cell::words() const {
  static constexpr std::array faults{"does well", "throws", "fails", "refuses its input", "hangs", "is silent", "is slow", "is flaky", "is dead",
                                     "ignores cancellation", "is cancelled", "is cancelled and ignores it"};
  std::string text = std::string(made_of->words) + " that " + faults[static_cast<std::size_t>(what)] + ", with " + wears.words;
  if (what == fault::flaky) text += ", seed " + std::to_string(seed);
  if (cancelled_after != never) text += ", after " + std::to_string(cancelled_after / 1us) + " us";
  if (!has_deadline) text += ", without a deadline";
  return text + " (order " + std::to_string(order) + ")";
}

}  // namespace catena::test::matrix
