// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The service of the README's picture.
#include "live_service.hpp"

#include <random>
#include <vector>

namespace catena::test {

class shop {
 public:
  explicit shop(http::operator_options ops = {}) : here(std::move(ops)) {
    using namespace std::chrono_literals;
    const auto risk = model("risk", {.max_size = 16, .max_delay = 4ms}, 9ms, 1500us, 1);
    const auto embed = model("embed", {.max_size = 32, .max_delay = 2ms}, 6ms, 400us, 2);
    const auto rank = model("rank", {.max_size = 8, .max_delay = 3ms}, 18ms, 5ms, 1);
    const auto at = [&](const behaviour& is) { return acting_stage{here.rt, is}; };
    chains_.push_back(make_chain<int>(here.rt, "checkout", [&](auto in) {
      auto customer = in >> stage("customer", at({.least = 4ms, .spread_ms = 9, .one_in = 90}));
      auto rules = customer >> stage("rules", [](const int& x) { return x; });
      auto place = customer >> stage("place", at({.least = 12ms, .spread_ms = 30, .one_in = 60})).timeout(150ms).fallback([](const int& x) { return x; });
      auto risky = customer >> stage("risk", risk);
      auto decided = join(rules, place, risky) >> stage("decide", [](const int& a, int, int) { return a; });
      return decided >> stage("pay", at({.least = 25ms, .spread_ms = 40, .one_in = 250, .fails_one_in = 7})).retry({.retries = 2, .first_wait = 20ms});
    }));
    chains_.push_back(make_chain<int>(here.rt, "search", [&](auto in) {
      return in >> stage("embed", embed) >> stage("retrieve", at({.least = 14ms, .spread_ms = 24, .one_in = 120, .fails_one_in = 400, .why = errc::unavailable})) >>
             stage("rank", rank).queue({.capacity = 40, .consumers = 7}) >> stage("trim", [](const int& x) { return x; });
    }));
    chains_.push_back(make_chain<int>(here.rt, "nightly report", [&](auto in) {
      return in >> stage("collect", at({.least = 9s, .spread_ms = 4000})) >> stage("write", at({.least = 2s}));
    }));
  }
  ~shop() { stop_asking(); }
  shop(const shop&) = delete;
  shop& operator=(const shop&) = delete;

  /// As customers do: from now on, each chain so many times a second.
  void ask(std::vector<double> rates) {
    asking_ = std::thread([this, rates = std::move(rates)] {
      std::mt19937 random(7);
      std::vector<std::chrono::steady_clock::time_point> next(rates.size(), std::chrono::steady_clock::now());
      for (int i = 0; !stopped_; ++i) {
        const auto now = std::chrono::steady_clock::now();
        for (std::size_t c = 0; c < rates.size(); ++c)
          for (; next[c] <= now; next[c] += std::chrono::nanoseconds(static_cast<long>(1e9 * std::exponential_distribution<double>(rates[c])(random)))) ask_one(chains_[c], i);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  void stop_asking() {
    stopped_ = true;
    if (asking_.joinable()) asking_.join();
  }

  live_service here;

 private:
  void ask_one(const work_chain& c, int i) { c.async_run(i, {.deadline = here.rt.now() + std::chrono::seconds(20)}, [](const result<int>&) {}); }

  catena::model<int, int> model(std::string name, batch_options how, duration base, duration row, std::size_t instances) {
    return make_model<int, int>(here.rt, {.name = std::move(name), .version = "3", .batch = how, .queue = {.capacity = 60}, .instances = instances}, [base, row](batch<int, int>& b) {
      std::this_thread::sleep_for(base + row * static_cast<long>(b.size()));
      for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
    });
  }

  std::vector<work_chain> chains_;
  std::atomic<bool> stopped_ = false;
  std::thread asking_;
};

}  // namespace catena::test
