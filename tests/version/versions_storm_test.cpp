// SPDX-License-Identifier: BSL-1.0
/// \file
/// Versions are added, promoted, tried, mirrored and removed under load: no run fails, none sees two versions, none is kept.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/version/versions.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

using swap_alive = std::shared_ptr<const int>;  ///< held by a version's stage

/// A chain that asks in every way there is; it answers the version if that was one, else -1.
chain<int, int> swap_chain(const runtime& rt, const versions<int, int>& v) {
  const auto nap = [rt](const int& x, auto token) { return rt.async_wait_until(rt.now() + std::chrono::microseconds(x), std::move(token)); };
  const auto inner = make_chain<int>(rt, "inner", [&](auto in) { return in >> stage("inside", v); });
  const auto agent = [v, inner, rt](call c, int x) -> asio::awaitable<int> {
    const int nested = co_await inner(c, x);
    co_await rt.async_wait_until(rt.now() + 30us, asio::use_awaitable);
    const int direct = co_await v(c, x);
    co_return nested == direct ? direct : -1;
  };
  return make_chain<int>(rt, "all", [&](auto in) {
    auto agents = in >> stage("agent", agent);
    auto items = in >> stage("items", [](int x) { return std::vector<int>(4, x); }) >> each("each", stage("one", v), 2);
    auto napped = in >> stage("nap", nap);
    auto late = join(in, napped) >> stage("late in", [](int x, unit) { return x; }) >> stage("late", v);
    return join(agents, items, late) >> stage("same", [](int a, std::vector<int> all, int b) {
             all.push_back(a);
             all.push_back(b);
             return std::all_of(all.begin(), all.end(), [&](int one) { return one == all.front(); }) ? all.front() : -1;
           });
  });
}

// ---- in the manual world --------------------------------------------------------------------------------------------------

class manual_swaps {
 public:
  explicit manual_swaps(std::uint64_t seed) : world_(seed), random_(seed), rt_(world_.runtime()), all_(swap_chain(rt_, risk_)) {
    add();
  }

  void run(int count) {
    int submitted = 0;
    while (submitted < count || in_flight_ != 0) {
      switch (below(8)) {
        case 0:
        case 1:
          for (std::size_t n = below(12); n > 0 && submitted < count; --n, ++submitted) submit();
          break;
        case 2: change(); break;
        case 3: world_.advance(1us * below(60)); break;
        default:
          for (std::size_t n = 1 + below(20); n > 0 && world_.step(); --n) {
          }
      }
      check_removed();
    }
    world_.run();  // shadows
    check_removed();
    for (const auto& gone : removed_) CHECK(gone.second.expired());
  }

  int wrong = 0;

 private:
  [[nodiscard]] std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  void submit() {
    ++in_flight_;
    all_.async_run(static_cast<int>(below(80)), [this](const result<int>& r) {
      --in_flight_;
      if (!r || *r < 0) ++wrong;
      else --has_.at(*r);
    });
  }

  void add() {
    const int number = ++last_;
    const auto alive = std::make_shared<const int>(number);
    alive_[number] = alive;
    risk_.add(std::to_string(number), [this, alive, rt = rt_](call c, int x) -> asio::awaitable<int> {
      if (c.priority() != priority::low && had_.insert({c.id(), *alive}).second) ++has_[*alive];
      co_await rt.async_wait_until(rt.now() + std::chrono::microseconds(x), asio::use_awaitable);
      co_return *alive;
    });
  }

  /// Something that is possible now.
  void change() {
    const versions_stats stats = risk_.stats();
    const version_stats& one = stats.versions[below(stats.versions.size())];
    const bool serves = one.label == version_label::stable || one.label == version_label::canary;
    switch (below(6)) {
      case 0: add(); break;
      case 1: risk_.promote(one.version); break;
      case 2:
        if (one.label != version_label::stable) risk_.begin_canary(one.version, {.share = 0.4, .rule = {.min_runs = 5, .max_runs = 20}});
        break;
      case 3:
        if (!serves) risk_.mirror(one.version, {.share = 0.5, .timeout = 50us, .max_in_flight = 4});
        break;
      default:
        if (one.label == version_label::stable) break;
        removed_.push_back({std::stoi(one.version), alive_.at(std::stoi(one.version))});
        risk_.remove(one.version);
    }
  }

  /// One that no run has is gone at once, but for what its shadow is sent; one that a run has is there.
  void check_removed() {
    for (const auto& [number, alive] : removed_)
      if (has_[number] > 0) REQUIRE(!alive.expired());
  }

  testing::manual_world world_;
  std::mt19937_64 random_;
  runtime rt_;
  versions<int, int> risk_{rt_, {.name = "risk"}};
  chain<int, int> all_;
  int last_ = 0;
  int in_flight_ = 0;
  std::map<int, int> has_;  ///< how many runs in flight have a version
  std::set<std::pair<std::uint64_t, int>> had_;
  std::map<int, std::weak_ptr<const int>> alive_;
  std::vector<std::pair<int, std::weak_ptr<const int>>> removed_;
};

}  // namespace

TEST_CASE("versions that are swapped all the time fail no run, mix in none, and are destroyed when nobody has them, over many seeds") {
  for (std::uint64_t seed = 1; seed <= test::times(40U, 8U); ++seed) {
    INFO("seed " << seed);
    manual_swaps storm(seed);
    storm.run(300);
    REQUIRE(storm.wrong == 0);
  }
}

// ---- on threads ------------------------------------------------------------------------------------------------------------

namespace {

/// Swaps versions while runs are under way on other threads.
class threaded_swaps {
 public:
  threaded_swaps(const runtime& rt, versions<int, int> risk) : rt_(rt), risk_(std::move(risk)) { add(); }

  void swap() {
    add();
    const std::string fresh = std::to_string(last_);
    const std::string old = std::to_string(last_ - 1);
    risk_.mirror(fresh, {.timeout = 1ms, .max_in_flight = 2});
    std::this_thread::sleep_for(100us);
    risk_.begin_canary(fresh, {.share = 0.3, .rule = {.min_runs = 20, .max_runs = 50}});
    // In odd turns mostly long enough for the rule to decide.
    std::this_thread::sleep_for(last_ % 2 == 0 ? 200us : 2ms);
    static_cast<void>(risk_.set_canary_share(0.6));  // the rule may have decided
    std::this_thread::sleep_for(200us);
    risk_.promote(fresh);
    risk_.remove(old);
  }

  [[nodiscard]] int last() const noexcept { return last_; }
  [[nodiscard]] std::size_t alive_count() const {
    return static_cast<std::size_t>(std::count_if(alive_.begin(), alive_.end(), [](const auto& v) { return !v.expired(); }));
  }

 private:
  void add() {
    const int number = ++last_;
    const auto alive = std::make_shared<const int>(number);
    alive_.push_back(alive);
    risk_.add(std::to_string(number), make_model<int, int>(rt_, {.name = "m" + std::to_string(number)}, [alive](batch<int, int>& b) {
                for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, *alive);
              }));
  }

  runtime rt_;
  versions<int, int> risk_;
  int last_ = 0;
  std::vector<std::weak_ptr<const int>> alive_;
};

}  // namespace

TEST_CASE("models that are swapped under load on threads fail no run, mix in none, and only the last one is left", "[concurrency]") {
  asio::thread_pool pool(2);
  std::atomic<int> started{0}, ended{0}, wrong{0};
  {
    const runtime rt(pool.get_executor(), {.compute_thread_count = 2});
    versions<int, int> risk(rt, {.name = "risk"});
    threaded_swaps swaps(rt, risk);
    const auto all = swap_chain(rt, risk);
    std::atomic<bool> swapping{true};
    std::vector<std::thread> callers;
    for (int t = 0; t < 2; ++t)
      callers.emplace_back([&] {
        while (swapping) {
          if (started - ended > 60) {
            std::this_thread::sleep_for(50us);
            continue;
          }
          ++started;
          all.async_run(started % 50, [&](const result<int>& r) {
            if (!r || *r < 0) ++wrong;
            ++ended;
          });
        }
      });
    for (int i = 0; i < 60 || ended < 1000; ++i) swaps.swap();
    swapping = false;
    for (auto& c : callers) c.join();
    while (ended != started) std::this_thread::sleep_for(1ms);
    CHECK(swaps.last() > 60);
    pool.join();
    CHECK(rt.state()->live_run_count() == 0);
    // A model goes when its instance has let go of it, on a compute thread.
    for (int i = 0; i < 5000 && swaps.alive_count() > 1; ++i) std::this_thread::sleep_for(1ms);
    CHECK(swaps.alive_count() == 1);
  }
  CHECK(wrong == 0);
}
