// SPDX-License-Identifier: BSL-1.0
#include <catena/cache.hpp>
#include <catena/testing/manual_world.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/tracked.hpp"

#include "support/catch.hpp"

namespace rows {

/// A row of a batch: it keeps the whole batch alive, until it is given memory of its own.
struct row {
  std::shared_ptr<const std::vector<int>> memory;
  std::size_t at = 0;
  [[nodiscard]] int value() const { return (*memory)[at]; }
};
row make_owned(row&& r) { return {std::make_shared<const std::vector<int>>(1, r.value()), 0}; }

}  // namespace rows

namespace {

using namespace std::chrono_literals;
using namespace catena;

const key_space cached_space("model", "1");

/// A cache in virtual time.
template <class T>
struct cache_world {
  explicit cache_world(const cache_options& options = {}, typename cache<T>::size_function size = &detail::bytes_of<T>)
      : subject(world.runtime(), options, std::move(size)) {}
  testing::manual_world world;
  cache<T> subject;
};

/// A time source that counts how often it is read.
class counted_time final : public time_source {
 public:
  [[nodiscard]] time_point now() const noexcept override { return ++reads, time_point(1h); }
  [[nodiscard]] bool is_real() const noexcept override { return false; }
  [[nodiscard]] std::unique_ptr<catena::alarm> make_alarm(const boost::asio::any_io_executor&, std::function<void()>) override {
    return nullptr;
  }
  mutable int reads = 0;
};

std::string message_of(const cache_options& options) {
  try {
    check(options);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

// What is cached cannot be changed through a handle.
static_assert(std::is_same_v<decltype(*std::declval<cached<std::string>&>()), const std::string&>);
static_assert(std::is_same_v<decltype(std::declval<cached<std::string>&>().operator->()), const std::string*>);

TEMPLATE_TEST_CASE_SIG("a cache answers what was put into it, and nothing else", "", ((eviction_policy P), P), eviction_policy::lru,
                       eviction_policy::s3_fifo) {
  cache_world<std::string> w({.eviction = P});
  CHECK(!w.subject.get(cached_space.key(1)).found());
  CHECK(*w.subject.put(cached_space.key(1), "one") == "one");
  const auto known = w.subject.get(cached_space.key(1));
  REQUIRE(known);
  CHECK(*known == "one");
  CHECK(known->size() == 3);
  CHECK(!known.why().is_set());
  CHECK(!w.subject.get(cached_space.key(2)));
}

TEST_CASE("a later answer takes the place of an earlier one, which lives on where it is held") {
  cache_world<std::string> w;
  w.subject.put(cached_space.key(1), "old");
  const auto held = w.subject.get(cached_space.key(1));
  w.subject.put(cached_space.key(1), "new");
  CHECK(*held == "old");
  CHECK(*w.subject.get(cached_space.key(1)) == "new");
  CHECK(w.subject.stats().count == 1);
}

TEST_CASE("values are moved in, handed out without a copy, and destroyed with their last holder") {
  test::ledger book;
  {
    cached<test::copied> held;
    {
      cache_world<test::copied> w({.capacity_count = 1});
      held = w.subject.put(cached_space.key(1), test::copied(5, book));
      CHECK(w.subject.get(cached_space.key(1))->value == 5);
      w.subject.put(cached_space.key(2), test::copied(6, book));
      CHECK(!w.subject.get(cached_space.key(1)));
      CHECK(book.alive == 2);
    }
    CHECK(held->value == 5);
    CHECK(book.alive == 1);
  }
  CHECK(book.alive == 0);
  CHECK(book.copies == 0);
}

TEST_CASE("a cache of values that cannot be copied works") {
  test::ledger book;
  cache_world<test::tracked> w;
  w.subject.put(cached_space.key(1), test::tracked(5, book));
  CHECK(w.subject.get(cached_space.key(1))->value == 5);
}

TEST_CASE("one cached row does not pin its batch") {
  cache_world<rows::row> w;
  std::weak_ptr<const std::vector<int>> batch;
  {
    auto memory = std::make_shared<const std::vector<int>>(1000, 7);
    batch = memory;
    w.subject.put(cached_space.key(1), rows::row{memory, 500});
  }
  CHECK(batch.expired());
  CHECK(w.subject.get(cached_space.key(1))->value() == 7);
}

TEST_CASE("a cache never holds more entries than its budget, over all shards together") {
  for (const auto policy : {eviction_policy::lru, eviction_policy::s3_fifo})
    for (const std::size_t capacity : {1, 63, 64, 1000, 1030}) {
      cache_world<int> w({.capacity_count = capacity, .eviction = policy});
      for (int i = 0; i < 5000; ++i) {
        w.subject.put(cached_space.key(i), i);
        REQUIRE(w.subject.stats().count <= capacity);
      }
      CHECK(w.subject.stats().count == capacity);
      CHECK(w.subject.stats().evictions == 5000 - capacity);
    }
}

TEST_CASE("a cache never holds more bytes than its budget, as the user's function counts them") {
  cache_world<std::string> w({.capacity_bytes = 10'000, .shard_count = 4}, [](const std::string& s) { return s.size() * 10; });
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    w.subject.put(cached_space.key(i), std::string(random() % 100, 'x'));
    REQUIRE(w.subject.stats().bytes <= 10'000);
  }
  CHECK(w.subject.stats().bytes > 8000);
  CHECK(w.subject.stats().refused == 0);
  const auto large = w.subject.put(cached_space.key("large"), std::string(251, 'x'));
  CHECK(large->size() == 251);
  CHECK(!w.subject.get(cached_space.key("large")));
  CHECK(w.subject.stats().refused == 1);
}

TEST_CASE("zero bytes is no limit") {
  cache_world<std::string> w({.capacity_bytes = 0});
  w.subject.put(cached_space.key(1), std::string(100 << 20, 'x'));
  CHECK(w.subject.get(cached_space.key(1)));
}

TEST_CASE("by default a value weighs itself and its elements") {
  CHECK(detail::bytes_of(7.0) == sizeof(double));
  const std::vector<int> elements(100);
  CHECK(detail::bytes_of(elements) == sizeof(elements) + elements.capacity() * sizeof(int));
}

TEST_CASE("a value expires when its time to live has passed, early by its jitter at most") {
  cache_world<int> w({.ttl = 100s, .ttl_jitter = 0.2});
  for (int i = 0; i < 1000; ++i) w.subject.put(cached_space.key(i), i);
  w.world.advance(80s - 1ns);
  int left = 0;
  for (int i = 0; i < 1000; ++i) left += bool(w.subject.get(cached_space.key(i)));
  CHECK(left == 1000);
  w.world.advance(10s);
  left = 0;
  for (int i = 0; i < 1000; ++i) left += bool(w.subject.get(cached_space.key(i)));
  CHECK(left > 400);
  CHECK(left < 600);
  w.world.advance(10s + 1ns);
  left = 0;
  for (int i = 0; i < 1000; ++i) left += bool(w.subject.get(cached_space.key(i)));
  CHECK(left == 0);
  CHECK(w.subject.stats().expired == 1000);
  CHECK(w.subject.stats().count == 0);
}

TEST_CASE("a cache in which nothing expires reads no clock") {
  testing::manual_world world;
  const auto time = std::make_shared<counted_time>();
  const runtime rt(world.get_executor(), {.time = time});
  const cache<int> lasting(rt);
  lasting.put(cached_space.key(1), 1);
  (void)lasting.get(cached_space.key(1));
  CHECK(time->reads == 0);
  const cache<int> fading(rt, {.ttl = 1s});
  fading.put(cached_space.key(1), 1);
  (void)fading.get(cached_space.key(1));
  CHECK(time->reads == 2);
}

TEST_CASE("erasing forgets one answer") {
  cache_world<int> w;
  w.subject.put(cached_space.key(1), 1);
  w.subject.put(cached_space.key(2), 2);
  CHECK(w.subject.erase(cached_space.key(1)));
  CHECK(!w.subject.erase(cached_space.key(1)));
  CHECK(!w.subject.get(cached_space.key(1)));
  CHECK(w.subject.get(cached_space.key(2)));
}

TEST_CASE("the counters say what happened") {
  cache_world<int> w({.capacity_count = 2});
  (void)w.subject.get(cached_space.key(1));
  w.subject.put(cached_space.key(1), 1);
  (void)w.subject.get(cached_space.key(1));
  (void)w.subject.get(cached_space.key(1));
  w.subject.put(cached_space.key(2), 2);
  w.subject.put(cached_space.key(3), 3);
  const cache_stats stats = w.subject.stats();
  CHECK(stats.hits == 2);
  CHECK(stats.misses == 1);
  CHECK(stats.evictions == 1);
  CHECK(stats.count == 2);
  CHECK(stats.bytes == 2 * sizeof(int));
  CHECK(stats.negative_hits + stats.waits + stats.loads + stats.load_failures + stats.expired + stats.refused == 0);
}

TEST_CASE("two tenants never see each other's entries") {
  cache_world<std::string> w;
  w.subject.put(cached_space.key_for("anna", "question"), "for anna");
  CHECK(!w.subject.get(cached_space.key_for("bert", "question")));
  CHECK(!w.subject.get(cached_space.key("question")));
  w.subject.put(cached_space.key_for("bert", "question"), "for bert");
  CHECK(*w.subject.get(cached_space.key_for("anna", "question")) == "for anna");
}

TEST_CASE("a value's destructor may use the cache that it leaves") {
  struct nosy {
    std::shared_ptr<std::function<void()>> last_words;
  };
  cache_world<nosy> w({.capacity_count = 1});
  int calls = 0;
  const auto words = [&] {
    return std::shared_ptr<std::function<void()>>(new std::function<void()>, [&](auto* f) {
      delete f;
      (void)w.subject.get(cached_space.key(1));
      ++calls;
    });
  };
  w.subject.put(cached_space.key(1), nosy{words()});
  w.subject.put(cached_space.key(2), nosy{words()});
  CHECK(calls == 1);
  w.subject.erase(cached_space.key(2));
  CHECK(calls == 2);
}

TEST_CASE("handles on one cache share it, and it outlives runtime and executor") {
  auto world = std::make_unique<testing::manual_world>();
  const cache<int> one(world->runtime(), {.ttl = 1h});
  const cache<int> other = one;
  world.reset();
  one.put(cached_space.key(1), 1);
  CHECK(*other.get(cached_space.key(1)) == 1);
}

TEST_CASE("an option out of range is refused by its name") {
  CHECK(message_of({}) == "accepted");
  CHECK(message_of({.capacity_count = 0}) == "cache_options::capacity_count must be 1 to 2^31, is 0");
  CHECK(message_of({.ttl = -1s}) == "cache_options::ttl must be zero or more");
  CHECK(message_of({.ttl_jitter = 1.5}) == "cache_options::ttl_jitter must be 0 to 1");
  CHECK(message_of({.ttl_jitter = std::numeric_limits<double>::quiet_NaN()}) == "cache_options::ttl_jitter must be 0 to 1");
  CHECK(message_of({.negative_ttl = -1s}) == "cache_options::negative_ttl must be zero or more");
  CHECK(message_of({.shard_count = 12}) == "cache_options::shard_count must be a power of two, 1 to 1024, is 12");
  CHECK(message_of({.shard_count = 0}) == "cache_options::shard_count must be a power of two, 1 to 1024, is 0");
}

TEST_CASE("threads may get, put, erase and look at the counters of one cache at once", "[concurrency]") {
  for (const auto policy : {eviction_policy::lru, eviction_policy::s3_fifo}) {
    cache_world<std::string> w({.capacity_count = 200, .ttl = 1h, .eviction = policy, .shard_count = 2});
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        std::mt19937 random(t);
        for (int i = 0; i < 5000; ++i) {
          const auto n = random() % 400;
          const cache_key key = cached_space.key(n);
          const std::string value = std::to_string(n);
          switch (random() % 8) {
            case 0: (void)w.subject.erase(key); break;
            case 1:
              if (w.subject.stats().count > 200) ++wrong;
              break;
            case 2:
            case 3: w.subject.put(key, value); break;
            default:
              if (const auto known = w.subject.get(key); known && *known != value) ++wrong;
          }
        }
      });
    for (auto& t : threads) t.join();
    CHECK(wrong == 0);
  }
}

TEST_CASE("a checked cache does not hand out what has changed since it was stored") {
  cache_world<std::shared_ptr<std::string>> world({.name = "answers", .checked = true});
  const cache_key first = cached_space.key(1), second = cached_space.key(2);
  const auto shared = std::make_shared<std::string>("as stored");
  world.subject.put(first, shared);
  world.subject.put(second, std::make_shared<std::string>("another"));
  CHECK(world.subject.get(first));
  *shared += ", and changed";
  const auto read = world.subject.get(first);
  CHECK(read.found());
  CHECK_FALSE(read);
  CHECK(read.why().is(errc::corrupt_value));
  CHECK_FALSE(world.subject.get(first).found());  // it has been forgotten
  CHECK(world.subject.get(second));
  CHECK(world.subject.stats().corrupt == 1);
  CHECK(world.subject.stats().count == 1);
}

TEST_CASE("a cache that is not checked, and remembered failures in one that is, are read as they are") {
  cache_world<std::shared_ptr<std::string>> plain;
  const auto shared = std::make_shared<std::string>("a");
  plain.subject.put(cached_space.key(1), shared);
  *shared = "b";
  CHECK(**plain.subject.get(cached_space.key(1)) == "b");
  CHECK(plain.subject.stats().corrupt == 0);

  cache_world<int> checked({.negative_ttl = 1h, .checked = true});
  flight<int> f(cached_space.key(1), [](detail::cache_flight&) {});
  REQUIRE(checked.subject.begin(f) == cache<int>::turn::leads);
  checked.subject.fail(f, failure(errc::model_failed), failure_memory::remember);
  CHECK(checked.subject.get(cached_space.key(1)).why().is(errc::model_failed));
}

namespace {
struct not_to_be_hashed {
  int i = 0;
};
}  // namespace

TEST_CASE("a cache that is to be checked says which type it cannot hash") {
  testing::manual_world world;
  CHECK_NOTHROW(cache<not_to_be_hashed>(world.runtime()));
  CHECK_THROWS_WITH(cache<not_to_be_hashed>(world.runtime(), {.checked = true}),
                    Catch::Matchers::ContainsSubstring("not_to_be_hashed") && Catch::Matchers::ContainsSubstring("hash_append"));
  static_assert(!hashable<not_to_be_hashed> && !hashable<std::vector<not_to_be_hashed>> && !hashable<std::pair<int, not_to_be_hashed>>);
  static_assert(hashable<std::vector<std::pair<std::string, std::optional<double>>>> && hashable<std::shared_ptr<const std::string>>);
  static_assert(!hashable<std::shared_ptr<float[]>> && !hashable<std::shared_ptr<void>> && !hashable<std::unique_ptr<int[]>>);
  CHECK_NOTHROW(cache<std::shared_ptr<const float[]>>(world.runtime()).put(cached_space.key(1), nullptr));
  static_assert(hashable<std::variant<int, std::string>> && !hashable<std::variant<int, not_to_be_hashed>>);
}
