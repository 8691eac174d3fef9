// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One small chain for every construct of the language, for tests that stop, cancel or shuffle each of them everywhere.
#include <catena/balance.hpp>
#include <catena/cache.hpp>
#include <catena/chain.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/stream.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace catena::test {

/// Long enough to lie on the heap, where ASan sees it leak or die twice.
inline std::string long_text(int i) { return "a text that is longer than what fits into a string: " + std::to_string(i); }

using text_chain = chain<std::string, std::string>;

struct construct {
  const char* name;
  text_chain (*make)(const testing::manual_world& world, const runtime& rt);
  const char* failing_path = nullptr;  ///< null: the chain answers
  bool hears = true;                   ///< it ends at once when it is told to
  bool tries_again = false;            ///< without time for that it fails with what the last attempt said
};

/// Stages that these chains are made of; each suspends where its name says so.
class parts {
 public:
  parts(const testing::manual_world& world, runtime rt) : executor(world.get_executor()), rt_(std::move(rt)) {}

  static auto grow() {
    return [](std::string s) { return std::move(s) + "+"; };
  }
  static auto look() {
    return [](const std::string& s) { return s + "?"; };
  }
  static auto both() {
    return [](std::string a, const std::string& b) { return std::move(a) + "|" + b; };
  }
  static auto fail() {
    return [](const std::string&) -> result<std::string> { return failure(errc::invalid_input, "as told"); };
  }
  [[nodiscard]] auto letters() const {
    return [rt = rt_](stream_writer<std::string>& out, const std::string& s) -> boost::asio::awaitable<void> {
      for (int i = 0; i < 3; ++i) {
        co_await rt.async_wait_until(rt.now() + std::chrono::milliseconds(1), boost::asio::use_awaitable);
        auto written = out.write(s + long_text(i));
        co_await std::move(written);
      }
    };
  }
  [[nodiscard]] auto yielding() const {
    return [rt = rt_](std::string s) -> boost::asio::awaitable<std::string> {
      co_await rt.async_yield(boost::asio::use_awaitable);
      s += "y";
      co_return s;
    };
  }
  [[nodiscard]] auto sleeping(duration d) const {
    return [rt = rt_, d](call, const std::string& s) -> boost::asio::awaitable<std::string> {
      co_await rt.async_wait_until(rt.now() + d, boost::asio::use_awaitable);
      co_return s + "z";
    };
  }
  /// Every second call fails.
  [[nodiscard]] auto flaking(duration d) const {
    return [rt = rt_, d, calls = std::make_shared<int>(0)](call, const std::string& s) -> boost::asio::awaitable<std::string> {
      const bool fails = ++*calls % 2 == 1;
      co_await rt.async_wait_until(rt.now() + d, boost::asio::use_awaitable);
      if (fails) throw std::runtime_error("this time");
      co_return s + "f";
    };
  }
  /// Every second call takes nine times as long.
  [[nodiscard]] auto uneven(duration d) const {
    return [rt = rt_, d, calls = std::make_shared<int>(0)](call, const std::string& s) -> boost::asio::awaitable<std::string> {
      co_await rt.async_wait_until(rt.now() + (++*calls % 2 == 0 ? 9 * d : d), boost::asio::use_awaitable);
      co_return s + "u";
    };
  }
  /// Does not hear that nobody wants it any more.
  [[nodiscard]] auto deaf(duration d) const {
    return [rt = rt_, d](call, const std::string& s) -> boost::asio::awaitable<std::string> {
      co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
      co_await rt.async_wait_until(rt.now() + d, boost::asio::use_awaitable);
      co_return s + "d";
    };
  }
  [[nodiscard]] auto failing_late(duration d) const {
    return [rt = rt_, d](const std::string&) -> boost::asio::awaitable<result<std::string>> {
      co_await rt.async_wait_until(rt.now() + d, boost::asio::use_awaitable);
      co_return failure(errc::invalid_input, "as told, late");
    };
  }
  /// An Asio operation that only waits.
  [[nodiscard]] auto pause(duration d) const {
    return [rt = rt_, d](const std::string&, auto token) { return rt.async_wait_until(rt.now() + d, std::move(token)); };
  }
  [[nodiscard]] auto hop() const {
    return [rt = rt_](const std::string&, auto token) { return rt.async_yield(std::move(token)); };
  }

  testing::manual_executor executor;

 private:
  runtime rt_;
};

namespace constructing {

using namespace std::chrono_literals;
using testing::manual_world;

template <class Write>
inline text_chain written(const manual_world& world, const runtime& rt, Write write) {
  const parts p(world, rt);
  return make_chain<std::string>(rt, "subject", [&](auto in) { return write(p, in); });
}

inline text_chain functions(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto a = in >> stage("a", p.look());
    auto b = in >> stage("b", p.look());
    return join(a >> stage("c", p.grow()), b) >> stage("d", p.both());
  });
}

inline text_chain coroutines(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    return in >> stage("a", p.yielding()) >> stage("b", p.sleeping(1ms)) >> stage("c", p.grow()) >> stage("d", p.yielding());
  });
}

inline text_chain operations(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto hopped = in >> stage("hop", p.hop());
    auto paused = in >> stage("pause", p.pause(1ms));
    auto seen = in >> stage("look", p.look());
    return join(seen, hopped, paused) >> stage("end", [](std::string s, unit, unit) { return s; });
  });
}

inline text_chain fan_out(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto start = in >> stage("start", p.yielding());
    auto a = start >> stage("a", p.sleeping(2ms)) >> stage("a2", p.grow());
    auto b = start >> stage("b", p.sleeping(1ms)) >> stage("b2", p.yielding());
    auto c = start >> stage("c", p.look());
    auto ab = join(a, b) >> stage("ab", p.both());
    return join(ab, c) >> stage("abc", p.both()) >> stage("end", p.yielding());
  });
}

inline text_chain nested(const manual_world& world, const runtime& rt) {
  const auto inner = coroutines(world, rt);
  const auto plain = functions(world, rt);
  return written(world, rt, [&](const parts& p, auto in) {
    auto lent = in >> stage("lent", inner);
    auto moved = in >> stage("look", p.look()) >> stage("moved", inner) >> stage("plain", plain);
    return join(moved, lent) >> stage("end", p.both());
  });
}

inline text_chain nested_twice(const manual_world& world, const runtime& rt) {
  const auto inner = nested(world, rt);
  return written(world, rt, [&](const parts& p, auto in) {
    return in >> stage("outer", inner) >> stage("then", p.yielding()) >> stage("again", inner);
  });
}

inline text_chain called_from_a_coroutine(const manual_world& world, const runtime& rt) {
  const auto inner = coroutines(world, rt);
  return written(world, rt, [&](const parts&, auto in) {
    return in >> stage("agent", [inner](call c, std::string s) -> boost::asio::awaitable<std::string> {
             for (int i = 0; i < 2; ++i) {
               std::string next = co_await inner(c, s);
               s = std::move(next);
             }
             co_return s;
           });
  });
}

inline text_chain timed(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto quick = in >> stage("quick", p.sleeping(1ms)).timeout(5ms);
    auto slow = in >> stage("slow", p.sleeping(9ms)).timeout(2ms).fallback(p.look());
    auto bad = in >> stage("bad", p.failing_late(1ms)).fallback(p.sleeping(1ms));
    return join(quick, slow, bad) >> stage("end", [](std::string a, std::string b, std::string c) { return a + b + c; });
  });
}

inline text_chain times_out(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto slow = in >> stage("slow", p.pause(9ms)).timeout(2ms);
    auto seen = in >> stage("other", p.sleeping(5ms));
    return join(seen, slow) >> stage("end", [](std::string s, unit) { return s; });
  });
}

inline text_chain queued(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    return in >> stage("first", p.sleeping(2ms)).queue({.capacity = 8})
              >> stage("second", p.yielding()).queue({.capacity = 8, .ttl = 1s}).timeout(1s);
  });
}

inline text_chain expires(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    return in >> stage("narrow", p.sleeping(5ms)).queue({.capacity = 8, .ttl = 1ms}).fallback(p.look());
  });
}

inline text_chain moved_away(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto a = in >> stage("function", p.look()).on(p.executor);
    auto b = in >> stage("coroutine", p.sleeping(1ms)).on(p.executor);
    auto c = a >> stage("owned", p.grow()).on(p.executor);
    return join(c, b) >> stage("end", p.both()).on(p.executor);
  });
}

inline text_chain moved_away_and_guarded(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto a = in >> stage("function", p.look()).on(p.executor).timeout(5ms).fallback(p.look());
    auto b = in >> stage("hopeless", p.pause(9ms)).timeout(1ms).fallback([](const std::string&) {});
    return join(a, b) >> stage("end", [](std::string s, unit) { return s; });
  });
}

inline text_chain exits(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto slow = in >> stage("slow", p.sleeping(9ms));
    auto quick = in >> stage("nap", p.sleeping(1ms)) >> stage("leave", [](std::string s) -> or_exit<std::string, std::string> {
                   return exit_with(std::move(s));
                 });
    return join(slow, quick) >> stage("end", p.both());
  });
}

inline text_chain fails_beside_others(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto a = in >> stage("slow", p.sleeping(9ms));
    auto b = in >> stage("hop", p.yielding()) >> stage("bad", p.fail());
    auto c = in >> stage("away", p.look()).on(p.executor);
    auto ab = join(a, b) >> stage("ab", p.both());
    return join(ab, c) >> stage("end", p.both());
  });
}

inline text_chain fails_inside(const manual_world& world, const runtime& rt) {
  const auto inner = fails_beside_others(world, rt);
  return written(world, rt, [&](const parts& p, auto in) {
    auto a = in >> stage("inner", inner);
    auto b = in >> stage("slow", p.sleeping(9ms));
    return join(a, b) >> stage("end", p.both());
  });
}

using texts = std::vector<std::string>;

inline auto split() {
  return [](const std::string& s) { return texts{s + "0", s + "1", s + "2", s + "3"}; };
}
inline auto merged() {
  return [](const texts& all) {
    std::string sum;
    for (const auto& one : all) sum += one;
    return sum;
  };
}

inline text_chain each_item(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto style = in >> stage("style", p.look());
    auto read = in >> stage("split", split()) >> each("moved", stage("read", p.yielding()), 2);
    return read >> each("styled", stage("write", [wait = p.sleeping(1ms)](call c, const std::string& item, const std::string& how) -> boost::asio::awaitable<std::string> {
                     std::string slept = co_await wait(c, item);
                     co_return slept + how;
                   }), 3).with(style)
                >> each("plain", stage("grow", p.grow())) >> stage("merge", merged());
  });
}

inline text_chain each_item_guarded(const manual_world& world, const runtime& rt) {
  const auto inner = coroutines(world, rt);
  return written(world, rt, [&](const parts& p, auto in) {
    return in >> stage("split", split()) >> each("chains", stage("inner", inner), 3)
              >> each("guarded", stage("slow", p.sleeping(2ms)).timeout(1ms).fallback(p.look()), 2)
              >> each("away", stage("look", p.look()).on(p.executor), 2) >> stage("merge", merged());
  });
}

inline text_chain each_result_of_an_item(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto some_fail = [wait = p.sleeping(1ms)](call c, const std::string& s) -> boost::asio::awaitable<result<std::string>> {
      std::string slept = co_await wait(c, s);
      if (s.back() == '1') co_return failure(errc::invalid_input, "as told");
      co_return slept;
    };
    return in >> stage("split", split()) >> each_result("tries", stage("try", some_fail), 3)
              >> stage("count", [](std::vector<result<std::string>> all) {
                   std::string sum;
                   for (const auto& one : all) sum += one ? *one : one.error().path();
                   return sum;
                 });
  });
}

inline text_chain an_item_fails(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto third_fails = [wait = p.sleeping(1ms)](call c, const std::string& s) -> boost::asio::awaitable<result<std::string>> {
      std::string slept = co_await wait(c, s);
      if (s.back() == '2') co_return failure(errc::invalid_input, "as told");
      co_return slept;
    };
    return in >> stage("split", split()) >> each("items", stage("try", third_fails), 2) >> stage("merge", merged());
  });
}

inline text_chain branches(const manual_world& world, const runtime& rt) {
  const auto inner = coroutines(world, rt);
  return written(world, rt, [&](const parts& p, auto in) {
    auto long_one = [](const std::string& s) { return s.size() > 1; };
    auto short_one = [](const std::string& s) { return s.size() <= 1; };
    auto a = in >> branch("a", long_one, stage("yes", p.sleeping(1ms)), stage("no", p.grow()));
    auto b = in >> stage("look", p.look()) >> branch("b", short_one, stage("yes", p.grow()), stage("no", inner));
    return join(a, b) >> stage("end", p.both());
  });
}

inline text_chain cascades(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto never = [](const std::string&) { return false; };
    auto always = [](const std::string&) { return true; };
    auto a = in >> cascade("a", stage("near", p.yielding()), stage("far", p.sleeping(1ms)), always);
    auto b = in >> cascade("b", stage("near", p.sleeping(1ms)), stage("far", p.yielding()), never);
    auto c = in >> cascade("c", stage("near", p.failing_late(1ms)), stage("far", p.look()), always);
    auto d = in >> cascade("d", stage("near", p.sleeping(1ms)), stage("far", p.sleeping(9ms)).timeout(1ms), never, 1s);
    auto ab = join(a, b) >> stage("ab", p.both());
    return join(ab, c, d) >> stage("end", [](std::string x, std::string y, std::string z) { return x + y + z; });
  });
}

inline text_chain races(const manual_world& world, const runtime& rt) {
  const auto inner = coroutines(world, rt);
  return written(world, rt, [&](const parts& p, auto in) {
    return in >> first_of("race", stage("slow", p.sleeping(9ms)), stage("bad", p.failing_late(1ms)), stage("inner", inner),
                          stage("away", p.sleeping(5ms)).on(p.executor))
              >> first_of("inline", stage("look", p.look()), stage("slow", p.sleeping(9ms)));
  });
}

inline text_chain nobody_wins(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    return in >> first_of("race", stage("bad", p.failing_late(1ms)), stage("worse", p.failing_late(2ms)));
  });
}

inline text_chain gathered(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    std::vector<node<std::string>> all;
    for (int i = 0; i < 5; ++i) all.push_back(in >> stage("part " + std::to_string(i), p.sleeping(i * 1ms)));
    return join(all) >> stage("merge", merged());
  });
}

inline text_chain limited(const manual_world& world, const runtime& rt) {
  const shared_bucket bucket(rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 3});
  const admission gate(rt, {.buckets = {bucket}});
  return written(world, rt, [&](const parts& p, auto in) {
    return in >> stage("first", p.sleeping(1ms)).limit(gate, 3, [](const std::string&) { return 2; })
              >> stage("second", p.grow()).limit(gate, [](const std::string&) { return 2; })
              >> stage("third", p.yielding()).limit(gate).limit(gate).timeout(1min);
  });
}

inline text_chain refused(const manual_world& world, const runtime& rt) {
  const shared_bucket bucket(rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 3});
  const admission gate(rt, {.buckets = {bucket}});
  return written(world, rt, [&](const parts& p, auto in) {
    return in >> stage("slow", p.sleeping(3ms)).limit(gate, 3).timeout(2ms).fallback(p.look())
              >> stage("never", p.grow()).limit(gate, 3).timeout(1us).fallback(p.look());
  });
}

inline text_chain behind_gates(const manual_world& world, const runtime& rt) {
  const shared_bucket bucket(rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 3});
  const admission gate(rt, {.buckets = {bucket}});
  const auto inner = coroutines(world, rt).limit(gate, 2);
  const auto moved = moved_away(world, rt).limit(gate, 3);
  return written(world, rt, [&](const parts&, auto in) { return in >> stage("inner", inner) >> stage("moved", moved).limit(gate); })
      .limit(gate);
}

inline text_chain behind_bulkheads(const manual_world& world, const runtime& rt) {
  const bulkhead narrow(1), wide(2);
  return written(world, rt, [&](const parts& p, auto in) {
    return in >> stage("first", p.sleeping(2ms)).bulkhead(narrow).fallback(p.sleeping(1ms))
              >> stage("second", p.look()).bulkhead(wide).bulkhead(narrow).queue({.capacity = 8}).fallback(p.look());
  });
}

/// The same text for all runs, so that they ask the same.
inline auto same() {
  return [](const std::string&) { return long_text(7); };
}

inline text_chain kept(const manual_world& world, const runtime& rt) {
  const cache<std::string> answers(rt);
  return written(world, rt, [&](const parts& p, auto in) {
    return in >> stage("same", same()) >> stage("slow", p.sleeping(2ms)).cache(answers)
              >> stage("quick", p.grow()).cache(answers) >> stage("end", p.yielding()).cache(answers).timeout(1min);
  });
}

inline text_chain kept_and_failing(const manual_world& world, const runtime& rt) {
  const cache<std::string> answers(rt, {.negative_ttl = 1h});
  return written(world, rt, [&](const parts& p, auto in) {
    return in >> stage("same", same()) >> stage("saved", p.failing_late(1ms)).cache(answers).fallback(p.look())
              >> stage("bad", p.failing_late(1ms)).cache(answers, {.failures = failure_memory::remember});
  });
}

inline text_chain kept_for_the_patient(const manual_world& world, const runtime& rt) {
  const cache<std::string> answers(rt);
  return written(world, rt, [&](const parts& p, auto in) {
    auto text = in >> stage("same", same());
    auto a = text >> stage("hasty", p.sleeping(3ms)).cache(answers, {.name = "s"}).timeout(2ms).fallback(p.look());
    auto b = text >> stage("patient", p.sleeping(3ms)).cache(answers, {.name = "s"});
    return join(a, b) >> stage("end", p.both());
  });
}

inline text_chain balanced(const manual_world& world, const runtime& rt) {
  const replica_pool<std::string, std::string> pool(rt, {.balancing = round_robin{}});
  const parts p(world, rt);
  pool.add(stage("sleeping", p.sleeping(1ms)).timeout(5ms));
  pool.add(stage("here", p.grow()));
  pool.add(stage("yielding", p.yielding()).queue({.capacity = 8}));
  return written(world, rt, [&](const parts&, auto in) {
    auto a = in >> stage("a", pool).timeout(9ms);
    auto b = in >> stage("b", pool);
    auto c = in >> stage("c", pool);
    auto ab = join(a, b) >> stage("ab", parts::both());
    return join(ab, c) >> stage("abc", parts::both()) >> stage("d", pool) >> stage("end", parts::look());
  });
}

inline retry_options soon() {
  return {.first_wait = 1ms, .factor = 1, .jitter = jitter::none, .budget = retry_budget({.per_second = 1000})};
}

inline text_chain tried_again(const manual_world& world, const runtime& rt) {
  const circuit_breaker breaker({.consecutive = 3, .bad_share = 0, .first_wait = 1ms, .probes = 1});
  const auto inner = written(world, rt, [](const parts& p, auto in) { return in >> stage("deep", p.flaking(1ms)).retry(soon()); });
  return written(world, rt, [&](const parts& p, auto in) {
    auto a = in >> stage("a", p.flaking(1ms)).retry(soon()).timeout(20ms);
    auto b = in >> stage("b", p.uneven(1ms)).retry(soon()).attempt_timeout(3ms).breaker(breaker);
    auto c = in >> stage("c", inner).retry(soon());
    auto ab = join(a, b) >> stage("ab", parts::both());
    return join(ab, c) >> stage("end", parts::both());
  });
}

inline text_chain tried_in_vain(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    auto a = in >> stage("a", p.failing_late(1ms)).retry(soon()).fallback(p.failing_late(1ms)).fallback(p.look());
    auto b = in >> stage("b", p.sleeping(1ms)) >> stage("bad", p.fail()).retry([] {
               retry_options options = soon();
               options.when = [](const failure&) { return true; };
               return options;
             }());
    return join(a, b) >> stage("end", p.both());
  });
}

inline text_chain hedged(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    const hedge_options early{.extra = 2, .least_count = 1, .budget = retry_budget({.share = 10, .per_second = 1000})};
    return in >> stage("split", [](const std::string& s) { return std::vector<std::string>(4, s); })
              >> each(stage("one", p.uneven(1ms)).hedge(early).retry(soon()), 1)
              >> stage("end", [](const std::vector<std::string>& all) { return all.front() + all.back(); });
  });
}

inline text_chain streamed(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    const auto first_of_two = [](call, stream<std::string> a, stream<std::string> b) -> boost::asio::awaitable<std::string> {
      std::optional<std::string> one = co_await a.next();
      std::optional<std::string> other;
      while (auto next = co_await b.next()) other = std::move(next);
      co_return one.value() + other.value();  // it lets go of the rest of a
    };
    auto a = in >> stage("a", produce<std::string>(p.letters(), {.capacity = 1})).attempt_timeout(5ms).retry(soon());
    auto b = in >> stage("b", produce<std::string>(p.letters()).restart_with(p.letters()));
    return join(a, b) >> stage("read", first_of_two);
  });
}

inline text_chain does_not_hear(const manual_world& world, const runtime& rt) {
  return written(world, rt, [](const parts& p, auto in) {
    const hedge_options early{.least_count = 1, .budget = retry_budget({.share = 10, .per_second = 1000})};
    auto a = in >> stage("a", p.deaf(9ms)).timeout(2ms).fallback(p.sleeping(1ms));
    auto b = in >> stage("split", [](const std::string& s) { return std::vector<std::string>(2, s); })
                >> each(stage("one", p.deaf(3ms)).hedge(early), 1) >> stage("first", [](const std::vector<std::string>& all) { return all.front(); });
    auto c = in >> stage("look", p.look()) >> first_of("race", stage("slow", p.deaf(9ms)), stage("quick", p.sleeping(1ms)), stage("bad", p.failing_late(2ms)))
                >> stage("then", p.sleeping(2ms));
    auto ab = join(a, b) >> stage("ab", p.both());
    return join(ab, c) >> stage("end", p.both());
  });
}

inline text_chain told(const manual_world& world, const runtime& rt) {
  const notifier us({.sinks = {[](const incident&) {}}, .notices = {.window = 0s}, .dead_letters = {[](const incident&) {}}});
  const auto inner = written(world, rt, [&](const parts& p, auto in) {
    return in >> stage("worse", p.failing_late(1ms)).fallback(p.failing_late(1ms)).notify(us);
  });
  return written(world, rt, [&](const parts& p, auto in) {
    auto a = in >> stage("inner", inner).fallback(p.look());
    auto b = in >> stage("well", p.sleeping(1ms)).notify(us);
    auto ab = join(a, b) >> stage("ab", parts::both());
    return ab >> stage("bad", p.fail()).fallback(p.fail()).notify(us);
  });
}

/// Nobody decides; the first one who is parked gives the caller his answer.
inline text_chain parked(const manual_world& world, const runtime& rt) {
  const notifier us({.sinks = {[](const incident&) {}}});
  const auto after = [](duration limit, decision what) {
    return notify_options{.park = park_options{.limit = limit, .on_limit = std::move(what), .time = 1s}};
  };
  const auto inner = written(world, rt, [&](const parts& p, auto in) {
    return in >> stage("bad", p.failing_late(1ms)).notify(us, after(5ms, decision::use(long_text(8))));
  });
  return written(world, rt, [&](const parts& p, auto in) {
    auto all = in >> stage("split", split()) >> each("all", stage("nested", inner), 1) >> stage("merge", merged());
    auto a = all >> stage("flaky", p.flaking(1ms)).queue({.capacity = 8}).notify(us, after(2ms, decision::retry()));
    auto b = in >> stage("slow", p.sleeping(9ms));
    return join(a, b) >> stage("end", parts::both());
  });
}

inline text_chain all_at_once(const manual_world& world, const runtime& rt) {
  const cache<std::string> answers(rt);
  const shared_bucket bucket(rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 3});
  const admission gate(rt, {.buckets = {bucket}});
  const circuit_breaker breaker;
  return written(world, rt, [&](const parts& p, auto in) {
    auto text = in >> stage("same", same());
    auto a = text >> stage("a", p.sleeping(2ms)).limit(gate, 2).queue({.capacity = 8}).attempt_timeout(3ms).breaker(breaker).fail_early().hedge().retry(soon())
                         .cache(answers).timeout(9ms).fallback(p.look());
    auto b = text >> stage("b", p.grow()).on(p.executor).limit(gate, 2).queue({.capacity = 8}).cache(answers);
    auto c = in >> stage("c", p.sleeping(1ms)).limit(gate, 2).queue({.capacity = 8}).cache(answers).fallback(p.look());
    auto ab = join(a, b) >> stage("ab", p.both());
    return join(ab, c) >> stage("end", p.both());
  });
}

}  // namespace constructing

/// Every construct, in a manual world.
[[nodiscard]] inline const std::vector<construct>& constructs() {
  using namespace constructing;
  static const std::vector<construct> all{
      {"functions", &functions},
      {"coroutines", &coroutines},
      {"operations", &operations},
      {"fan out", &fan_out},
      {"nested", &nested},
      {"nested twice", &nested_twice},
      {"called from a coroutine", &called_from_a_coroutine},
      {"timed", &timed},
      {"times out", &times_out, "subject/slow"},
      {"queued", &queued},
      {"expires", &expires},
      {"moved away", &moved_away},
      {"moved away and guarded", &moved_away_and_guarded},
      {"exits", &exits},
      {"fails beside others", &fails_beside_others, "subject/bad"},
      {"fails inside", &fails_inside, "subject/inner/bad"},
      {"each item", &each_item},
      {"each item guarded", &each_item_guarded},
      {"each result of an item", &each_result_of_an_item},
      {"an item fails", &an_item_fails, "subject/items[2]/try"},
      {"branches", &branches},
      {"cascades", &cascades},
      {"races", &races},
      {"nobody wins", &nobody_wins, "subject/race/worse"},
      {"gathered", &gathered},
      {"limited", &limited},
      {"refused", &refused},
      {"behind gates", &behind_gates},
      {"behind bulkheads", &behind_bulkheads},
      {"kept", &kept},
      {"kept and failing", &kept_and_failing, "subject/bad"},
      {"kept for the patient", &kept_for_the_patient},
      {"balanced", &balanced},
      {"tried again", &tried_again, nullptr, true, true},
      {"tried in vain", &tried_in_vain, "subject/bad"},
      {"hedged", &hedged, nullptr, true, true},
      {"streamed", &streamed},
      {"does not hear", &does_not_hear, nullptr, false},
      {"told", &told, "subject/bad/fallback"},
      {"parked", &parked, "subject/all[0]/nested/bad"},
      {"all at once", &all_at_once},
  };
  return all;
}

}  // namespace catena::test
