// SPDX-License-Identifier: BSL-1.0
#include <catena/residency/residency_book.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using level = residency_level;

/// A book whose moves are made when the test says so.
struct book_world {
  explicit book_world(residency_options options) : book(std::move(options)) {}

  residency_book book;
  time_point now{1h};
  std::vector<residency_book::activity> does;

  [[nodiscard]] std::uint32_t add(std::size_t bytes) { return add({.hot = {{"cpu", bytes}}}); }
  [[nodiscard]] std::uint32_t add(const residency_book::footprint& f) {
    const auto n = book.add(f, now);
    does.resize(std::max<std::size_t>(does.size(), n + 1));
    return n;
  }
  [[nodiscard]] std::optional<residency_book::move> next() {
    return book.next(now, [&](std::uint32_t n) { return does[n]; });
  }
  /// Makes what there is to be made, each move taking this long; returns how many.
  int settle(duration each = 1ms) {
    int count = 0;
    while (const auto m = next()) {
      now += each;
      book.moved(m->of, now);
      ++count;
    }
    return count;
  }
  void load(std::uint32_t n) {
    book.want(n, now);
    settle();
    REQUIRE(book.level(n) == level::hot);
  }
};

[[nodiscard]] residency_options cpu_of(std::size_t bytes) { return {.budgets = {{"cpu", bytes}}}; }

}  // namespace

TEST_CASE("a model that is wanted is loaded once, and holds its memory from when that begins") {
  book_world w(cpu_of(100));
  const auto a = w.add(60);
  CHECK(!w.next());
  w.book.want(a, w.now);
  const auto m = w.next();
  REQUIRE(m);
  CHECK(m->of == a);
  CHECK(m->to == level::hot);
  CHECK(w.book.held("cpu") == 60);
  w.book.want(a, w.now);
  CHECK(!w.next());
  w.book.moved(a, w.now);
  CHECK(w.book.level(a) == level::hot);
  CHECK(!w.next());
}

TEST_CASE("the model of least value leaves: uses a second, times what it takes to load it, by its bytes") {
  book_world w(cpu_of(300));
  const auto often = w.add(100), seldom = w.add(100), costly = w.add(100), fresh = w.add(100);
  w.load(often);
  w.load(seldom);
  w.book.want(costly, w.now);
  w.settle(1s);
  w.does[often].use_count = 100;
  w.does[seldom].use_count = 10;
  w.does[costly].use_count = 10;
  w.book.want(fresh, w.now);
  const auto m = w.next();
  REQUIRE(m);
  CHECK(m->of == seldom);
  CHECK(m->to == level::cold);
}

TEST_CASE("uses of long ago count for less") {
  book_world w({.budgets = {{"cpu", 200}}, .use_window = 10s});
  const auto once = w.add(100), now_and_then = w.add(100), fresh = w.add(100);
  w.load(once);
  w.load(now_and_then);
  w.does[once].use_count = 1000;
  w.does[now_and_then].use_count = 1;
  CHECK(!w.next());
  w.now += 100s;
  w.does[now_and_then].use_count = 3;
  w.book.want(fresh, w.now);
  CHECK(w.next()->of == once);
}

TEST_CASE("nobody leaves in vain") {
  book_world w(cpu_of(100));
  const auto small = w.add(20), busy = w.add(60), large = w.add(90);
  w.load(small);
  w.load(busy);
  w.does[busy].in_use = true;
  w.book.want(large, w.now);
  CHECK(!w.next());
  CHECK(w.book.look_again() == w.now + 1s);
}

TEST_CASE("a model in use is left alone until the one that waits has lost patience") {
  book_world w({.budgets = {{"cpu", 100}}, .patience = 50ms});
  const auto busy = w.add(100), other = w.add(100);
  w.load(busy);
  w.does[busy].in_use = true;
  w.book.want(other, w.now);
  CHECK(!w.next());
  w.now += 49ms;
  CHECK(!w.next());
  w.now += 1ms;
  const auto m = w.next();
  REQUIRE(m);
  CHECK(m->of == busy);
  CHECK(m->is_urgent);
  w.book.moved(busy, w.now);
  w.book.want(busy, w.now);
  CHECK(w.next()->of == other);
  w.book.moved(other, w.now);
  w.does[other].in_use = true;
  CHECK(!w.next());  // now it is the first one's turn to be patient
}

TEST_CASE("who waits longest is served first, and others that fit elsewhere do not wait for him") {
  book_world w({.budgets = {{"cpu", 100}, {"cuda:0", 50}}});
  const auto busy = w.add(100), second = w.add(10), third = w.add({.hot = {{"cuda:0", 50}}});
  w.load(busy);
  w.does[busy].in_use = true;
  const auto first = w.add(80);
  w.book.want(first, w.now);
  w.now += 1ms;
  w.book.want(second, w.now);
  w.now += 1ms;
  w.book.want(third, w.now);
  CHECK(w.next()->of == third);
  CHECK(!w.next());
  w.does[busy].in_use = false;
  CHECK(w.next()->of == busy);
  CHECK(!w.next());
  w.book.moved(busy, w.now);
  CHECK(w.next()->of == first);
  CHECK(w.next()->of == second);
}

TEST_CASE("what a run will need is loaded meanwhile, in place of what is worth less, and stays while it is needed") {
  book_world w(cpu_of(200));
  const auto used = w.add(100), needed = w.add(100), wanted = w.add(100);
  w.load(used);
  w.does[used].use_count = 5;
  w.does[needed].needed_count = 1;
  CHECK(w.next()->of == needed);
  w.book.moved(needed, w.now);
  SECTION("before it is wanted nobody leaves who is worth more") {
    w.does[wanted].needed_count = 1;
    CHECK(!w.next());
  }
  SECTION("for who is wanted the others leave first, whatever their value") {
    w.book.want(wanted, w.now);
    CHECK(w.next()->of == used);
  }
  SECTION("but it leaves rather than that somebody waits in vain") {
    w.does[used].in_use = true;
    w.book.want(wanted, w.now);
    CHECK(w.next()->of == needed);
  }
  SECTION("and no longer than it is needed") {
    w.does[needed].needed_count = 0;
    w.book.want(wanted, w.now);
    CHECK(w.next()->of == needed);
  }
}

TEST_CASE("a model leaves a device for host memory, where there is room, and its file otherwise") {
  for (const std::size_t host : {150, 50}) {
    CAPTURE(host);
    book_world w({.budgets = {{"cuda:0", 100}, {"cpu", host}}});
    const residency_book::footprint f{.warm = {{"cpu", 100}}, .hot = {{"cuda:0", 100}}};
    if (host < 100) {
      CHECK_THROWS_WITH((void)w.add(f), "it needs 100 bytes of 'cpu', of which models may hold 50");
      continue;
    }
    const auto a = w.add(f), b = w.add(f), c = w.add(f);
    w.load(a);
    w.load(b);
    CHECK(w.book.level(a) == level::warm);
    CHECK(w.book.held("cpu") == 100);
    w.does[b].use_count = 10;
    w.load(c);
    CHECK(w.book.level(b) == level::cold);
    w.load(a);
    CHECK(w.book.held("cpu") <= host);
  }
}

TEST_CASE("a model that cannot be loaded is cold, holds nothing, and may be wanted again") {
  book_world w(cpu_of(100));
  const auto a = w.add(100);
  w.book.want(a, w.now);
  REQUIRE(w.next());
  w.book.failed(a);
  CHECK(w.book.held("cpu") == 0);
  w.does[a].needed_count = 1;
  CHECK(!w.next());  // that it is needed is no reason to try again and again
  w.book.want(a, w.now);
  CHECK(w.next()->of == a);
}

TEST_CASE("a model that is removed gives back what it held, and its number") {
  book_world w(cpu_of(100));
  const auto a = w.add(100);
  w.load(a);
  w.book.remove(a);
  CHECK(w.book.held("cpu") == 0);
  CHECK(w.add(100) == a);
}

TEST_CASE("a model that needs more than there may be is refused") {
  book_world w(cpu_of(100));
  CHECK_THROWS_WITH((void)w.add(101), "it needs 101 bytes of 'cpu', of which models may hold 100");
  CHECK_NOTHROW((void)w.add({.hot = {{"cuda:0", 1'000'000}}}));
}

TEST_CASE("residency_options are checked") {
  CHECK_THROWS_WITH(check(residency_options{.budgets = {{"", 1}}}), "residency_options::budgets must name their memories, as in \"cpu\"");
  CHECK_THROWS_WITH(check(cpu_of(0)), "residency_options::budgets: 'cpu' must have at least 1 byte");
  CHECK_THROWS_WITH(check(residency_options{.budgets = {{"cpu", 1}, {"cpu", 2}}}), "residency_options::budgets: 'cpu' is named twice");
  CHECK_THROWS_WITH(check(residency_options{.patience = -1ns}), "residency_options::patience must be 0 to 1 hour");
  CHECK_THROWS_WITH(check(residency_options{.use_window = 0s}), "residency_options::use_window must be 1 ms to 1 day");
}

TEST_CASE("whatever comes, budgets hold, who is wanted gets his turn, and what is held is what is there") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return random() % n; };
    book_world w({.budgets = {{"cpu", 100}, {"cuda:0", 100}}, .patience = 20ms});
    struct known {
      residency_book::footprint f;
      std::optional<level> going;
      time_point wanted = no_deadline;
      bool live = true;
    };
    std::vector<known> models;
    for (int i = 0; i < 6; ++i) {
      residency_book::footprint f;
      if (below(2)) f = {.warm = {{"cpu", 1 + below(60)}}, .hot = {{"cuda:0", 1 + below(100)}}};
      else f = {.hot = {{"cpu", 1 + below(100)}}};
      (void)w.add(f);
      models.push_back({.f = f, .going = {}});
    }
    for (int step = 0; step < 400; ++step) {
      w.now += std::chrono::milliseconds(below(5));
      const auto n = static_cast<std::uint32_t>(below(models.size()));
      switch (below(5)) {
        case 0:
          w.book.want(n, w.now);
          if (w.book.level(n) != level::hot) models[n].wanted = std::min(models[n].wanted, w.now);
          break;
        case 1: w.does[n].in_use = below(2) && w.book.level(n) == level::hot && !models[n].going; break;
        case 2: w.does[n].use_count += below(10); break;
        default:
          if (!models[n].going) break;
          w.book.moved(n, w.now);
          models[n].going.reset();
          if (w.book.level(n) == level::hot) models[n].wanted = no_deadline;
          else if (below(2)) w.book.want(n, w.now), models[n].wanted = std::min(models[n].wanted, w.now);
      }
      while (const auto m = w.next()) {
        REQUIRE(!models[m->of].going);
        REQUIRE((m->to == level::hot || !w.does[m->of].in_use || m->is_urgent));
        if (m->to < m->from) w.does[m->of].in_use = false;
        models[m->of].going = m->to;
      }
      for (const std::string memory : {"cpu", "cuda:0"}) {
        std::size_t held = 0;
        for (std::uint32_t i = 0; i < models.size(); ++i) {
          const auto at = [&](level l) -> std::size_t {
            const auto& uses = l == level::hot ? models[i].f.hot : models[i].f.warm;
            return l == level::cold || uses.empty() || uses[0].memory != memory ? 0 : uses[0].bytes;
          };
          held += std::max(at(w.book.level(i)), models[i].going ? at(*models[i].going) : 0);
        }
        REQUIRE(w.book.held(memory) == held);
        REQUIRE(held <= 100);
      }
    }
    // In the end everybody who is wanted is served, one after the other.
    std::vector<bool> served(models.size());
    const auto make = [&](std::uint32_t n) {
      w.book.moved(n, w.now);
      if (w.book.level(n) == level::hot) served[n] = true;
    };
    for (std::uint32_t i = 0; i < models.size(); ++i)
      if (models[i].going) make(i);
    for (int round = 0; round < 20; ++round) {
      w.now += 1s;
      while (const auto m = w.next()) make(m->of);
    }
    for (std::uint32_t i = 0; i < models.size(); ++i) CHECK((models[i].wanted == no_deadline || served[i]));
    CHECK(w.book.look_again() == no_deadline);
  }
}
