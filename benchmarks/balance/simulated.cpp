// SPDX-License-Identifier: BSL-1.0
// Eight replicas of four places each, in virtual time; a request takes 1 ms on average, half of it always. Requests come as
// they please. After a quarter of them one replica becomes bad, and what is measured are those that come from then on.
//
// A slow one is noticed when its first slow answer has come, for nobody can know before; a dead one when it is ejected.
// `bad_share` are the requests that go to it after that, among all. Latencies are those of requests that were answered.
#include <catena/balance/replica_pool.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include "policies.hpp"

namespace balance {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using catena::duration;
using catena::time_point;

constexpr std::size_t replica_count = 8;
constexpr std::size_t bad_one = 3;
constexpr std::size_t places = 4;

struct scenario {
  std::string name;
  double load;  ///< of what all replicas can bear while they are well
  std::array<double, replica_count> speeds{1, 1, 1, 1, 1, 1, 1, 1};
  enum class trouble { none, slow, dead } happens = trouble::none;
};

const std::array<scenario, 4> scenarios{{
    {.name = "one_slow_of_8", .load = 0.5, .happens = scenario::trouble::slow},
    {.name = "one_slow_of_8_light", .load = 0.075, .happens = scenario::trouble::slow},  // the slow one could bear an eighth
    {.name = "one_dead_of_8", .load = 0.5, .happens = scenario::trouble::dead},
    {.name = "uneven", .load = 0.6, .speeds = {1, 1, 1, 1, 2, 2, 4, 4}},
}};

/// One course of a scenario.
class course {
 public:
  course(const scenario& s, const named_policy& policy, std::uint64_t seed, int count)
      : scenario_(s), count_(count), world_(seed), rt_(world_.runtime()), pool_(rt_, {.balancing = policy.make(seed)}), random_(seed) {
    for (std::size_t i = 0; i < replica_count; ++i)
      pool_.add(catena::stage(std::to_string(i), worker{this, i}).queue({.capacity = 100, .consumers = places}), {.weight = s.speeds[i]});
    world_.advance(1min);  // until none is new
  }

  std::vector<bench::reading> run() {
    const double per_ms = scenario_.load * places * std::accumulate(scenario_.speeds.begin(), scenario_.speeds.end(), 0.0);
    std::exponential_distribution<double> gap_ms(per_ms);
    for (int i = 0; i < count_; ++i) {
      world_.advance(in_ms(gap_ms(random_)));
      if (i == count_ / 4) begin_trouble();
      ask();
    }
    world_.run();
    return readings();
  }

 private:
  [[nodiscard]] static duration in_ms(double ms) { return std::chrono::duration_cast<duration>(std::chrono::duration<double, std::milli>(ms)); }

  /// What a replica does, at its pace.
  struct worker {
    course* in;
    std::size_t index;
    asio::awaitable<catena::result<int>> operator()(catena::call, int x) const { return in->work(index, x); }
  };
  asio::awaitable<catena::result<int>> work(std::size_t i, int x) {
    const bool bad = is_bad_ && i == bad_one;
    if (bad && scenario_.happens == scenario::trouble::dead) {
      co_await rt_.async_wait_until(rt_.now() + 200us, asio::use_awaitable);
      co_return catena::failure(boost::system::errc::make_error_code(boost::system::errc::connection_refused));
    }
    std::exponential_distribution<double> rest_ms(2);
    const double ms = (0.5 + rest_ms(random_)) / scenario_.speeds[i] * (bad ? 10 : 1);
    co_await rt_.async_wait_until(rt_.now() + in_ms(ms), asio::use_awaitable);
    if (bad) notice();
    co_return x;
  }

  void begin_trouble() {
    began_ = world_.now();
    is_bad_ = scenario_.happens != scenario::trouble::none;
  }
  void notice() {
    if (noticed_ != catena::no_deadline) return;
    noticed_ = world_.now();
    to_bad_before_ = to_bad();
  }
  [[nodiscard]] double to_bad() const { return static_cast<double>(pool_.stats()[bad_one].requests); }

  void ask() {
    if (noticed_ != catena::no_deadline) ++since_noticed_;
    const bool counts = began_ != time_point{};
    pool_.async_run(1, [this, counts, asked = world_.now()](const catena::result<int>& r) {
      if (r) {
        if (counts) latencies_us_.push_back(std::chrono::duration<double, std::micro>(world_.now() - asked).count());
        return;
      }
      if (counts) ++failed_;
      if (scenario_.happens == scenario::trouble::dead && pool_.stats()[bad_one].state != catena::replica_state::serving) notice();
    });
  }

  [[nodiscard]] std::vector<bench::reading> readings() {
    const double all = static_cast<double>(latencies_us_.size()) + failed_;
    std::vector<bench::reading> found{bench::quantile_reading("p50_us", 0.5, latencies_us_),
                                      bench::quantile_reading("p99_us", 0.99, std::move(latencies_us_)),
                                      {"failed_share", failed_ / all}};
    if (scenario_.happens == scenario::trouble::none) return found;
    if (noticed_ == catena::no_deadline) throw std::runtime_error(scenario_.name + ": nobody noticed");
    found.push_back({"bad_share", (to_bad() - to_bad_before_) / since_noticed_});
    found.push_back({"noticed_ms", std::chrono::duration<double, std::milli>(noticed_ - began_).count()});
    return found;
  }

  const scenario& scenario_;
  const int count_;
  catena::testing::manual_world world_;
  catena::runtime rt_;
  catena::replica_pool<int, int> pool_;
  std::mt19937_64 random_;
  bool is_bad_ = false;
  time_point began_{};
  time_point noticed_ = catena::no_deadline;
  double to_bad_before_ = 0;  ///< it was noticed
  double since_noticed_ = 0;
  double failed_ = 0;
  std::vector<double> latencies_us_;
};

}  // namespace

void add_simulated(std::vector<bench::subject>& subjects) {
  for (const scenario& s : scenarios)
    for (const named_policy& policy : policies())
      subjects.push_back({s.name, policy.name, [&s, &policy](const bench::options& opts) -> bench::repetition {
        return [&s, &policy, count = opts.size(40'000, 4'000), seed = std::uint64_t{0}]() mutable {
          return course(s, policy, ++seed, count).run();
        };
      }});
}

}  // namespace balance
