// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A service that a browser looks at, in real time: chains that branch, ask models, wait in queues, are slow and fail.
#include <catena/catena.hpp>
#include <catena/http/operator_endpoint.hpp>
#include <catena/observe/trace_ring.hpp>

#include <boost/asio.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace catena::test {

using work_chain = chain<int, int>;

/// How a stage does: a request is a number, and what becomes of it follows from that.
struct behaviour {
  duration least{};      ///< how long it takes
  int spread_ms = 0;     ///< and how much longer it may take
  int one_in = 0;        ///< of so many takes ten times as long; zero: none
  int fails_one_in = 0;  ///< zero: none
  errc why = errc::busy;
};

struct acting_stage {
  runtime rt;
  behaviour is;
  std::shared_ptr<std::atomic<unsigned>> asked = std::make_shared<std::atomic<unsigned>>();

  boost::asio::awaitable<result<int>> operator()(call, const int& x) const {
    const unsigned n = asked->fetch_add(1) * 2654435761u >> 8;  // as good as random, and the same each time
    duration takes = is.least + std::chrono::milliseconds(is.spread_ms == 0 ? 0 : static_cast<int>(n % static_cast<unsigned>(is.spread_ms)));
    if (is.one_in != 0 && n % static_cast<unsigned>(is.one_in) == 0) takes *= 10;
    co_await rt.async_wait_until(rt.now() + takes, boost::asio::use_awaitable);
    if (is.fails_one_in != 0 && n / 7 % static_cast<unsigned>(is.fails_one_in) == 0) co_return failure(is.why, "the server says that it has no time");
    co_return x;
  }
};

enum class watched : bool { no, yes };  ///< whether it has metrics and a tracer

/// Everything is answered on threads of its own.
class live_service {
 public:
  explicit live_service(http::operator_options ops = {}, watched is = watched::yes)
      : rt(context.get_executor(), is == watched::yes ? watching() : runtime_options{}), work_(boost::asio::make_work_guard(context)) {
    if (is == watched::yes) ops.recent = ring;
    ops.executor = http::served_by::own_thread;
    endpoint.emplace(rt, std::move(ops));
    serving_ = std::thread([this] { context.run(); });
  }
  ~live_service() {
    endpoint.reset();
    context.stop();
    serving_.join();
  }
  live_service(const live_service&) = delete;
  live_service& operator=(const live_service&) = delete;

  work_chain make_plain(std::string name, behaviour is) {
    return make_chain<int>(rt, std::move(name), [&](auto in) { return in >> stage("work", acting_stage{rt, is}); });
  }

  /// Runs it with one number after the other, and returns when all have ended.
  void run(const work_chain& c, int count) {
    std::atomic<int> left{count};
    for (int i = 0; i < count; ++i) c.async_run(i, [&](const result<int>&) { --left; });
    while (left != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  boost::asio::io_context context;
  const std::shared_ptr<trace_ring> ring = std::make_shared<trace_ring>();
  runtime rt;
  std::optional<http::operator_endpoint> endpoint;

 private:
  [[nodiscard]] runtime_options watching() const {
    using namespace std::chrono_literals;
    runtime_options options;
    options.metrics = std::make_shared<metrics>(metrics_options{.slos = {{"checkout", {.success = 0.98, .p99 = 500ms}}, {"search", {.success = 0.999, .p99 = 300ms}}}});
    options.tracer = tracer::create({.sinks = {ring}, .sample_share = 0.05, .keep_slower_than = 600ms});
    return options;
  }

  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread serving_;
};

}  // namespace catena::test
