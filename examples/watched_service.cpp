// SPDX-License-Identifier: BSL-1.0
// A service that is watched: what its metrics say after a minute, and where a request's time went that took too long.
// Time is virtual, so that the minute takes no time and each run prints the same.
//
// prints:    0.0 ms  answer:
// prints:    0.0 ms  find: backoff 33.4 ms backoff 88.9 ms
// prints:    0.0 ms  attempt: work 16.0 ms, busy
// prints:   49.4 ms  attempt: work 64.0 ms, busy
// prints:  202.3 ms  attempt: work 36.0 ms
// prints:  238.3 ms  score: batch_wait 5.0 ms compute 14.0 ms
// prints: answered 5992, failed 8
// prints: within 150 ms 98.28 %
// prints: retries 658
// prints: mean batch 1.7
#include <catena/catena.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio.hpp>

#include <cstdio>
#include <iostream>
#include <memory>
#include <random>
#include <string>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// [sink]
/// Prints where a request's time went.
struct waterfall final : catena::trace_sink {
  void take(std::shared_ptr<const catena::trace> t) noexcept override {
    if (t->why != catena::kept_for::slow || t->spans[0].kind != catena::span_kind::run || printed++ != 0) return;  // one will do
    for (const catena::trace_span& s : t->spans) {
      std::printf("%6.1f ms  %s:", in_ms(s.began - t->spans[0].began), s.name.c_str());
      for (const auto& part : s.parts) std::printf(" %s %.1f ms", std::string(name_of(part.what)).c_str(), in_ms(part.ended - part.began));
      std::puts(s.why.is_set() ? (", " + s.why.to_string()).c_str() : "");
    }
  }
  static double in_ms(catena::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }
  int printed = 0;
};
// [/sink]

// [runtime]
catena::runtime_options watched() {
  catena::metrics_options count{.slos = {{"answer", {.success = 0.999, .p99 = 150ms}}}};
  catena::tracer_options keep{.sinks = {std::make_shared<waterfall>()}, .sample_share = 0.01, .keep_slower_than = 250ms};
  catena::runtime_options options;
  options.metrics = std::make_shared<catena::metrics>(std::move(count));  // what rt.metrics() tells, prometheus_text() writes down
  options.tracer = catena::tracer::create(std::move(keep));               // all are recorded; slow and failed ones are kept, 100 a second
  return options;
}
// [/runtime]

using answer_chain = catena::chain<int, int>;

answer_chain make_answer_chain(const catena::runtime& rt) {
  auto random = std::make_shared<std::mt19937_64>(1);
  auto find = [rt, random](int i) -> asio::awaitable<catena::result<int>> {
    co_await rt.async_wait_until(rt.now() + 5ms + (*random)() % 60 * 1ms, asio::use_awaitable);
    if ((*random)() % 10 == 0) co_return catena::failure(catena::errc::busy);
    co_return i;
  };
  auto compute = [rt, random](catena::batch<int, int>& b) {
    asio::co_spawn(
        rt.get_executor(),
        [](catena::runtime clock, catena::batch<int, int> rows) -> asio::awaitable<void> {
          co_await clock.async_wait_until(clock.now() + 10ms + rows.size() * 2ms, asio::use_awaitable);
          for (std::size_t i = 0; i < rows.size(); ++i) rows.answer(i, rows.input(i));
          rows.done();
        }(rt, std::move(b)),
        asio::detached);
  };
  const auto model = catena::make_model<int, int>(rt, {.name = "score", .batch = {.max_size = 16, .max_delay = 5ms}}, compute);
  return catena::make_chain<int>(rt, "answer", [&](auto in) {
    return in >> catena::stage("find", find).retry({.retries = 3, .first_wait = 50ms}) >> catena::stage("score", model);
  });
}

}  // namespace

int main() {
  catena::testing::manual_world world(1);
  const catena::runtime rt = world.runtime(watched());
  const answer_chain answer = make_answer_chain(rt);
  for (int i = 0; i < 6000; ++i) {
    answer.async_run(i, {.deadline = rt.now() + 1s}, [](const catena::result<int>&) {});
    world.advance(10ms);
  }
  world.run();
  const catena::metric_set now = rt.metrics();
  const auto told = [&](const char* name, const char* labels) { return now.value(name, labels); };
  std::printf("answered %.0f, failed %.0f\n", told("catena_runs", R"(chain="answer",outcome="answered")"),
              told("catena_runs", R"(chain="answer",outcome="failed")"));
  std::printf("within 150 ms %.2f %%\n", 100 * told("catena_slo_good_events", R"(chain="answer",objective="latency")") /
                                             told("catena_slo_events", R"(chain="answer",objective="latency")"));
  std::printf("retries %.0f\n", told("catena_stage_retries", R"(chain="answer",stage="find")"));
  std::printf("mean batch %.1f\n", told("catena_model_rows", R"(model="score",version="1")") / told("catena_model_batches", R"(model="score",version="1")"));
}
