// SPDX-License-Identifier: BSL-1.0
/// \file
/// Identical requests in flight: operations on several executors that lead, wait, give up, take over and die.
#include <catena/cache.hpp>
#include <catena/testing/manual_world.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using text_cache = cache<std::string>;
using turn = text_cache::turn;

const key_space questions("model", "1");

/// One request, as a stage would make it: it computes for three steps on its own executor, or waits there for whoever does.
class request : public std::enable_shared_from_this<request>, ready_node, timer_node {
 public:
  enum class end { publishes, fails, fails_for_good };

  request(text_cache c, const runtime& rt, const cache_key& key, end how = end::publishes)
      : cache_(std::move(c)), rt_(rt), part_(*this, key), how_(how) {}

  /// Begins on its executor.
  void start(time_point deadline = no_deadline) {
    when = deadline;
    push([](request& self) { self.begin(); });
  }
  /// On its executor: it is not wanted any more.
  void stop(errc why) {
    if (done_ || stopped_.is_set()) return;
    stopped_ = failure(why);
    if (cache_.give_up(part_)) finish(stopped_);
  }

  [[nodiscard]] int completions() const noexcept { return completions_; }
  [[nodiscard]] const std::optional<result<std::string>>& answer() const noexcept { return answer_; }
  [[nodiscard]] bool answered(std::string_view text) const { return answer_ && answer_->has_value() && **answer_ == text; }
  [[nodiscard]] bool failed(errc why) const { return answer_ && answer_->has_error() && answer_->error().is(why); }
  [[nodiscard]] bool leads() const noexcept { return leads_; }
  [[nodiscard]] bool computed() const noexcept { return computed_; }

 private:
  struct part : flight<std::string> {
    part(request& r, const cache_key& k)
        : flight(k, [](detail::cache_flight& f) { static_cast<part&>(f).of->push([](request& self) { self.woken(); }); }),
          of(&r) {}
    request* of;
  };

  void push(void (*then)(request&)) {
    pin_ = shared_from_this();
    then_ = then;
    resume = [](ready_node& node, wake how) {
      auto& self = static_cast<request&>(node);
      const auto pinned = std::move(self.pin_);
      if (how == wake::resumed) return self.then_(self);
      if (self.leads_ || self.part_.leads()) self.cache_.abandon(self.part_);
    };
    rt_.state()->ready->push(*this);
  }

  void begin() {
    switch (cache_.begin(part_)) {
      case turn::hit: return finish_with_answer();
      case turn::leads: arm(); return compute();
      case turn::waits: pin_ = shared_from_this(); return arm();
      case turn::given_up: return finish(stopped_);
    }
  }

  void woken() {
    if (part_.leads()) {
      if (!stopped_.is_set()) return compute();
      cache_.abandon(part_);
    }
    if (stopped_.is_set()) return finish(stopped_);
    finish_with_answer();
  }

  void compute() {
    leads_ = true;
    if (stopped_.is_set()) {
      leads_ = false;
      cache_.abandon(part_);
      return finish(stopped_);
    }
    if (++steps_ < 4) return push([](request& self) { self.compute(); });
    leads_ = false;
    computed_ = true;
    if (how_ == end::publishes) return finish(*cache_.publish(part_, "answer"));
    const failure why(errc::model_failed, "no answer");
    cache_.fail(part_, why, how_ == end::fails ? failure_memory::forget : failure_memory::remember);
    finish(why);
  }

  void arm() {
    if (when == no_deadline) return;
    timer_pin_ = shared_from_this();
    fire = [](timer_node& node, wake how) {
      auto& self = static_cast<request&>(node);
      const auto pinned = std::move(self.timer_pin_);
      if (how == wake::resumed) self.stop(errc::deadline_exceeded);
    };
    rt_.state()->timers->add(*this);
  }

  void finish_with_answer() {
    const auto known = part_.answer();
    if (known) finish(*known);
    else finish(known.why());
  }
  void finish(result<std::string> r) {
    const auto pinned = std::move(pin_);
    if (timer_pin_ && rt_.state()->timers->remove(*this)) timer_pin_.reset();
    part_.reset();
    done_ = true;
    ++completions_;
    answer_ = std::move(r);
  }

  text_cache cache_;
  runtime rt_;
  part part_;
  end how_;
  void (*then_)(request&) = nullptr;
  std::shared_ptr<request> pin_;        ///< while it waits for an executor or for a flight
  std::shared_ptr<request> timer_pin_;  ///< while its timer runs
  failure stopped_;
  bool leads_ = false;
  bool computed_ = false;
  bool done_ = false;
  int steps_ = 0;
  int completions_ = 0;
  std::optional<result<std::string>> answer_;
};

using request_ptr = std::shared_ptr<request>;

/// Two services that share a cache, each on an executor of its own, with requests of one key on both in turn.
struct two_worlds {
  explicit two_worlds(std::uint64_t seed = 1, cache_options options = {}, request::end how = request::end::publishes,
                      std::size_t count = 5, time_point deadline = no_deadline)
      : random(seed), worlds{std::make_unique<testing::manual_world>(seed), std::make_unique<testing::manual_world>(seed + 100)} {
    for (const auto& w : worlds) runtimes.push_back(w->runtime());
    subject.emplace(runtimes[0], options);
    for (std::size_t i = 0; i < count; ++i) {
      requests.push_back(std::make_shared<request>(*subject, runtimes[i % 2], questions.key("why?"), how));
      requests.back()->start(deadline);
    }
  }

  /// One step in one of the worlds; false if neither has any.
  bool step() {
    const std::size_t first = random() % 2;
    return worlds[first]->step() || worlds[1 - first]->step();
  }
  std::size_t go(std::size_t steps) {
    std::size_t done = 0;
    while (done < steps && step()) ++done;
    return done;
  }
  std::size_t run() { return go(1'000'000); }
  /// All requests begin before the first one ends.
  void begin_all() {
    for (std::size_t i = 0; i < requests.size(); ++i)
      for (const auto& w : worlds) w->step();
    REQUIRE(subject->stats().misses == requests.size());
  }
  [[nodiscard]] int computed() const {
    int count = 0;
    for (const auto& r : requests) count += r->computed();
    return count;
  }

  std::mt19937_64 random;
  std::array<std::unique_ptr<testing::manual_world>, 2> worlds;
  std::vector<runtime> runtimes;
  std::optional<text_cache> subject;
  std::vector<request_ptr> requests;
};

/// Calls then(worlds) at every step of five requests of one key, in several orders.
template <class Then>
void at_every_step_of_a_flight(Then then, request::end how = request::end::publishes) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const std::size_t count = two_worlds(seed, {}, how).run();
    for (std::size_t k = 0; k <= count; ++k) {
      INFO("seed " << seed << ", step " << k << " of " << count);
      two_worlds w(seed, {}, how);
      w.go(k);
      then(w);
    }
  }
}

}  // namespace

TEST_CASE("identical requests in flight are computed once, on whatever executors they are") {
  two_worlds w;
  w.begin_all();
  w.run();
  for (const auto& r : w.requests) {
    CHECK(r->completions() == 1);
    CHECK(r->answered("answer"));
  }
  CHECK(w.computed() == 1);
  const auto stats = w.subject->stats();
  CHECK(stats.loads == 1);
  CHECK(stats.misses == 5);
  CHECK(stats.waits == 4);
  CHECK(stats.hits == 0);
  CHECK(stats.in_flight_count == 0);
}

TEST_CASE("a hit is answered where it is asked, without a step of anybody") {
  two_worlds w;
  w.begin_all();
  w.run();
  flight<std::string> part(questions.key("why?"), nullptr);
  CHECK(w.subject->begin(part) == turn::hit);
  CHECK(*part.answer() == "answer");
  CHECK(w.subject->stats().hits == 1);
  CHECK(!w.step());
}

TEST_CASE("different requests do not wait for each other") {
  two_worlds w(1, {}, request::end::publishes, 1);
  const auto other = std::make_shared<request>(*w.subject, w.runtimes[0], questions.key("how?"));
  other->start();
  w.run();
  CHECK(other->computed());
  CHECK(w.computed() == 1);
  CHECK(w.subject->stats().waits == 0);
}

TEST_CASE("a leader's failure reaches all who wait once, and is not remembered") {
  two_worlds w(1, {.negative_ttl = 1h}, request::end::fails);
  w.begin_all();
  w.run();
  for (const auto& r : w.requests) {
    CHECK(r->completions() == 1);
    CHECK(r->failed(errc::model_failed));
  }
  CHECK(w.computed() == 1);
  CHECK(w.subject->stats().load_failures == 1);
  CHECK(w.subject->stats().count == 0);
  CHECK(!w.subject->get(questions.key("why?")).found());
}

TEST_CASE("a failure is remembered where both the leader and the options ask for it, for its own time") {
  const cache_options options{.ttl = 1h, .ttl_jitter = 0, .negative_ttl = 1s};
  two_worlds w(1, options, request::end::fails_for_good);
  w.begin_all();
  w.run();
  const auto known = w.subject->get(questions.key("why?"));
  CHECK(known.found());
  CHECK(!known);
  CHECK(known.why().is(errc::model_failed));
  CHECK(w.subject->stats().negative_hits == 1);
  w.worlds[0]->advance(1s - 1ns);
  const auto late = std::make_shared<request>(*w.subject, w.runtimes[0], questions.key("why?"));
  late->start();
  w.run();
  CHECK(late->failed(errc::model_failed));
  CHECK(!late->computed());
  w.worlds[0]->advance(1ns);
  CHECK(!w.subject->get(questions.key("why?")).found());

  two_worlds never(1, {}, request::end::fails_for_good);
  never.run();
  CHECK(!never.subject->get(questions.key("why?")).found());
}

TEST_CASE("cancelling one request at any step disturbs no other") {
  for (std::size_t victim = 0; victim < 5; ++victim)
    at_every_step_of_a_flight([&](two_worlds& w) {
      w.requests[victim]->stop(errc::cancelled);
      w.run();
      for (std::size_t i = 0; i < w.requests.size(); ++i) {
        const auto& r = *w.requests[i];
        REQUIRE(r.completions() == 1);
        CHECK((r.answered("answer") || (i == victim && r.failed(errc::cancelled))));
      }
      CHECK(w.computed() == 1);
      CHECK(w.subject->stats().in_flight_count == 0);
    });
}

TEST_CASE("cancelling all requests at any step ends them all and the flight") {
  at_every_step_of_a_flight([](two_worlds& w) {
    for (const auto& r : w.requests) r->stop(errc::cancelled);
    w.run();
    for (const auto& r : w.requests) CHECK(r->completions() == 1);
    CHECK(w.subject->stats().in_flight_count == 0);
  });
}

TEST_CASE("a leader's deadline fails nobody else: the oldest waiter takes over") {
  testing::manual_world world;
  const auto rt = world.runtime();
  const text_cache subject(rt);
  const auto key = questions.key("why?");
  const auto hasty = std::make_shared<request>(subject, rt, key);
  hasty->start(world.now() + 1ms);
  world.step();
  const auto oldest = std::make_shared<request>(subject, rt, key);
  oldest->start();
  world.step();
  const auto youngest = std::make_shared<request>(subject, rt, key);
  youngest->start();
  world.elapse(1ms);
  world.run();
  if (!hasty->answered("answer")) {
    CHECK(hasty->failed(errc::deadline_exceeded));
    CHECK(oldest->computed());
    CHECK(subject.stats().takeovers == 1);
  }
  CHECK(oldest->answered("answer"));
  CHECK(youngest->answered("answer"));
  CHECK(subject.stats().loads == 1);
}

TEST_CASE("a deadline that passes at any step ends every request once") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const std::size_t count = two_worlds(seed).run();
    for (std::size_t k = 0; k <= count; ++k) {
      INFO("seed " << seed << ", step " << k);
      two_worlds w(seed, {}, request::end::publishes, 5, testing::manual_time::start + 1s);
      w.go(k);
      for (const auto& world : w.worlds) world->elapse(1s);
      w.run();
      for (const auto& r : w.requests) {
        CHECK(r->completions() == 1);
        CHECK((r->answered("answer") || r->failed(errc::deadline_exceeded)));
      }
      CHECK(w.subject->stats().in_flight_count == 0);
    }
  }
}

TEST_CASE("requests of a living executor are answered when the other one dies at any step") {
  for (std::size_t dying = 0; dying < 2; ++dying)
    at_every_step_of_a_flight([&](two_worlds& w) {
      std::vector<int> before;
      for (const auto& r : w.requests) before.push_back(r->completions());
      w.worlds[dying]->destroy_executor();
      w.run();
      for (std::size_t i = 0; i < w.requests.size(); ++i) {
        if (i % 2 == dying) CHECK(w.requests[i]->completions() == before[i]);
        else CHECK(w.requests[i]->answered("answer"));
      }
      CHECK(w.subject->stats().in_flight_count == 0);
    });
}

TEST_CASE("nothing leaks and nothing is called when both executors die at any step, also after a cancellation") {
  for (const bool cancelled : {false, true})
    at_every_step_of_a_flight(
        [&](two_worlds& w) {
          if (cancelled) w.requests[w.random() % 5]->stop(errc::cancelled);
          std::vector<int> before;
          for (const auto& r : w.requests) before.push_back(r->completions());
          for (const auto& world : w.worlds) world->destroy_executor();
          for (std::size_t i = 0; i < w.requests.size(); ++i) {
            CHECK(w.requests[i]->completions() == before[i]);
            CHECK(w.requests[i].use_count() == 1);
          }
          CHECK(w.subject->stats().in_flight_count == 0);
        },
        request::end::fails);
}

TEST_CASE("very many waiters of a dead executor give up one after the other, not one inside the other") {
  two_worlds w(1, {}, request::end::publishes, 0);
  std::vector<request_ptr> many;
  for (int i = 0; i < 100'000; ++i) {
    many.push_back(std::make_shared<request>(*w.subject, w.runtimes[0], questions.key("why?")));
    many.back()->start();
  }
  // All have begun, and the first has not ended yet.
  while (w.subject->stats().misses < many.size()) w.worlds[0]->step();
  REQUIRE(w.subject->stats().in_flight_count == 1);
  w.worlds[0]->destroy_executor();
  CHECK(w.subject->stats().in_flight_count == 0);
  CHECK(w.subject->stats().takeovers == many.size() - 1);
}

TEST_CASE("a leader that cannot publish still leads, and may fail") {
  testing::manual_world world;
  bool is_broken = true;
  const text_cache subject(world.runtime(), {}, [&](const std::string&) -> std::size_t {
    if (is_broken) throw std::runtime_error("no size");
    return 1;
  });
  flight<std::string> leader(questions.key(1), nullptr);
  REQUIRE(subject.begin(leader) == turn::leads);
  CHECK_THROWS_AS(subject.publish(leader, "answer"), std::runtime_error);
  CHECK(subject.stats().in_flight_count == 1);
  is_broken = false;
  subject.publish(leader, "answer");
  CHECK(*subject.get(questions.key(1)) == "answer");
}

TEST_CASE("an answer too large to be stored still reaches all who wait for it") {
  two_worlds w(1, {.capacity_bytes = 16, .shard_count = 1});
  w.begin_all();
  w.run();
  for (const auto& r : w.requests) CHECK(r->answered("answer"));
  CHECK(w.subject->stats().count == 0);
  CHECK(w.subject->stats().refused == 1);
}

TEST_CASE("threads that lead, wait, give up, fail and take over all end once", "[concurrency]") {
  struct blocking_part : flight<int> {
    explicit blocking_part(const cache_key& k)
        : flight(k, [](detail::cache_flight& f) { static_cast<blocking_part&>(f).woken.release(); }) {}
    std::binary_semaphore woken{0};
  };
  testing::manual_world world;
  const cache<int> subject(world.runtime(), {.capacity_count = 4, .negative_ttl = 1h, .shard_count = 1});
  std::atomic<int> wrong{0};
  std::atomic<std::uint64_t> published{0}, failed{0};
  const auto lead = [&](blocking_part& part, int n, unsigned dice) {
    std::this_thread::yield();  // others may come
    if (dice % 4 == 0) return subject.abandon(part);
    if (dice % 4 == 1) {
      ++failed;
      return subject.fail(part, failure(errc::model_failed), dice % 8 == 1 ? failure_memory::remember : failure_memory::forget);
    }
    ++published;
    if (*subject.publish(part, n) != n) ++wrong;
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 3000; ++i) {
        const int n = static_cast<int>(random() % 8);
        blocking_part part(questions.key(n));
        const auto began = subject.begin(part);
        if (began == turn::leads) {
          lead(part, n, static_cast<unsigned>(random()));
          continue;
        }
        if (began == turn::waits) {
          if (random() % 3 == 0 && subject.give_up(part)) continue;
          part.woken.acquire();
          if (part.leads()) {
            lead(part, n, static_cast<unsigned>(random()));
            continue;
          }
        }
        const auto known = part.answer();
        if (!known.found() || (known && *known != n)) ++wrong;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
  const auto stats = subject.stats();
  CHECK(stats.loads == published);
  CHECK(stats.load_failures == failed);
  CHECK(stats.in_flight_count == 0);
}
