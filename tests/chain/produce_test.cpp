// SPDX-License-Identifier: BSL-1.0
/// \file
/// Stages that answer a stream.
#include <catena/chain.hpp>
#include <catena/stream.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/faults.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using word_stream = stream<std::string>;

/// What a coroutine does that writes a stream: waits, then writes a word, again and again; then it fails, if `fails`.
struct script {
  std::vector<std::pair<duration, std::string>> words;
  bool fails = false;
};

struct produce_world {
  /// One script after the other for each time that it is begun, the last one again and again.
  [[nodiscard]] auto writer(std::vector<script> scripts) {
    return [this, scripts = std::move(scripts)](stream_writer<std::string>& out, const int& n) -> asio::awaitable<void> {
      const script& s = scripts[std::min(begun++, scripts.size() - 1)];
      const leaving counted{this};
      for (const auto& [wait, word] : s.words) {
        co_await rt.async_wait_until(rt.now() + wait, asio::use_awaitable);
        co_await out.write(word + std::to_string(n));
      }
      if (s.fails) throw std::runtime_error("out of words");
    };
  }
  /// Counts coroutines that are gone, however they went.
  struct leaving {
    produce_world* world;
    ~leaving() { ++world->ended; }
  };

  template <class Stage>
  [[nodiscard]] chain<int, word_stream> one(Stage s) const {
    return make_chain<int>(rt, "c", [&](auto in) { return in >> std::move(s); });
  }
  [[nodiscard]] duration elapsed() const { return world.now() - testing::manual_time::start; }
  /// All that still comes, and `how` it ends.
  [[nodiscard]] std::vector<std::string> rest_of(word_stream& from) {
    std::vector<std::string> all;
    for (;;) {
      test::outcome<std::optional<std::string>> item;
      from.async_next(item.take());
      world.run_until_idle();
      while (item.count() == 0) world.advance(1s);
      how = item.why();
      if (!item.answered() || !item.value()) return all;
      all.push_back(*item.value());
    }
  }

  std::size_t begun = 0;
  std::size_t ended = 0;
  failure how;
  testing::manual_world world;
  runtime rt = world.runtime();
};

using text = std::vector<std::string>;

// [tell]
asio::awaitable<std::string> read_aloud(call, stream<std::string> story) {
  std::string said;
  while (auto word = co_await story.next()) said += *word;   // each as soon as it is there
  co_return said;
}

auto make_tell_chain(const runtime& rt, auto write_words) {   // awaitable<void>(stream_writer<std::string>& out, const int&): co_await out.write(word)
  return make_chain<int>(rt, "tell", [&](auto in) {
    return in >> stage("write", produce<std::string>(write_words, {.capacity = 8})).timeout(2s)   // ends with the first word
              >> stage("read", read_aloud);
  });
}
// [/tell]

}  // namespace

TEST_CASE("a stage that writes a stream answers when the first item is there, and goes on") {
  produce_world here;
  const auto c = here.one(stage("write", produce<std::string>(here.writer({{{{2s, "a"}, {5s, "b"}}}}))));
  test::outcome<word_stream> end;
  c.async_run(1, end.take());
  here.world.advance(1s);
  CHECK(end.count() == 0);
  here.world.advance(1s);
  REQUIRE(end.answered());
  CHECK(here.ended == 0);
  word_stream got = std::move(end.value());
  CHECK(here.rest_of(got) == text{"a1", "b1"});
  CHECK(!here.how.is_set());
  CHECK(here.elapsed() == 7s);
  CHECK(here.ended == 1);
}

TEST_CASE("a stream may end without an item") {
  produce_world here;
  const auto c = here.one(stage("write", produce<std::string>(here.writer({{}}))));
  test::outcome<word_stream> end;
  c.async_run(1, end.take());
  here.world.run_until_idle();
  REQUIRE(end.answered());
  CHECK(here.rest_of(end.value()) == text{});
}

TEST_CASE("a writer that fails before the first item has failed the stage: it is tried again, and others stand in for it") {
  produce_world here;
  const auto c = here.one(stage("write", produce<std::string>(here.writer({{{}, true}, {{{1s, "a"}}}}))).retry({.first_wait = 1s, .jitter = jitter::none}));
  test::outcome<word_stream> end;
  c.async_run(1, end.take());
  here.world.advance(2s);
  REQUIRE(end.answered());
  CHECK(here.rest_of(end.value()) == text{"a1"});

  const auto d = here.one(stage("write", produce<std::string>(here.writer({{{}, true}}))).fallback(produce<std::string>(here.writer({{{{1s, "b"}}}}))));
  here.begun = 0;
  test::outcome<word_stream> other;
  d.async_run(2, other.take());
  here.world.advance(1s);
  REQUIRE(other.answered());
  CHECK(here.rest_of(other.value()) == text{"b2"});
}

TEST_CASE("a writer that fails after the first item has failed the stream, which the reader learns behind its items") {
  produce_world here;
  const auto c = here.one(stage("write", produce<std::string>(here.writer({{{{0s, "a"}, {1s, "b"}}, true}}))).retry());
  test::outcome<word_stream> end;
  c.async_run(1, end.take());
  here.world.run_until_idle();
  REQUIRE(end.answered());
  CHECK(here.rest_of(end.value()) == text{"a1", "b1"});
  CHECK(here.how.is(errc::stage_failed));
  CHECK(here.begun == 1);
}

TEST_CASE("a stream that may begin anew says where it has, and its inputs are there again") {
  produce_world here;
  const auto c = here.one(stage("write", produce<std::string>(here.writer({{{{0s, "a"}, {1s, "b"}}, true}, {{{1s, "A"}, {1s, "B"}}}}))
                                             .restart_with(here.writer({{}, {{{1s, "A"}, {1s, "B"}}}}))));
  test::outcome<word_stream> end;
  c.async_run(1, end.take());
  here.world.run_until_idle();
  REQUIRE(end.answered());
  word_stream got = std::move(end.value());
  std::vector<std::size_t> restarts;
  text all;
  for (;;) {
    test::outcome<std::optional<std::string>> item;
    got.async_next(item.take());
    while (item.count() == 0) here.world.advance(1s);
    if (!item.value()) break;
    all.push_back(*item.value());
    restarts.push_back(got.restarts());
  }
  CHECK(all == text{"a1", "b1", "A1", "B1"});
  CHECK(restarts == std::vector<std::size_t>{0, 0, 1, 1});
}

TEST_CASE("a timeout ends with the first item: a late one is told to stop, a slow stream is not") {
  produce_world here;
  const auto late = here.one(stage("write", produce<std::string>(here.writer({{{{3s, "a"}}}}))).timeout(2s));
  test::outcome<word_stream> end;
  late.async_run(1, end.take());
  here.world.advance(2s);
  CHECK(end.why().is(errc::timed_out));
  CHECK(here.ended == 1);

  const auto slow = here.one(stage("write", produce<std::string>(here.writer({{{{1s, "a"}, {9s, "b"}}}}))).attempt_timeout(2s).timeout(3s));
  test::outcome<word_stream> other;
  slow.async_run(1, other.take());
  here.world.advance(1s);
  REQUIRE(other.answered());
  CHECK(here.rest_of(other.value()) == text{"a1", "b1"});
  CHECK(!here.how.is_set());
}

TEST_CASE("a stream fails at the deadline of the run that it comes from, and its writer is told to stop") {
  produce_world here;
  const auto c = here.one(stage("write", produce<std::string>(here.writer({{{{1s, "a"}, {9s, "b"}}}}))).attempt_timeout(2s));
  test::outcome<word_stream> end;
  c.async_run(1, {.deadline = here.world.now() + 5s}, end.take());
  here.world.advance(1s);
  REQUIRE(end.answered());
  CHECK(here.rest_of(end.value()) == text{"a1"});
  CHECK(here.how.is(errc::deadline_exceeded));
  CHECK(here.elapsed() == 5s);
  CHECK(here.ended == 1);
}

TEST_CASE("who cancels the run before the first item, or lets go of the stream, stops the writer") {
  produce_world here;
  const auto c = here.one(stage("write", produce<std::string>(here.writer({{{{1s, "a"}, {1h, "b"}}}}))));
  asio::cancellation_signal stop;
  test::outcome<word_stream> cancelled;
  c.async_run(1, asio::bind_cancellation_slot(stop.slot(), cancelled.take()));
  here.world.run_until_idle();
  asio::post(here.world.get_executor(), [&] { stop.emit(asio::cancellation_type::terminal); });
  here.world.run_until_idle();
  CHECK(cancelled.why().is(errc::cancelled));
  CHECK(here.ended == 1);

  test::outcome<word_stream> end;
  c.async_run(1, end.take());
  here.world.advance(1s);
  REQUIRE(end.answered());
  end.forget();
  here.world.run_until_idle();
  CHECK(here.ended == 2);
  CHECK(here.elapsed() == 1s);
}

TEST_CASE("the next stage takes a stream item by item, or whole") {
  produce_world here;
  const auto joined = make_tell_chain(here.rt, here.writer({{{{1s, "a"}, {1s, "b"}}}}));
  test::outcome<std::string> end;
  joined.async_run(1, end.take());
  here.world.advance(2s);
  CHECK(end.value() == "a1b1");

  const auto collected = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("write", produce<std::string>(here.writer({{{{1s, "a"}, {1s, "b"}}}}))) >> stage("all", collect<std::string>);
  });
  test::outcome<text> all;
  collected.async_run(1, all.take());
  here.world.advance(2s);
  CHECK(all.value() == text{"a1", "b1"});
}

TEST_CASE("a run that is cancelled while its consumer reads stops the writer, too") {
  produce_world here;
  const auto collected = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("write", produce<std::string>(here.writer({{{{1s, "a"}, {1h, "b"}}}}))) >> stage("all", collect<std::string>);
  });
  asio::cancellation_signal stop;
  test::outcome<text> end;
  collected.async_run(1, asio::bind_cancellation_slot(stop.slot(), end.take()));
  here.world.advance(2s);
  CHECK(end.count() == 0);
  asio::post(here.world.get_executor(), [&] { stop.emit(asio::cancellation_type::terminal); });
  here.world.run_until_idle();
  CHECK(end.why().is(errc::cancelled));
  CHECK(here.ended == 1);
}

TEST_CASE("a stage in a queue gives its place back with the first item") {
  produce_world here;
  const auto c = here.one(stage("write", produce<std::string>(here.writer({{{{1s, "a"}, {1h, "b"}}}}))).queue({.consumers = 1}));
  test::outcome<word_stream> first, second;
  c.async_run(1, first.take());
  c.async_run(2, second.take());
  here.world.advance(1s);
  CHECK(first.answered());
  here.world.advance(1s);
  CHECK(second.answered());
}

TEST_CASE("drain waits for those who still write") {
  produce_world here;
  const auto c = here.one(stage("write", produce<std::string>(here.writer({{{{1s, "a"}, {5s, "b"}}}}))));
  test::outcome<word_stream> end;
  c.async_run(1, end.take());
  here.world.advance(1s);
  test::outcome<void> drained;
  here.rt.async_drain(no_deadline, drained.take());
  here.world.advance(4s);
  CHECK(drained.count() == 0);
  here.world.advance(1s);
  CHECK(drained.answered());
}

TEST_CASE("a chain whose streams have impossible options is not built") {
  produce_world here;
  const auto faults = test::faults_when([&] { return here.one(stage("write", produce<std::string>(here.writer({{}}), {.capacity = 0}))); });
  REQUIRE(faults.size() == 1);
  CHECK(faults[0] == "stage 'write': stream_options::capacity must be 1 to 1000000, is 0");
}

TEST_CASE("a writer that is at work when its executor dies is freed, and who still has the stream may let go of it") {
  auto here = std::make_unique<produce_world>();
  const auto inside = std::make_shared<std::weak_ptr<int>>();
  const auto writes = [rt = here->rt, inside](stream_writer<std::string>& out, const int&) -> asio::awaitable<void> {
    const auto lives_as_long_as_this = std::make_shared<int>();
    *inside = lives_as_long_as_this;
    co_await out.write("a");
    co_await rt.async_wait_until(rt.now() + 1h, asio::use_awaitable);
  };
  std::optional<word_stream> left;
  {
    const auto c = here->one(stage("write", produce<std::string>(writes)));
    test::outcome<word_stream> end;
    c.async_run(1, end.take());
    here->world.run_until_idle();
    REQUIRE(end.answered());
    left.emplace(std::move(end.value()));
  }
  CHECK(!inside->expired());
  here.reset();
  CHECK(inside->expired());
  left.reset();
}

/// Takes its time to be handed on.
struct sluggish {
  sluggish() = default;
  sluggish(sluggish&&) noexcept { std::this_thread::sleep_for(1ms); }
};

TEST_CASE("a stream whose time is over before its writer begins tells him to stop all the same", "[concurrency]") {
  std::atomic<int> begun{0}, told{0};
  asio::thread_pool pool(2);
  const runtime rt{pool.get_executor()};
  const auto wait = [&](stream_writer<int>&, const sluggish&) -> asio::awaitable<void> {
    ++begun;
    try {
      co_await rt.async_wait_until(rt.now() + 1s, asio::use_awaitable);
    } catch (...) {
      ++told;
      throw;
    }
  };
  const auto c = make_chain<sluggish>(rt, "c", [&](auto in) { return in >> stage("write", produce<int>(wait)); });
  for (duration limit = 1ms; limit < 16ms; limit += 1ms)
    CHECK_FALSE(c.async_run(sluggish(), {.deadline = rt.now() + limit}, asio::use_future).get().has_value());
  pool.join();
  CHECK(begun > 0);
  CHECK(told == begun);
}
