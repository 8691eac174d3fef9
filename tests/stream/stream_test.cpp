// SPDX-License-Identifier: BSL-1.0
#include <catena/stream/stream.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct stream_world {
  explicit stream_world(const stream_options& options = {}, duration until = {})
      : ends(make_stream<std::string>(rt, options, until == duration{} ? no_deadline : world.now() + until)) {}

  test::outcome<void>& write(const std::string& item) {
    auto& end = written.emplace_back();
    ends.writer->async_write(item, end.take());
    return end;
  }
  test::outcome<std::optional<std::string>>& next() {
    auto& end = read.emplace_back();
    ends.reader->async_next(end.take());
    return end;
  }

  struct both {
    explicit both(stream_ends<std::string> made) : writer(std::move(made.writer)), reader(std::move(made.reader)) {}
    std::optional<stream_writer<std::string>> writer;
    std::optional<stream<std::string>> reader;
  };

  testing::manual_world world;
  runtime rt = world.runtime();
  std::deque<test::outcome<void>> written;
  std::deque<test::outcome<std::optional<std::string>>> read;
  both ends;
};

}  // namespace

TEST_CASE("a stream's items come in the order in which they were written, and then its end, again and again") {
  stream_world here;
  here.write("a");
  here.write("b");
  here.world.run_until_idle();
  here.ends.writer.reset();
  for (const char* expected : {"a", "b"}) {
    auto& end = here.next();
    CHECK(end.count() == 0);  // never inside the initiating function
    here.world.run_until_idle();
    CHECK(end.value() == std::optional<std::string>(expected));
  }
  for (int i = 0; i < 2; ++i) {
    auto& end = here.next();
    here.world.run_until_idle();
    CHECK(end.value() == std::nullopt);
  }
}

TEST_CASE("who reads waits for an item, and who writes for room") {
  stream_world here({.capacity = 2});
  auto& first = here.next();
  here.world.run_until_idle();
  CHECK(first.count() == 0);
  for (const char* item : {"a", "b", "c", "d"}) here.write(item), here.world.run_until_idle();
  CHECK(first.value() == std::optional<std::string>("a"));
  CHECK(here.written[2].answered());
  CHECK(here.written[3].count() == 0);
  auto& second = here.next();
  here.world.run_until_idle();
  CHECK(second.value() == std::optional<std::string>("b"));
  CHECK(here.written[3].answered());
}

TEST_CASE("items that were written before a stream failed come before its failure") {
  stream_world here;
  here.write("a");
  here.ends.writer->fail(failure(errc::unavailable, "the line is dead"));
  here.ends.writer->fail(errc::cancelled);  // only the first counts
  auto& item = here.next();
  here.world.run_until_idle();
  auto& end = here.next();
  auto& late = here.write("b");
  here.world.run_until_idle();
  CHECK(item.answered());
  CHECK(end.why().is(errc::unavailable));
  CHECK(end.why().message() == "the line is dead");
  CHECK(late.why().is(errc::unavailable));
}

TEST_CASE("a writer is told when nobody reads any more") {
  stream_world here({.capacity = 1});
  here.write("a");
  auto& waits = here.write("b");
  here.world.run_until_idle();
  CHECK(here.ends.writer->is_wanted());
  here.ends.reader.reset();
  auto& late = here.write("c");
  here.world.run_until_idle();
  CHECK(!here.ends.writer->is_wanted());
  CHECK(waits.why().is(errc::cancelled));
  CHECK(late.why().is(errc::cancelled));
}

TEST_CASE("a stream whose reader takes nothing for too long fails, and what is there can still be read") {
  stream_world here({.capacity = 1, .idle_timeout = 30s});
  here.write("a");
  auto& waits = here.write("b");
  here.world.advance(29s);
  here.next();
  here.world.run_until_idle();
  CHECK(waits.answered());
  auto& again = here.write("c");
  here.world.advance(29s);
  CHECK(again.count() == 0);
  here.world.advance(2s);
  CHECK(again.why().is(errc::timed_out));
  auto& rest = here.next();
  here.world.run_until_idle();
  auto& end = here.next();
  here.world.run_until_idle();
  CHECK(rest.value() == std::optional<std::string>("b"));
  CHECK(end.why().is(errc::timed_out));
}

TEST_CASE("a stream without an idle timeout waits for its reader as long as it takes") {
  stream_world here({.capacity = 1, .idle_timeout = 0s});
  here.write("a");
  auto& waits = here.write("b");
  here.world.advance(24h);
  CHECK(waits.count() == 0);
  here.next();
  here.world.run_until_idle();
  CHECK(waits.answered());
}

TEST_CASE("a stream fails at its deadline, whoever waits at it") {
  stream_world here({}, 5s);
  auto& waits = here.next();
  here.world.advance(4s);
  CHECK(waits.count() == 0);
  here.world.advance(1s);
  CHECK(waits.why().is(errc::deadline_exceeded));
  CHECK(!here.ends.writer->is_wanted());
}

TEST_CASE("a cancelled read loses no item, and a cancelled write leaves none") {
  stream_world here({.capacity = 1});
  asio::cancellation_signal stop;
  test::outcome<std::optional<std::string>> cancelled;
  here.ends.reader->async_next(asio::bind_cancellation_slot(stop.slot(), cancelled.take()));
  here.world.run_until_idle();
  stop.emit(asio::cancellation_type::total);
  here.write("a");
  here.world.run_until_idle();
  CHECK(cancelled.why().is(errc::cancelled));

  test::outcome<void> given_up;
  here.ends.writer->async_write("b", asio::bind_cancellation_slot(stop.slot(), given_up.take()));
  here.world.run_until_idle();
  stop.emit(asio::cancellation_type::total);
  here.world.run_until_idle();
  CHECK(given_up.why().is(errc::cancelled));
  here.ends.writer.reset();
  auto& item = here.next();
  here.world.run_until_idle();
  auto& end = here.next();
  here.world.run_until_idle();
  CHECK(item.value() == std::optional<std::string>("a"));
  CHECK(end.value() == std::nullopt);
}

TEST_CASE("a second reader or writer at once is refused, and disturbs no other") {
  stream_world here({.capacity = 1});
  auto& reads = here.next();
  auto& too_many = here.next();
  here.world.run_until_idle();
  CHECK(too_many.why().is(errc::invalid_input));
  here.write("a"), here.write("b"), here.write("c");
  auto& fourth = here.write("d");
  here.world.run_until_idle();
  CHECK(reads.value() == std::optional<std::string>("a"));
  CHECK(fourth.why().is(errc::invalid_input));
}

TEST_CASE("the reader sees where a stream has begun anew") {
  stream_world here;
  here.write("a");
  here.world.run_until_idle();
  here.ends.writer->restart();
  here.write("b");
  here.world.run_until_idle();
  here.next();
  here.world.run_until_idle();
  CHECK(here.ends.reader->restarts() == 0);
  here.next();
  here.world.run_until_idle();
  CHECK(here.ends.reader->restarts() == 1);
}

TEST_CASE("options of a stream that are out of range are refused by name") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  CHECK_THROWS_WITH(make_stream<int>(rt, {.capacity = 0}), Catch::Matchers::ContainsSubstring("stream_options::capacity must be 1 to 1000000, is 0"));
  CHECK_THROWS_WITH(make_stream<int>(rt, {.idle_timeout = -1s}), Catch::Matchers::ContainsSubstring("stream_options::idle_timeout"));
}

TEST_CASE("who waits at a stream when the executor dies is freed uncalled, and the stream fails") {
  std::optional<stream<std::string>> reader;
  test::outcome<std::optional<std::string>> waits;
  test::outcome<void> full;
  {
    stream_world here({.capacity = 1});
    here.ends.reader->async_next(waits.take());
    auto other = make_stream<std::string>(here.rt, {.capacity = 1});
    other.writer.async_write("a", [](const result<void>&) {});
    other.writer.async_write("b", full.take());
    here.world.run_until_idle();
    reader = std::move(other.reader);
  }
  CHECK(waits.count() == 0);
  CHECK(full.count() == 0);
  reader.reset();
}

TEST_CASE("a stream between two threads brings every item once, in order", "[concurrency]") {
  constexpr int count = 20'000;
  asio::thread_pool writers(1), readers(1);
  const runtime rt(writers.get_executor());
  auto ends = make_stream<int>(rt, {.capacity = 4});
  asio::co_spawn(
      writers,
      [](stream_writer<int> out) -> asio::awaitable<void> {
        for (int i = 0; i < count; ++i) co_await out.write(i);
      }(std::move(ends.writer)),
      asio::detached);
  auto sum = asio::co_spawn(
      readers,
      [](stream<int> in) -> asio::awaitable<int> {
        int expected = 0;
        while (const auto item = co_await in.next())
          if (*item == expected) ++expected;
        co_return expected;
      }(std::move(ends.reader)),
      asio::use_future);
  CHECK(sum.get() == count);
  writers.join();
  readers.join();
}
