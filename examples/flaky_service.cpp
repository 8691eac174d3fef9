// SPDX-License-Identifier: BSL-1.0
// A service that fails in every way, asked a hundred times a second for a minute, in virtual time: without a policy, with one, and
// with several. Between second 20 and 25 it is dead. Each request has a second.
// prints: policy                     answered degraded  p50 ms  p99 ms extra calls
// prints: none                        72.38 %   0.00 %       5     305       0.00 %
// prints: timeout                     69.90 %   0.00 %       5      50       0.00 %
// prints: retry                       90.57 %   0.00 %       5     101      29.62 %
// prints: breaker                     67.60 %   0.00 %       5     305     -13.98 %
// prints: fallback                   100.00 %  27.62 %       5     305       0.00 %
// prints: retry, breaker              88.45 %   0.00 %       5     915      15.98 %
// prints: retry, breaker, fallback   100.00 %  13.07 %       5     820      13.93 %
#include <catena/catena.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using lookup = catena::chain<int, int>;

/// Most calls are answered in 5 ms. Others are refused, throw, are slow, or hang and do not hear that nobody wants them any more.
class flaky_service {
 public:
  flaky_service(const catena::runtime& rt, unsigned seed) : rt_(rt), began_(rt.now()), random_(seed) {}

  asio::awaitable<catena::result<int>> operator()(const int& key) {
    ++calls_;
    const catena::duration age = rt_.now() - began_;
    const bool is_dead = age >= 20s && age < 25s;
    const double fate = is_dead ? 0 : static_cast<double>(random_()) * 0x1p-32;
    co_await rt_.async_wait_until(rt_.now() + 5ms, asio::use_awaitable);
    if (fate < 0.1) co_return catena::failure(asio::error::connection_refused);
    if (fate < 0.2) throw std::runtime_error("it broke");
    if (fate < 0.23) co_await rt_.async_wait_until(rt_.now() + 300ms, asio::use_awaitable);
    if (fate > 0.99) {
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await rt_.async_wait_until(rt_.now() + 10s, asio::use_awaitable);
    }
    co_return 2 * key;
  }
  [[nodiscard]] int calls() const noexcept { return calls_; }

 private:
  catena::runtime rt_;
  catena::time_point began_;
  std::mt19937 random_;
  int calls_ = 0;
};

/// What became of all requests.
struct tally {
  int asked = 0, answered = 0, degraded = 0;
  std::vector<double> ms;

  [[nodiscard]] double quantile(double q) {
    std::ranges::sort(ms);
    return ms[static_cast<std::size_t>(q * static_cast<double>(ms.size() - 1))];
  }
};

using make_lookup = std::function<lookup(const catena::runtime&, std::shared_ptr<flaky_service>)>;

void run(const char* name, const make_lookup& make) {
  catena::testing::manual_world world;
  const catena::runtime rt = world.runtime();
  const auto service = std::make_shared<flaky_service>(rt, 7);
  const lookup chain = make(rt, service);
  tally all;
  for (; all.asked < 6000; world.advance(10ms)) {
    const auto notes = std::make_shared<catena::run_notes>();
    const catena::time_point began = rt.now();
    chain.async_run(all.asked++, {.deadline = began + 1s, .notes = notes.get()}, [&, notes, began](const catena::result<int>& r) {
      all.answered += r.has_value();
      all.degraded += notes->degraded;
      all.ms.push_back(std::chrono::duration<double, std::milli>(rt.now() - began).count());
    });
  }
  world.run();
  std::printf("%-26s %6.2f %% %6.2f %% %7.0f %7.0f %10.2f %%\n", name, 100.0 * all.answered / all.asked, 100.0 * all.degraded / all.asked,
              all.quantile(0.5), all.quantile(0.99), 100.0 * (service->calls() - all.asked) / all.asked);
}

/// A chain of one stage, about which something is said.
template <class Say>
make_lookup with(Say say) {
  return [say](const catena::runtime& rt, const std::shared_ptr<flaky_service>& service) {
    auto look_up = catena::stage("look up", [service](catena::call, const int& key) { return (*service)(key); });
    return catena::make_chain<int>(rt, "lookup", [&](auto in) { return in >> say(std::move(look_up)); });
  };
}

/// What was known yesterday, say.
int from_last_time(const int& key) { return 2 * key; }

// [policies]
const catena::retry_options soon{.retries = 3, .first_wait = 20ms, .budget = catena::retry_budget({.share = 0.3})};
const catena::breaker_options when_dead{.consecutive = 20, .bad_share = 0.7, .window = 2s, .first_wait = 200ms, .longest_wait = 1s};

auto timed(auto stage) { return std::move(stage).timeout(50ms); }
auto retried(auto stage) { return std::move(stage).retry(soon).attempt_timeout(50ms); }
auto guarded(auto stage) { return std::move(stage).breaker(catena::circuit_breaker(when_dead)); }
auto replaced(auto stage) { return std::move(stage).fallback(from_last_time, 100ms); }  // 100 ms of the run's time are kept for it
// [/policies]

int main() {
  std::puts("policy                     answered degraded  p50 ms  p99 ms extra calls");
  run("none", with([](auto s) { return s; }));
  run("timeout", with([](auto s) { return timed(std::move(s)); }));
  run("retry", with([](auto s) { return retried(std::move(s)); }));
  run("breaker", with([](auto s) { return guarded(std::move(s)); }));
  run("fallback", with([](auto s) { return replaced(std::move(s)); }));
  run("retry, breaker", with([](auto s) { return guarded(retried(std::move(s))); }));
  run("retry, breaker, fallback", with([](auto s) { return replaced(guarded(retried(std::move(s)))); }));
}
