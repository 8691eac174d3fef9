// SPDX-License-Identifier: BSL-1.0
// What policies cost a stage that succeeds: eight such stages in a row, without any, with a retry, an attempt timeout and a
// breaker, and with all that may be said. `inline` stages are functions, `suspending` ones coroutines that yield once; in
// `suspending_on_strands` several threads might run the executor, and so what may be stopped runs on a strand of it.
#include <catena/catena.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/harness.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::int64_t;
using int_chain = catena::chain<int64_t, int64_t>;

constexpr int stages = 8;

int64_t add_one(const int64_t& i) { return i + 1; }

/// One executor, run by this thread, and what the stages share.
struct recovery_world {
  explicit recovery_world(int threads_at_most) : io(threads_at_most) {}

  asio::io_context io;
  catena::runtime rt{io.get_executor()};
  catena::circuit_breaker breaker;
  catena::retry_budget budget;

  [[nodiscard]] auto yields() const {
    return [rt = rt](catena::call, const int64_t& i) -> asio::awaitable<int64_t> {
      co_await rt.async_yield(asio::use_awaitable);
      co_return i + 1;
    };
  }
  [[nodiscard]] catena::retry_options retries() const { return {.first_wait = 10ms, .budget = budget}; }

  /// \param dress  says something about a stage
  template <class F, class Dress>
  [[nodiscard]] int_chain chain(const F& f, Dress dress) const {
    return catena::make_chain<int64_t>(rt, "c", [&](auto in) {
      auto x = in >> dress(catena::stage("s0", f));
      for (int i = 1; i < stages; ++i) x = x >> dress(catena::stage("s" + std::to_string(i), f));
      return x;
    });
  }
  /// Nanoseconds that so many runs take, one after the other.
  double run(const int_chain& c, int64_t count) {
    int64_t sum = 0;
    const double ns = bench::time_ns([&] {
      for (int64_t i = 0; i < count; ++i) {
        c.async_run(i, [&sum](const catena::result<int64_t>& r) { sum += *r; });
        io.restart();
        io.run();
      }
    });
    if (sum != count * (count - 1) / 2 + count * stages) throw std::runtime_error("wrong answers");
    return ns;
  }
};

using make_chain_of = std::function<int_chain(const recovery_world&)>;

void add(std::vector<bench::subject>& subjects, const std::string& case_name, const std::string& name, make_chain_of make,
         int threads_at_most = 1) {
  subjects.push_back({case_name, name, [make = std::move(make), threads_at_most](const bench::options& opts) -> bench::repetition {
                        auto world = std::make_shared<recovery_world>(threads_at_most);
                        auto chain = std::make_shared<int_chain>(make(*world));
                        const auto count = opts.size<int64_t>(100'000, 200);
                        return [=]() -> std::vector<bench::reading> {
                          std::vector<bench::reading> readings{
                              {"ns_per_stage", world->run(*chain, count) / static_cast<double>(count * stages)}};
                          if (!bench::counts_mallocs()) return readings;
                          const bench::malloc_count mallocs;
                          world->run(*chain, count);
                          readings.push_back({"mallocs_per_run", static_cast<double>(mallocs.so_far()) / static_cast<double>(count)});
                          return readings;
                        };
                      }});
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<bench::subject> subjects;
  const auto bare = [](auto s) { return s; };
  add(subjects, "inline", "bare", [=](const recovery_world& w) { return w.chain(&add_one, bare); });
  // A function that runs inline cannot be timed out.
  add(subjects, "inline", "retry_breaker", [](const recovery_world& w) {
    return w.chain(&add_one, [&](auto s) { return std::move(s).retry(w.retries()).breaker(w.breaker); });
  });
  add(subjects, "inline", "all", [](const recovery_world& w) {
    return w.chain(&add_one, [&](auto s) { return std::move(s).retry(w.retries()).breaker(w.breaker).queue({}).fallback(&add_one); });
  });
  const make_chain_of bare_yields = [=](const recovery_world& w) { return w.chain(w.yields(), bare); };
  const make_chain_of three = [](const recovery_world& w) {
    return w.chain(w.yields(), [&](auto s) { return std::move(s).retry(w.retries()).attempt_timeout(1s).breaker(w.breaker); });
  };
  const make_chain_of all = [](const recovery_world& w) {
    return w.chain(w.yields(), [&](auto s) {
      return std::move(s).retry(w.retries()).attempt_timeout(1s).breaker(w.breaker).queue({}).timeout(5s).fallback(&add_one);
    });
  };
  for (const int threads : {1, 2}) {
    const std::string name = threads == 1 ? "suspending" : "suspending_on_strands";
    add(subjects, name, "bare", bare_yields, threads);
    add(subjects, name, "retry_timeout_breaker", three, threads);
    add(subjects, name, "all", all, threads);
  }
  return bench::run("recovery", subjects, argc, argv);
}
