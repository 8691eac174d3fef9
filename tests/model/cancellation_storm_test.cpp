// SPDX-License-Identifier: BSL-1.0
/// \file
/// Half of many requests are cancelled, wherever they are: none is lost, none ends twice, nothing leaks.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "support/resident.hpp"
#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// Where a request is. One that waits is forming while an instance is there to take it, and queued while all compute.
enum class storm_place : std::uint8_t { outside, waiting, computing, delivering, ended };
enum class storm_share : std::uint8_t { queued, forming, computing, delivering };

[[nodiscard]] constexpr std::size_t storm_index(storm_share at) noexcept { return static_cast<std::size_t>(at); }

/// What a request carries: lost ones are missed, and doubled ones found.
using cargo = std::shared_ptr<int>;

struct storm_request {
  std::atomic<storm_place> place{storm_place::outside};
  bool is_victim = false;
  storm_share wanted{};                      ///< where it is to be cancelled, if that comes to pass
  std::optional<storm_share> cancelled_at{}; ///< touched by its own executor only
  int ends = 0;
  bool answered = false;
  errc code{};
  asio::cancellation_signal signal;

  void ended(const result<cargo>& r) {
    ++ends;
    place = storm_place::ended;
    answered = r.has_value();
    if (!answered) code = static_cast<errc>(r.error().code().value());
  }
};

struct storm_input {
  storm_request* of = nullptr;
  cargo load;
};
using storm_batch = batch<storm_input, cargo>;
constexpr std::size_t storm_size = 100'000;
constexpr std::int64_t storm_cost = 1'000;  ///< so much more than what comes back meanwhile that it can be told apart
constexpr std::int64_t storm_tokens = 1'000'000'000;
const token_bucket_options storm_bucket{.refill = {.tokens = 10}, .capacity = storm_tokens};

/// What a storm came to.
struct storm_count {
  std::size_t cancelled = 0;
  std::array<std::size_t, 4> shares{};
  std::size_t answered = 0;
  std::size_t wanted_rows = 0;  ///< that somebody waited for when they were answered

  void add(const storm_request& r) {
    cancelled += r.cancelled_at.has_value();
    if (r.cancelled_at) ++shares[storm_index(*r.cancelled_at)];
    answered += r.answered;
  }
};

/// By an answer, or by being cancelled: once.
[[nodiscard]] bool ended_well(const storm_request& r) {
  return r.ends == 1 && (r.answered || (r.code == errc::cancelled && r.cancelled_at));
}
/// Where nothing happens at the same time, only an answer on its way can still arrive.
[[nodiscard]] bool ended_in_order(const storm_request& r) {
  return ended_well(r) && (!r.answered || !r.cancelled_at || r.cancelled_at == storm_share::delivering);
}

void require_end(const storm_request& r, bool as_it_should) {
  if (!as_it_should) {
    CAPTURE(r.ends, r.answered, static_cast<int>(r.code), r.cancelled_at.has_value());
    FAIL("a request did not end as it should");
  }
}

/// Everybody's tokens but those of the rows that were computed are there again; what was computed in vain was counted.
void check_books(const storm_count& n, const model_stats& stats, const shared_bucket& bucket, const runtime& rt, const cargo& load) {
  CHECK(stats.queue_depth == 0);
  CHECK(rt.state()->live_run_count() == 0);
  CHECK(load.use_count() == 1);
  const std::int64_t spent = (storm_tokens - bucket.level() + storm_cost - 1) / storm_cost;
  CHECK(spent == static_cast<std::int64_t>(stats.row_count));
  CHECK(n.wanted_rows + rt.wasted_count() >= stats.row_count);  // one may be cancelled between the two
  CHECK(n.answered + rt.wasted_count() <= stats.row_count);
  CHECK(n.answered <= n.wanted_rows);
}

// ---- in the manual world --------------------------------------------------------------------------------------------------

class manual_storm {
 public:
  explicit manual_storm(std::uint64_t seed) : world_(seed), random_(seed) {}

  void run(std::size_t count) {
    while (submitted_ < count || rt_.state()->live_run_count() != 0 || !held_.empty()) {
      switch (below(8)) {
        case 0: submit(std::min(count - submitted_, 1 + below(24))); break;
        case 1: answer_one(); break;
        case 2:
        case 3:
        case 4: cancel_some(); break;
        case 5: world_.advance(1us * below(100)); break;
        default:
          for (std::size_t steps = 1 + below(20); steps > 0 && world_.step(); --steps) {
          }
      }
    }
    world_.run();  // what those leave behind who were not waited for
    for (const auto& r : requests_) {
      require_end(r, ended_in_order(r));
      count_.add(r);
    }
  }
  void forget_requests() {
    requests_.clear();
    submitted_ = 0;
    for (auto& list : victims_) list.clear();
  }
  void check() {
    check_books(count_, model_.stats(), bucket_, rt_, load_);
    CHECK(count_.wanted_rows + rt_.wasted_count() == model_.stats().row_count);
  }
  [[nodiscard]] const storm_count& count() const noexcept { return count_; }

 private:
  [[nodiscard]] std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void submit(std::size_t count) {
    if (rt_.state()->live_run_count() > 300) return;
    for (; count > 0; --count) {
      storm_request& r = requests_.emplace_back();
      r.is_victim = submitted_ % 2 == 1;
      r.wanted = static_cast<storm_share>(submitted_ / 2 % 4);
      ++submitted_;
      chain_.async_run(&r, asio::bind_cancellation_slot(r.signal.slot(), [&r](const result<cargo>& end) { r.ended(end); }));
    }
  }

  void begin(storm_request& r) {
    r.place = storm_place::waiting;
    if (r.is_victim && r.wanted <= storm_share::forming) victims_[storm_index(r.wanted)].push_back(&r);
  }
  void compute(storm_batch& b) {
    for (std::size_t i = 0; i < b.size(); ++i) {
      storm_request& r = *b.input(i).of;
      r.place = storm_place::computing;
      if (r.is_victim && r.wanted == storm_share::computing) victims_[storm_index(storm_share::computing)].push_back(&r);
    }
    held_.push_back(std::move(b));
  }
  /// Whoever was to be cancelled is cancelled now at the latest.
  void answer_one() {
    if (held_.empty()) return;
    const auto at = held_.begin() + static_cast<std::ptrdiff_t>(below(held_.size()));
    storm_batch b = std::move(*at);
    held_.erase(at);
    std::vector<storm_request*> delivered;
    for (std::size_t i = 0; i < b.size(); ++i) {
      storm_request& r = *b.input(i).of;
      const cargo load = b.input(i).load;
      if (r.place == storm_place::computing) {
        r.place = storm_place::delivering;
        delivered.push_back(&r);
      }
      count_.wanted_rows += b.is_wanted(i);
      b.answer(i, load);
    }
    b.done();
    for (storm_request* r : delivered)
      if (r->is_victim && !r->cancelled_at) cancel(*r, storm_share::delivering);
  }

  void cancel_some() {
    const storm_share share = below(2) ? storm_share::computing : held_.size() < instances ? storm_share::forming : storm_share::queued;
    const auto place = share == storm_share::computing ? storm_place::computing : storm_place::waiting;
    std::erase_if(victims_[storm_index(share)], [&](storm_request* r) {
      if (r->place != place || r->cancelled_at) return true;
      if (below(4) == 0) return false;
      cancel(*r, share);
      return true;
    });
  }
  static void cancel(storm_request& r, storm_share at) {
    r.cancelled_at = at;
    r.signal.emit(asio::cancellation_type::terminal);
  }

  static constexpr std::size_t instances = 2;
  testing::manual_world world_;
  std::mt19937_64 random_;
  runtime rt_ = world_.runtime();
  cargo load_ = std::make_shared<int>(1);
  shared_bucket bucket_{rt_, "tokens", storm_bucket};
  admission gate_{rt_, {.buckets = {bucket_}}};
  std::deque<storm_batch> held_;
  model<storm_input, cargo> model_ =
      make_model<storm_input, cargo>(rt_, {.name = "m", .batch = {.max_size = 16, .max_delay = 200us}, .instances = instances},
                                     [this](storm_batch& b) { compute(b); });
  chain<storm_request*, cargo> chain_ = make_chain<storm_request*>(rt_, "storm", [this](auto in) {
    return in >> stage("begin", [this](storm_request* r) { return begin(*r), storm_input{r, load_}; }) >>
           stage("model", model_).limit(gate_, storm_cost);
  });
  std::deque<storm_request> requests_;
  std::array<std::vector<storm_request*>, 3> victims_;
  std::size_t submitted_ = 0;
  storm_count count_;
};

// ---- with threads ---------------------------------------------------------------------------------------------------------

/// Requests on strands of a pool, a model on threads of its own. A batch that is computed waits for the cancellations that are
/// to come meanwhile, but every fourth does not.
class threaded_storm {
 public:
  void run(std::size_t count) {
    while (requests_.size() < count) {
      // A few find an instance that waits for more of them; many have to queue.
      const bool few = requests_.size() / 200 % 3 == 0;
      submit(few ? 10 : 200, few);
      for (; under_way_ > 0; --under_way_) ended_.acquire();
    }
    pool_.join();
    count_.wanted_rows = wanted_rows_;
    for (const auto& r : requests_) {
      require_end(r, ended_well(r));
      count_.add(r);
    }
  }
  void check() {
    // What was given up and computed all the same is let go of by a compute thread, which nobody waits for.
    const auto long_enough = std::chrono::steady_clock::now() + 20s;
    while (load_.use_count() != 1 && std::chrono::steady_clock::now() < long_enough) std::this_thread::yield();
    check_books(count_, model_.stats(), bucket_, rt_, load_);
  }
  [[nodiscard]] const storm_count& count() const noexcept { return count_; }

 private:
  struct request : storm_request {
    explicit request(asio::thread_pool& on) : strand(asio::make_strand(on)) {}
    asio::strand<asio::thread_pool::executor_type> strand;
  };

  void submit(std::size_t count, bool few) {
    for (; count > 0; --count, ++under_way_) {
      const std::size_t number = requests_.size();
      request& r = requests_.emplace_back(pool_);
      r.is_victim = number % 2 == 1;
      r.wanted = few ? storm_share::forming : std::array{storm_share::queued, storm_share::computing, storm_share::delivering}[number / 2 % 3];
      if (r.is_victim && r.wanted == storm_share::queued) ++to_be_queued_;
      asio::post(r.strand, [this, &r] {
        chain_.async_run(&r, asio::bind_cancellation_slot(r.signal.slot(), asio::bind_executor(r.strand, [this, &r](const result<cargo>& end) {
          r.ended(end);
          ended_.release();
        })));
      });
    }
  }

  void begin(request& r) {
    r.place = storm_place::waiting;
    if (!r.is_victim || r.wanted > storm_share::forming) return;
    asio::post(r.strand, [this, &r] { r.wanted == storm_share::queued ? cancel_queued(r) : cancel(r); });
  }
  /// So many come with it that all instances will be busy.
  void cancel_queued(request& r) {
    if (r.place == storm_place::waiting && busy_ < instances) return asio::post(r.strand, [this, &r] { cancel_queued(r); });
    cancel(r);
    --to_be_queued_;
  }
  /// On the request's strand.
  void cancel(request& r) {
    switch (r.place) {
      case storm_place::outside:
      case storm_place::ended: return;
      case storm_place::waiting: r.cancelled_at = busy_ < instances ? storm_share::forming : storm_share::queued; break;
      case storm_place::computing: r.cancelled_at = storm_share::computing; break;
      case storm_place::delivering: r.cancelled_at = storm_share::delivering; break;
    }
    r.signal.emit(asio::cancellation_type::terminal);
  }

  void compute(storm_batch& b) {
    ++busy_;
    while (to_be_queued_ != 0) std::this_thread::yield();
    std::vector<request*> rows;
    for (std::size_t i = 0; i < b.size(); ++i) {
      rows.push_back(static_cast<request*>(b.input(i).of));
      rows.back()->place = storm_place::computing;
    }
    cancel_computing(rows);
    for (std::size_t i = 0; i < b.size(); ++i) {
      request& r = *rows[i];
      // Its strand is kept busy until the answer waits behind it.
      const bool cancelled_on_the_way = r.is_victim && r.wanted == storm_share::delivering;
      if (cancelled_on_the_way) asio::post(r.strand, [this, &r] {
        while (r.place == storm_place::computing) std::this_thread::yield();
        cancel(r);
      });
      const cargo load = b.input(i).load;
      wanted_rows_ += b.is_wanted(i);
      b.answer(i, load);
      auto expected = storm_place::computing;
      r.place.compare_exchange_strong(expected, storm_place::delivering);
    }
    --busy_;
  }
  void cancel_computing(const std::vector<request*>& rows) {
    const auto left = std::make_shared<std::atomic<int>>(0);
    for (request* r : rows) {
      if (!r->is_victim || r->wanted != storm_share::computing) continue;
      ++*left;
      asio::post(r->strand, [this, r, left] {
        cancel(*r);
        --*left;
      });
    }
    if (batches_++ % 4 == 0) return;
    while (*left != 0) std::this_thread::yield();
  }

  static constexpr int instances = 2;
  asio::thread_pool pool_{2};
  runtime rt_{pool_.get_executor(), {.compute_thread_count = instances}};
  cargo load_ = std::make_shared<int>(1);
  shared_bucket bucket_{rt_, "tokens", storm_bucket};
  admission gate_{rt_, {.buckets = {bucket_}}};
  std::atomic<int> busy_{0};
  std::atomic<int> to_be_queued_{0};  ///< instances compute until those have been cancelled
  std::atomic<std::size_t> batches_{0};
  std::atomic<std::size_t> wanted_rows_{0};
  std::counting_semaphore<> ended_{0};
  std::deque<request> requests_;
  model<storm_input, cargo> model_ =
      make_model<storm_input, cargo>(rt_, {.name = "m", .batch = {.max_size = 16, .max_delay = 200us}, .instances = instances},
                                     [this](storm_batch& b) { compute(b); });
  chain<request*, cargo> chain_ = make_chain<request*>(rt_, "storm", [this](auto in) {
    return in >> stage("begin", [this](request* r) { return begin(*r), storm_input{r, load_}; }) >>
           stage("model", model_).limit(gate_, storm_cost);
  });
  std::size_t under_way_ = 0;
  storm_count count_;
};

}  // namespace

TEST_CASE("half of 100000 requests are cancelled, queued, forming, computing and delivering: each ends exactly once") {
  for (std::uint64_t seed = 1; seed <= test::times(10U, 1U); ++seed) {
    CAPTURE(seed);
    constexpr std::size_t count = storm_size;
    manual_storm storm(seed);
    storm.run(count);
    storm.check();
    CHECK(storm.count().cancelled >= count * 49 / 100);
    const auto [in_queue, in_forming, in_computing, in_delivery] = storm.count().shares;
    CAPTURE(in_queue, in_forming, in_computing, in_delivery);
    CHECK(std::ranges::min(storm.count().shares) >= count * 5 / 100);
  }
}

TEST_CASE("storms of cancellations of many seeds leave nothing behind") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    manual_storm storm(seed);
    storm.run(500);
    storm.check();
  }
}

TEST_CASE("a hundred storms of cancellations in one service take no more memory than ten") {
  manual_storm storm(1);
  std::size_t after_ten = 0;
  for (int round = 1; round <= 100; ++round) {
    storm.run(1'000);
    storm.forget_requests();
    if (round == 10) after_ten = test::resident_bytes();
  }
  storm.check();
  if (test::resident_bytes_tell) CHECK(test::resident_bytes() <= after_ten + (std::size_t{512} << 10));
}

TEST_CASE("half of many requests are cancelled by other threads, wherever they are: each ends exactly once", "[concurrency]") {
  constexpr std::size_t count = test::times(storm_size, storm_size / 5);
  threaded_storm storm;
  storm.run(count);
  storm.check();
  const auto [in_queue, in_forming, in_computing, in_delivery] = storm.count().shares;
  CAPTURE(in_queue, in_forming, in_computing, in_delivery);
  CHECK(std::ranges::min(storm.count().shares) >= count * 5 / 100);
}
