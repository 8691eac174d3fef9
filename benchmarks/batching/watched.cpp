// SPDX-License-Identifier: BSL-1.0
// What it costs to watch: the processor time of a request, in a chain with the model, 64 in flight, against the same unwatched.
//
// A machine changes its speed by more than what is to be seen here. A sample is therefore of four short stretches, unwatched, watched,
// watched and unwatched, and cpu_x_unwatched is the median of many. An exporter works when it likes: its thread's time is counted by
// itself, whenever it was spent, and added to the watched requests.
#include <catena/catena.hpp>
#include <catena/observe/metrics.hpp>
#include <catena/observe/tracer.hpp>
#include <catena/torch/script_model.hpp>

#ifdef CATENA_BENCH_HTTP
#include <catena/http/otlp_exporter.hpp>
#endif

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cases.hpp"
#include "collector.hpp"
#include "course.hpp"
#include "support/networks/closed_loop.hpp"

namespace batching {
namespace {

constexpr std::size_t in_flight = 64;
constexpr std::size_t batch = 32;  // always: policies that learn, learn otherwise in each model, and that shows more than watching does

catena::torch::script_options full_batches_of(const bench::network& net) {
  catena::torch::script_options script = bench::script_of(net);
  script.warm_up.max_runs = 0;
  script.batch = {.max_size = batch, .policy = catena::window_batching(batch, std::chrono::milliseconds(100))};
  return script;
}

double seconds_of(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// A chain of one stage, the model, as closed_loop asks it.
class served_chain {
 public:
  served_chain(const course& on, catena::runtime_options options) : on_(on), rt_(context_.get_executor(), std::move(options)) {
    for (std::size_t i = 0; i < 3; ++i) {
      submit(i, [](bench::ending) {});
      run();
    }
  }
  template <class Done>
  void submit(std::size_t i, Done done) {
    const bench::question asked = on_.asked().ask(i);
    chain_.async_run(asked, [this, asked, done = std::move(done)](const catena::result<bench::answer>& given) mutable {
      if (!given) throw std::runtime_error(given.error().to_string());
      on_.asked().check(asked, *given);
      done(bench::ending::answered);
    });
  }
  void run() {
    context_.restart();
    context_.run();
  }
  [[nodiscard]] double mean_batch() const {
    const catena::model_stats seen = model_.stats();
    return static_cast<double>(seen.row_count) / static_cast<double>(seen.batch_count);
  }

 private:
  const course& on_;
  boost::asio::io_context context_{1};
  catena::runtime rt_;
  catena::torch::script_model<bench::question, bench::answer> model_{rt_, full_batches_of(on_.net()), bench::encode_question,
                                                                     bench::decode_answer};
  catena::chain<bench::question, bench::answer> chain_ =
      catena::make_chain<bench::question>(rt_, "classify", [&](catena::node<bench::question> q) { return q >> catena::stage("model", model_); });
};

/// A thread for what an exporter does.
class side_thread {
 public:
  ~side_thread() {
    context_.stop();
    thread_.join();
  }
  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] double cpu_seconds() {
    clockid_t clock{};
    if (::pthread_getcpuclockid(thread_.native_handle(), &clock) != 0) throw std::runtime_error("no clock of a thread");
    return seconds_of(clock);
  }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_{[this] { context_.run(); }};
};

enum class watching : std::uint8_t { nothing, metrics, metrics_and_traces };

/// An unwatched chain beside a watched one.
class pair_of_chains {
 public:
  pair_of_chains(const course& on, watching by, std::optional<taking> sink, const bench::options& opts)
      : samples_(opts.size<std::size_t>(24, 2)), block_(in_flight * opts.size<std::size_t>(std::max<std::size_t>(on.net().requests / 200 / in_flight, 2), 1)) {
    catena::runtime_options options;
    if (by != watching::nothing) options.metrics = std::make_shared<catena::metrics>();
    if (by == watching::metrics_and_traces) options.tracer = catena::tracer::create({.sinks = sinks(sink), .keep_slower_than = std::chrono::seconds(10)});
    unwatched_.emplace(on, catena::runtime_options{});
    watched_.emplace(on, std::move(options));
  }
  ~pair_of_chains() {
    watched_.reset();
#ifdef CATENA_BENCH_HTTP
    exporter_.reset();
    aside_.reset();
#endif
  }

  std::vector<bench::reading> measure() {
    const double aside_before = aside_seconds();
    double unwatched_us = 0;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < samples_; ++i) {
      double off = us_per_request(*unwatched_);
      const double on = us_per_request(*watched_) + us_per_request(*watched_);
      off += us_per_request(*unwatched_);
      ratios.push_back(on / off);
      unwatched_us += off / 2;
    }
    const double requests = static_cast<double>(samples_ * 2 * block_);
    const double aside_us = (aside_seconds() - aside_before) / requests * 1e6;
    const double share = aside_us / (unwatched_us / static_cast<double>(samples_));
    for (double& r : ratios) r += share;
    std::vector<bench::reading> readings{bench::quantile_reading("cpu_x_unwatched", 0.5, std::move(ratios)),
                                         {"mean_batch_x_unwatched", watched_->mean_batch() / unwatched_->mean_batch()}};
#ifdef CATENA_BENCH_HTTP
    if (exporter_) {
      const catena::http::otlp_stats seen = exporter_->stats();
      readings.push_back({"exporter_us_per_request", aside_us});
      readings.push_back({"exported_spans", static_cast<double>(seen.exported)});
      readings.push_back({"dropped_spans", static_cast<double>(seen.dropped())});
      readings.push_back({"waiting_kb", static_cast<double>(seen.waiting_bytes) / 1024});
    }
#endif
    return readings;
  }

 private:
  [[nodiscard]] double us_per_request(served_chain& of) {
    const double aside = aside_seconds(), before = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    bench::closed_loop(of, block_, std::chrono::hours(1)).run(in_flight);
    const double all = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - before;
    return (all - (aside_seconds() - aside)) / static_cast<double>(block_) * 1e6;
  }

#ifdef CATENA_BENCH_HTTP
  [[nodiscard]] std::vector<std::shared_ptr<catena::trace_sink>> sinks(std::optional<taking> how) {
    if (!how) return {};
    collector_.emplace(*how);
    thread_.emplace();
    aside_.emplace(thread_->context().get_executor());
    exporter_ = std::make_shared<catena::http::otlp_exporter>(
        *aside_, catena::http::otlp_options{.endpoint = collector_->url(),
                                            .max_delay = std::chrono::milliseconds(100),
                                            .max_waiting_spans = 1000,
                                            .first_wait = std::chrono::milliseconds(50),
                                            .request_timeout = std::chrono::milliseconds(200),
                                            .patience_at_end = {}});
    return {exporter_};
  }
  [[nodiscard]] double aside_seconds() { return thread_ ? thread_->cpu_seconds() : 0; }

  std::optional<collector> collector_;
  std::optional<side_thread> thread_;
  std::optional<catena::runtime> aside_;
  std::shared_ptr<catena::http::otlp_exporter> exporter_;
#else
  [[nodiscard]] static std::vector<std::shared_ptr<catena::trace_sink>> sinks(std::optional<taking>) { return {}; }
  [[nodiscard]] static double aside_seconds() { return 0; }
#endif
  const std::size_t samples_;
  const std::size_t block_;
  std::optional<served_chain> unwatched_;
  std::optional<served_chain> watched_;
};

}  // namespace

void add_watched(std::vector<bench::subject>& subjects, const bench::network& net) {
  const std::string name = net.name + "_watched64";
  const auto add = [&](const char* subject, watching by, std::optional<taking> sink = {}) {
    subjects.push_back({name, subject, [=](const bench::options& opts) -> bench::repetition {
      const auto both = std::make_shared<pair_of_chains>(course::of(net, opts), by, sink, opts);
      return [both] { return both->measure(); };
    }});
  };
  add("unwatched", watching::nothing);
  add("metrics", watching::metrics);
  add("full", watching::metrics_and_traces);
#ifdef CATENA_BENCH_HTTP
  add("full_exported", watching::metrics_and_traces, taking::well);
  add("full_sink_down", watching::metrics_and_traces, taking::down);
  add("full_sink_slow", watching::metrics_and_traces, taking::slow);
  add("full_sink_flapping", watching::metrics_and_traces, taking::flapping);
#endif
}

}  // namespace batching
