// SPDX-License-Identifier: BSL-1.0
// What a request pays for being balanced: chosen for, and told that it has ended, on one and on two threads, with 8 replicas.
// `clock_and_lock` is what cannot be saved: two looks at the clock and two short locks.
#include <catena/balance/replica_pool.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <barrier>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "policies.hpp"

namespace balance {
namespace {

constexpr int replica_count = 8;

/// Nanoseconds that one call takes when so many threads make them at once.
template <class Call>
double ns_per_call(int threads, int calls, const Call& call) {
  std::barrier together(threads);
  std::vector<double> ns(static_cast<std::size_t>(threads));
  const auto loop = [&](std::size_t t) {
    together.arrive_and_wait();
    ns[t] = bench::time_ns([&] {
      for (int i = 0; i < calls; ++i) call();
    });
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(loop, static_cast<std::size_t>(t));
    loop(0);
  }
  return *std::max_element(ns.begin(), ns.end()) / calls;
}

struct service {
  explicit service(catena::balancing_policy policy)
      : core(rt.state(), {.balancing = std::move(policy), .breaker = {.ramp = {}}}) {
    const auto same = catena::make_chain<int>(rt, "same", [](auto in) { return in >> catena::stage("same", [](int i) { return i; }); });
    for (int i = 0; i < replica_count; ++i) core.add(std::to_string(i), same.plan(), {});
  }
  void request() {
    const auto chosen = core.choose();
    core.ended(chosen->ticket, {}, catena::failure());
  }

  boost::asio::io_context io;
  catena::runtime rt{io.get_executor()};
  catena::detail::pool_core core;
};

struct clock_and_lock {
  void half() {
    bench::keep(catena::clock::now());
    const std::lock_guard lock(mutex);
    ++count;
  }
  void request() {
    half();
    half();
  }
  catena::brief_mutex mutex;
  int count = 0;
};

template <class Make>
void add(std::vector<bench::subject>& subjects, const std::string& name, Make make) {
  for (const int threads : {1, 2})
    subjects.push_back({"choose_" + std::to_string(threads) + (threads == 1 ? "thread" : "threads"), name,
                        [=](const bench::options& opts) -> bench::repetition {
      return [=, calls = opts.size(1'000'000, 20'000), made = make()]() -> std::vector<bench::reading> {
        return {{"ns", ns_per_call(threads, calls, [&] { made->request(); })}};
      };
    }});
}

}  // namespace

void add_choosing(std::vector<bench::subject>& subjects) {
  for (const named_policy& policy : policies())
    add(subjects, policy.name, [&policy] { return std::make_shared<service>(policy.make(1)); });
  add(subjects, "clock_and_lock", [] { return std::make_shared<clock_and_lock>(); });
}

}  // namespace balance
