// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/admission_line.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using detail::admission_group;
using detail::admission_line;
using detail::admission_request;

constexpr time_point hall_opens{1h};

/// What became of a request.
struct hall_event {
  int id;
  duration at;
  bool admitted;
  errc code;
  duration retry_after;
  friend bool operator==(const hall_event&, const hall_event&) = default;
  friend std::ostream& operator<<(std::ostream& out, const hall_event& e) {
    return out << "#" << e.id << (e.admitted ? " in" : " out") << " at " << e.at.count() << " code " << static_cast<int>(e.code)
               << " retry " << e.retry_after.count();
  }
};

/// A line with its buckets and groups, in a time that only the test moves.
struct hall {
  struct visitor : admission_request {
    int id = 0;
  };

  detail::admission_bucket& add_bucket(const token_bucket_options& options) {
    buckets.push_back(std::make_unique<detail::admission_bucket>("bucket", options, now));
    line.add(*buckets.back());
    return *buckets.back();
  }
  admission_group& add_group(std::vector<detail::bucket_use> uses, std::size_t capacity = 1000) {
    groups.push_back(std::make_unique<admission_group>());
    admission_group& group = *groups.back();
    group.uses = std::move(uses);
    group.line_capacity = capacity;
    group.most_cost = token_bucket::most_tokens;
    for (const auto& use : group.uses)
      if (use.by == charge::cost) group.most_cost = std::min(group.most_cost, use.bucket->tokens.capacity());
    line.add(group);
    return group;
  }

  /// Returns the visitor's id.
  int arrive(admission_group& group, std::int64_t cost, priority p = priority::normal, time_point deadline = no_deadline) {
    auto v = std::make_unique<visitor>();
    v->id = static_cast<int>(visitors.size());
    v->group = &group;
    v->cost = cost;
    v->priority = p;
    v->deadline = deadline;
    visitors.push_back(std::move(v));
    line.enter(*visitors.back(), now);
    collect();
    return visitors.back()->id;
  }
  bool leave(int id) {
    const bool left = line.leave(*visitors[static_cast<std::size_t>(id)], now);
    collect();
    return left;
  }
  void settle(admission_group& group, std::int64_t estimate, std::int64_t cost) {
    group.settle(estimate, cost, now);
    line.tokens_changed(group, now);
    collect();
  }
  void set_rate(detail::admission_bucket& bucket, rate refill) {
    bucket.tokens.set_rate(refill, now);
    line.rate_changed(bucket, now);
    collect();
  }
  void advance(duration by) {
    const time_point until = now + by;
    while (line.next_moment() <= until) {
      now = std::max(now, line.next_moment());
      line.advance(now);
      collect();
    }
    now = until;
  }
  void collect() {
    for (admission_request* r = line.take_decided(); r; r = r->next_decided) {
      REQUIRE(!r->in_a_line);
      const refusal why = r->admitted ? refusal{.code = errc{}} : r->why;
      events.push_back({static_cast<visitor*>(r)->id, now - hall_opens, r->admitted, why.code, why.retry_after});
    }
  }
  [[nodiscard]] const hall_event* of(int id) const {
    const auto found = std::find_if(events.begin(), events.end(), [&](const hall_event& e) { return e.id == id; });
    return found == events.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool admitted_at(int id, duration at) const {
    const hall_event* e = of(id);
    return e && e->admitted && e->at == at;
  }
  [[nodiscard]] bool refused_at(int id, duration at, errc code, duration retry_after) const {
    const hall_event* e = of(id);
    return e && !e->admitted && e->at == at && e->code == code && e->retry_after == retry_after;
  }

  time_point now = hall_opens;
  admission_line line;
  std::vector<std::unique_ptr<detail::admission_bucket>> buckets;
  std::vector<std::unique_ptr<admission_group>> groups;
  std::vector<std::unique_ptr<visitor>> visitors;
  std::vector<hall_event> events;
};

/// One bucket and its line, written as simply as possible: a list that is searched at every step.
struct plain_line {
  struct waiter {
    int id;
    std::int64_t cost;
    priority p;
    duration deadline;
  };
  std::int64_t capacity, interval, content;  // in ticks, as in the bucket's own model
  std::size_t places;
  duration now{};
  std::vector<waiter> waiting;
  std::vector<hall_event> events;

  [[nodiscard]] duration wait_for(std::int64_t cost) const { return duration(std::max<std::int64_t>(0, (cost * interval - content + 7) / 8)); }
  void fill(duration until) {
    content = std::min(capacity * interval, content + 8 * (until - now).count());
    now = until;
  }
  [[nodiscard]] auto first() {
    return std::max_element(waiting.begin(), waiting.end(), [](const waiter& a, const waiter& b) { return a.p < b.p; });
  }
  void refuse(std::vector<waiter>::iterator w, errc code, duration retry_after) {
    events.push_back({w->id, now, false, code, retry_after});
    waiting.erase(w);
  }
  /// Whatever can be decided about the first of the line without time passing.
  void look() {
    while (!waiting.empty()) {
      const auto w = first();
      const duration wait = wait_for(w->cost);
      if (now >= w->deadline) refuse(w, errc::deadline_exceeded, {});
      else if (wait == duration{}) {
        content -= w->cost * interval;
        events.push_back({w->id, now, true, errc{}, {}});
        waiting.erase(w);
      } else if (now + wait >= w->deadline) refuse(w, errc::not_admitted, wait);
      else return;
    }
  }
  void arrive(int id, std::int64_t cost, priority p, duration deadline) {
    look();
    std::int64_t ahead = 0;
    for (const waiter& w : waiting)
      if (w.p >= p) ahead += w.cost;
    const bool is_first = std::none_of(waiting.begin(), waiting.end(), [&](const waiter& w) { return w.p >= p; });
    const duration wait = wait_for(ahead + cost);
    waiting.push_back({id, cost, p, deadline});
    const auto self = waiting.end() - 1;
    if (cost > capacity) refuse(self, errc::invalid_input, {});
    else if (deadline <= now) refuse(self, errc::deadline_exceeded, {});
    else if (is_first && wait == duration{}) look();
    else if (now + wait >= deadline || places == 0) refuse(self, errc::not_admitted, wait);
    else if (waiting.size() > places) refuse(self, errc::queue_full, wait);
  }
  void leave(int id) {
    std::erase_if(waiting, [&](const waiter& w) { return w.id == id; });
    look();
  }
  void settle(std::int64_t estimate, std::int64_t cost) {
    content = std::min(capacity * interval, content + (estimate - cost) * interval);
    look();
  }
  void set_interval(std::int64_t to) {
    const std::int64_t missing = capacity * interval - content;
    const std::int64_t rest = missing % interval * to;
    content = capacity * to - missing / interval * to - rest / interval - (rest % interval != 0);
    interval = to;
    look();
    std::int64_t ahead = 0;
    for (const priority p : {priority::critical, priority::high, priority::normal, priority::low}) {
      const std::vector<waiter> before = waiting;
      for (const waiter& w : before) {
        if (w.p != p) continue;
        const duration wait = wait_for(ahead + w.cost);
        if (now + wait < w.deadline) ahead += w.cost;
        else refuse(std::find_if(waiting.begin(), waiting.end(), [&](const waiter& x) { return x.id == w.id; }), errc::not_admitted, wait);
      }
    }
    look();
  }
  void advance(duration by) {
    const duration until = now + by;
    for (duration next = now; next < until || now < until;) {
      next = until;
      if (!waiting.empty()) next = std::min(next, now + wait_for(first()->cost));
      for (const waiter& w : waiting) next = std::min(next, w.deadline);
      fill(next);
      for (std::size_t i = waiting.size(); i-- > 0;)
        if (waiting[i].deadline <= now) refuse(waiting.begin() + static_cast<std::ptrdiff_t>(i), errc::deadline_exceeded, {});
      look();
    }
  }
};

[[nodiscard]] std::map<int, hall_event> by_id(const std::vector<hall_event>& events) {
  std::map<int, hall_event> sorted;
  for (const hall_event& e : events) sorted.emplace(e.id, e);
  return sorted;
}

constexpr std::array hall_priorities{priority::low, priority::normal, priority::high, priority::critical};

}  // namespace

TEST_CASE("requests wait for their tokens in the order in which they came") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& group = h.add_group({{&bucket}});
  CHECK(h.arrive(group, 5) == 0);
  CHECK(h.admitted_at(0, 0ms));
  h.arrive(group, 3);
  h.arrive(group, 1);
  h.advance(10s);
  CHECK(h.admitted_at(1, 300ms));
  CHECK(h.admitted_at(2, 400ms));
}

TEST_CASE("a cheaper request does not overtake one that waits, not even with tokens enough for it") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& group = h.add_group({{&bucket}});
  h.arrive(group, 4);
  h.arrive(group, 5);
  CHECK(bucket.tokens.level(h.now) == 1);
  h.arrive(group, 1);
  CHECK(h.of(2) == nullptr);
  h.advance(1s);
  CHECK(h.admitted_at(1, 400ms));
  CHECK(h.admitted_at(2, 500ms));
}

TEST_CASE("a higher priority overtakes those that wait, and takes tokens that are there at once") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& group = h.add_group({{&bucket}});
  h.arrive(group, 4);
  h.arrive(group, 5, priority::low);
  h.arrive(group, 1, priority::high);
  CHECK(h.admitted_at(2, 0ms));
  h.arrive(group, 2, priority::high);
  h.arrive(group, 2, priority::normal);
  h.advance(2s);
  CHECK(h.admitted_at(3, 200ms));
  CHECK(h.admitted_at(4, 400ms));
  CHECK(h.admitted_at(1, 900ms));
}

TEST_CASE("a request that cannot make its deadline behind those that wait is refused at once and told when it could") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& group = h.add_group({{&bucket}});
  h.arrive(group, 5);
  h.arrive(group, 4);
  h.arrive(group, 2, priority::normal, h.now + 600ms);
  CHECK(h.refused_at(2, 0ms, errc::not_admitted, 600ms));
  h.arrive(group, 2, priority::normal, h.now + 600ms + 1ns);
  CHECK(h.of(3) == nullptr);
  h.advance(1s);
  CHECK(h.admitted_at(3, 600ms));
}

TEST_CASE("a full line refuses one more and says when it could be admitted") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& group = h.add_group({{&bucket}}, 2);
  h.arrive(group, 5);
  h.arrive(group, 1);
  h.arrive(group, 1);
  h.arrive(group, 1);
  CHECK(h.refused_at(3, 0ms, errc::queue_full, 300ms));
  h.advance(100ms);
  h.arrive(group, 1);
  CHECK(h.of(4) == nullptr);
}

TEST_CASE("who was overtaken leaves the moment its deadline passes") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& group = h.add_group({{&bucket}});
  h.arrive(group, 5);
  h.arrive(group, 1, priority::low, h.now + 200ms);
  h.arrive(group, 5, priority::high);
  h.advance(1s);
  CHECK(h.refused_at(1, 200ms, errc::deadline_exceeded, 0ms));
  CHECK(h.admitted_at(2, 500ms));
}

TEST_CASE("those behind one that leaves go earlier") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& group = h.add_group({{&bucket}});
  h.arrive(group, 5);
  h.arrive(group, 5);
  h.arrive(group, 1);
  h.advance(300ms);
  CHECK(h.leave(1));
  CHECK(!h.leave(1));
  CHECK(h.admitted_at(2, 300ms));
  CHECK(bucket.tokens.level(h.now) == 2);
}

TEST_CASE("a request that costs more than a bucket holds is refused for good") {
  hall h;
  auto& large = h.add_bucket({.refill = {.tokens = 10}, .capacity = 50});
  auto& small = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& group = h.add_group({{&large}, {&small}});
  h.arrive(group, 6);
  CHECK(h.refused_at(0, 0ms, errc::invalid_input, 0ms));
  h.arrive(group, -1);
  CHECK(h.refused_at(1, 0ms, errc::invalid_input, 0ms));
  auto& counted = h.add_group({{&large}, {&small, charge::request}});
  h.arrive(counted, 6);
  CHECK(h.admitted_at(2, 0ms));
  CHECK(small.tokens.level(h.now) == 4);
}

TEST_CASE("of several buckets none keeps tokens of a request that another one refuses") {
  hall h;
  auto& plenty = h.add_bucket({.refill = {.tokens = 10}, .capacity = 50});
  auto& scarce = h.add_bucket({.refill = {.tokens = 1}, .capacity = 5});
  auto& group = h.add_group({{&plenty}, {&scarce}});
  h.arrive(group, 5);
  CHECK(group.try_take(2, h.now) == h.now + 2s);
  CHECK(plenty.tokens.level(h.now) == 45);
  h.arrive(group, 2);
  CHECK(plenty.tokens.level(h.now) == 45);
  h.advance(2s);
  CHECK(h.admitted_at(1, 2s));
  CHECK(plenty.tokens.level(h.now) == 48);
}

TEST_CASE("a request waits for the latest of its buckets' moments") {
  hall h;
  auto& a = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& b = h.add_bucket({.refill = {.tokens = 2}, .capacity = 5});
  auto& c = h.add_bucket({.refill = {.tokens = 5}, .capacity = 5});
  auto& group = h.add_group({{&a}, {&b}, {&c}});
  h.arrive(group, 5);
  CHECK(group.try_take(2, h.now) == h.now + 1s);
  h.arrive(group, 2);
  h.advance(2s);
  CHECK(h.admitted_at(1, 1s));
}

TEST_CASE("who waits for one bucket does not keep others from the rest") {
  hall h;
  auto& model = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& poor = h.add_bucket({.refill = {.tokens = 1, .per = 1h}, .capacity = 5});
  auto& rich = h.add_bucket({.refill = {.tokens = 100}, .capacity = 50});
  auto& exhausted = h.add_group({{&model}, {&poor}});
  auto& other = h.add_group({{&model}, {&rich}});
  h.arrive(exhausted, 5);
  h.arrive(exhausted, 1);
  h.advance(1s);
  CHECK(h.of(1) == nullptr);
  for (int i = 2; i < 7; ++i) {
    h.arrive(other, 1);
    CHECK(h.admitted_at(i, 1s));
  }
}

TEST_CASE("nobody who comes later through another group takes the tokens that a request waits for") {
  hall h;
  auto& model = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& one = h.add_group({{&model}});
  auto& two = h.add_group({{&model}});
  h.arrive(one, 4);
  h.arrive(one, 5);
  h.arrive(two, 1);
  h.arrive(two, 1);
  h.arrive(one, 1);
  CHECK(h.events.size() == 1);
  h.advance(1s);
  CHECK(h.admitted_at(1, 400ms));
  CHECK(h.admitted_at(2, 500ms));
  CHECK(h.admitted_at(3, 600ms));
  CHECK(h.admitted_at(4, 700ms));
}

TEST_CASE("a higher priority that comes into a line makes its first put back what it holds") {
  hall h;
  auto& a = h.add_bucket({.refill = {.tokens = 10}, .capacity = 5});
  auto& b = h.add_bucket({.refill = {.tokens = 5}, .capacity = 5});
  auto& both = h.add_group({{&a}, {&b}});
  auto& only_b = h.add_group({{&b}});
  h.arrive(both, 5);
  h.arrive(only_b, 5);  // b is short for a second
  h.advance(1s);
  REQUIRE(h.admitted_at(1, 1s));
  h.arrive(both, 5, priority::low);  // waits at b, and takes from a only when b is there
  CHECK(a.tokens.level(h.now) == 5);
  h.arrive(both, 1, priority::high);
  h.advance(2s);
  CHECK(h.admitted_at(3, 1200ms));
  CHECK(h.admitted_at(2, 2200ms));
}

TEST_CASE("what is settled for less is there for those that wait, at once") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 1}, .capacity = 50});
  auto& group = h.add_group({{&bucket}});
  h.arrive(group, 50);
  h.arrive(group, 20);
  h.advance(1s);
  h.settle(group, 50, 31);
  CHECK(h.admitted_at(1, 1s));
  CHECK(bucket.tokens.level(h.now) == 0);
}

TEST_CASE("what is settled for more is a debt that those who wait pay, and refuses who cannot") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 10}, .capacity = 50});
  auto& group = h.add_group({{&bucket}});
  h.arrive(group, 50);
  h.arrive(group, 10, priority::normal, h.now + 1500ms);
  h.arrive(group, 10);
  h.settle(group, 50, 60);
  CHECK(h.refused_at(1, 0ms, errc::not_admitted, 2s));
  h.advance(5s);
  CHECK(h.admitted_at(2, 2s));
}

TEST_CASE("a faster rate admits those that wait earlier, a slower one later, and refuses who cannot make it any more") {
  hall h;
  auto& bucket = h.add_bucket({.refill = {.tokens = 10}, .capacity = 10});
  auto& group = h.add_group({{&bucket}});
  h.arrive(group, 10);
  h.arrive(group, 10);
  h.arrive(group, 10, priority::normal, h.now + 3s);
  h.arrive(group, 5, priority::normal, h.now + 10s);
  h.advance(500ms);
  h.set_rate(bucket, {.tokens = 20});
  h.advance(250ms);
  CHECK(h.admitted_at(1, 750ms));
  h.set_rate(bucket, {.tokens = 2});
  CHECK(h.refused_at(2, 750ms, errc::not_admitted, 5s));
  h.advance(5s);
  CHECK(h.admitted_at(3, 750ms + 2500ms));
}

TEST_CASE("a line agrees with a simple model of itself, whatever comes and goes") {
  for (std::uint64_t seed = 1; seed <= test::times(200U, 30U); ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n)); };
    const std::int64_t capacity = 1 + below(20);
    const std::size_t places = random() % 12;
    // A token every so many nanoseconds, a power of two: then doubles hold every part of a token exactly.
    const auto refill = [](std::int64_t ns) { return rate{.tokens = 1, .per = duration(ns)}; };
    hall h;
    auto& bucket = h.add_bucket({.refill = refill(1024), .capacity = capacity});
    auto& group = h.add_group({{&bucket}}, places);
    plain_line plain{capacity, 8 * 1024, capacity * 8 * 1024, places, {}, {}, {}};
    for (int step = 0; step < 400; ++step) {
      INFO("step " << step);
      switch (below(12)) {
        case 0: {
          const std::int64_t ns = std::int64_t{64} << below(8);
          h.set_rate(bucket, refill(ns));
          plain.set_interval(8 * ns);
          break;
        }
        case 1: {
          const std::int64_t estimate = below(capacity + 1), cost = below(2 * capacity);
          h.settle(group, estimate, cost);
          plain.settle(estimate, cost);
          break;
        }
        case 2:
          if (!plain.waiting.empty()) {
            const int id = plain.waiting[static_cast<std::size_t>(below(static_cast<std::int64_t>(plain.waiting.size())))].id;
            CHECK(h.leave(id));
            plain.leave(id);
          }
          break;
        case 3:
        case 4:
        case 5:
        case 6: {
          const duration by(below(4096));
          h.advance(by);
          plain.advance(by);
          break;
        }
        default: {
          const std::int64_t cost = below(capacity + 2);
          const priority p = hall_priorities[static_cast<std::size_t>(below(4))];
          const duration deadline = below(3) == 0 ? duration::max() : h.now - hall_opens + duration(below(20'000));
          const int id = h.arrive(group, cost, p, deadline == duration::max() ? no_deadline : hall_opens + deadline);
          plain.arrive(id, cost, p, deadline);
        }
      }
      REQUIRE(by_id(h.events) == by_id(plain.events));
      REQUIRE(group.line_size == plain.waiting.size());
    }
  }
}

TEST_CASE("in lines that share buckets everybody is decided once, in order, and the tokens add up") {
  for (std::uint64_t seed = 1; seed <= test::times(200U, 30U); ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n)); };
    hall h;
    constexpr std::int64_t most = 10;
    std::vector<detail::admission_bucket*> buckets;
    for (int i = 0; i < 4; ++i) buckets.push_back(&h.add_bucket({.refill = {.tokens = 1, .per = duration(500 + below(3000))}, .capacity = most + below(20)}));
    std::vector<admission_group*> groups;
    for (int i = 0; i < 5; ++i) {
      std::vector<detail::bucket_use> uses;
      for (auto* bucket : buckets)
        if (below(2) == 0) uses.push_back({bucket, below(3) == 0 ? charge::request : charge::cost});
      if (uses.empty()) uses.push_back({buckets[0]});
      groups.push_back(&h.add_group(uses));
    }
    for (int step = 0; step < 300; ++step) {
      if (below(3) == 0) h.advance(duration(below(3000)));
      else if (below(8) == 0 && !h.visitors.empty()) (void)h.leave(static_cast<int>(below(static_cast<std::int64_t>(h.visitors.size()))));
      else h.arrive(*groups[static_cast<std::size_t>(below(5))], below(most + 1), hall_priorities[static_cast<std::size_t>(below(4))],
                    below(2) == 0 ? no_deadline : h.now + duration(below(100'000)));
    }
    h.advance(1s);
    std::map<int, int> times;
    for (const hall_event& e : h.events) ++times[e.id];
    for (const auto& [id, count] : times) CHECK(count == 1);
    for (auto* group : groups) CHECK(group->line_size == 0);
    for (auto* bucket : buckets) {
      CHECK(bucket->tokens.level(h.now) == bucket->tokens.capacity());
      CHECK(bucket->highest_waiting == 0);
      const duration interval = bucket->tokens.when(bucket->tokens.capacity() + 1, h.now) - h.now;
      std::int64_t sum = 0;
      for (const hall_event& e : h.events) {
        const auto& v = *h.visitors[static_cast<std::size_t>(e.id)];
        for (const auto& use : v.group->uses)
          if (use.bucket == bucket && e.admitted) sum += use.of(v.cost);
        CHECK((sum - bucket->tokens.capacity()) * interval <= e.at);
      }
    }
    // Of one group and one priority, whoever came first goes first.
    std::map<std::pair<const admission_group*, priority>, int> last;
    for (const hall_event& e : h.events) {
      if (!e.admitted) continue;
      const auto& v = *h.visitors[static_cast<std::size_t>(e.id)];
      auto [seen, fresh] = last.try_emplace({v.group, v.priority}, e.id);
      if (!fresh) CHECK(seen->second < e.id);
      seen->second = e.id;
    }
    // Nobody is admitted too late, and nobody is refused without a reason.
    for (const hall_event& e : h.events) {
      const auto& v = *h.visitors[static_cast<std::size_t>(e.id)];
      if (e.admitted) CHECK(hall_opens + e.at < v.deadline);
      else if (e.code == errc::not_admitted) CHECK(hall_opens + e.at + e.retry_after >= v.deadline);
      else CHECK(hall_opens + e.at == v.deadline);
    }
  }
}
