// SPDX-License-Identifier: BSL-1.0
// What it costs to ask a language model's server over loopback, kept connections and one thread: whole answers one at a time and 64 at
// once; a thousand streams that begin at random while so much is written as keeps half of the thread busy; and what an open stream holds while nothing
// comes; and how quickly events are found in a stream. libcurl's multi interface does the same beside it.
#include <sys/resource.h>

#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "llm/clients.hpp"
#include "llm/sse.hpp"
#include "support/harness.hpp"

namespace {

using make_client = std::function<std::unique_ptr<bench::client>(const bench::server_process&)>;
using make_streams = std::function<std::unique_ptr<bench::stream_client>(const bench::server_process&)>;

/// Of this process: the server is another one.
double cpu_us() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto us = [](const timeval& t) { return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec); };
  return us(used.ru_utime) + us(used.ru_stime);
}

/// A server and who asks it.
template <class Client>
struct pair_of {
  explicit pair_of(bench::wire how) : server(how) {}
  bench::server_process server;
  std::unique_ptr<Client> client;
};

void add_calls(std::vector<bench::subject>& subjects, std::size_t at_once, const std::string& name, make_client make) {
  subjects.push_back({"call_" + std::to_string(at_once), name, [=](const bench::options& opts) -> bench::repetition {
                        auto made = std::make_shared<pair_of<bench::client>>(bench::wire::plain);
                        made->client = make(made->server);
                        const auto count = opts.size<std::size_t>(at_once == 1 ? 5000 : 20000, 128);
                        return [=]() -> std::vector<bench::reading> {
                          const double before = cpu_us();
                          const double ns = bench::time_ns([&] { made->client->call(count, at_once); });
                          const double cpu = cpu_us() - before;
                          const auto calls = static_cast<double>(count);
                          std::vector<bench::reading> readings{{"us_per_call", ns / 1000 / calls}, {"cpu_us_per_call", cpu / calls}};
                          if (!bench::counts_mallocs()) return readings;
                          const bench::malloc_count mallocs;
                          made->client->call(count, at_once);
                          readings.push_back({"mallocs_per_call", static_cast<double>(mallocs.so_far()) / calls});
                          return readings;
                        };
                      }});
}

/// How many tokens a second keep the client's thread busy when each comes by itself. Where several come at once a read brings them all, and
/// it can do with more.
double capacity(bench::stream_client& client, std::size_t streams, std::size_t tokens) {
  const std::vector<std::int64_t> at_once(streams, 0);
  const double before = cpu_us();
  client.read(at_once, "paced-1000-20000-" + std::to_string(tokens));
  return static_cast<double>(streams * tokens) / (cpu_us() - before) * 1e6;
}

void add_streams(std::vector<bench::subject>& subjects, const std::string& name, make_streams make) {
  subjects.push_back({"streams", name, [=](const bench::options& opts) -> bench::repetition {
                        auto made = std::make_shared<pair_of<bench::stream_client>>(bench::wire::plain);
                        made->client = make(made->server);
                        const auto open = opts.size<std::size_t>(1000, 20);
                        const double most = capacity(*made->client, opts.size<std::size_t>(200, 10), opts.size<std::size_t>(100, 5));
                        return [=]() -> std::vector<bench::reading> {
                          // So many streams are open on average as each of them writes its share of half of the capacity.
                          constexpr double tokens = 40;
                          const double interval_ns = 1e9 / (most / 2 / static_cast<double>(open));
                          const double lives_ns = tokens * interval_ns;
                          std::mt19937_64 random(7);
                          std::exponential_distribution<double> between(static_cast<double>(open) / lives_ns);
                          std::vector<std::int64_t> begins;
                          double at = 0;
                          for (std::size_t i = 0; i < 3 * open; ++i) begins.push_back(static_cast<std::int64_t>(at += between(random)));
                          const auto us = [](double ns) { return std::to_string(static_cast<std::int64_t>(ns / 1000)); };
                          std::vector<double> lags = made->client->read(begins, "paced-" + us(interval_ns) + "-" + us(interval_ns) + "-" + us(tokens * 1000));
                          for (double& l : lags) l /= 1e6;
                          return {{"tokens_per_s_at_most", most}, bench::quantile_reading("first_token_lag_p50_ms", 0.5, lags),
                                  bench::quantile_reading("first_token_lag_p99_ms", 0.99, lags)};
                        };
                      }});
}

void add_idle(std::vector<bench::subject>& subjects, bench::wire how, const std::string& name, make_streams make) {
  subjects.push_back({how == bench::wire::tls ? "idle_tls" : "idle_plain", name, [=](const bench::options& opts) -> bench::repetition {
                        const auto count = opts.size<std::size_t>(1000, 50);
                        return [=]() -> std::vector<bench::reading> {
                          pair_of<bench::stream_client> made(how);
                          made.client = make(made.server);
                          made.client->hold(10);
                          bench::trim_memory();
                          const std::size_t before = bench::resident_bytes();
                          made.client->hold(count);
                          bench::trim_memory();
                          return {{"kb_per_stream", static_cast<double>(bench::resident_bytes() - before) / 1000 / static_cast<double>(count)}};
                        };
                      }});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--serve") == 0) return bench::serve(std::strcmp(argv[2], "tls") == 0 ? bench::wire::tls : bench::wire::plain);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);

  std::vector<bench::subject> subjects;
  for (const std::size_t at_once : {std::size_t{1}, std::size_t{64}}) {
    add_calls(subjects, at_once, "catena_chat", bench::make_catena_chat);
    add_calls(subjects, at_once, "catena_http", bench::make_catena_http);
#if CATENA_BENCH_CURL
    add_calls(subjects, at_once, "libcurl_and_json", bench::make_curl_chat);
    add_calls(subjects, at_once, "libcurl", bench::make_curl_http);
#endif
  }
  bench::add_sse(subjects);
  add_streams(subjects, "catena", bench::make_catena_streams);
  add_idle(subjects, bench::wire::plain, "catena", bench::make_catena_streams);
  add_idle(subjects, bench::wire::tls, "catena", bench::make_catena_streams);
#if CATENA_BENCH_CURL
  add_streams(subjects, "libcurl", bench::make_curl_streams);
  add_idle(subjects, bench::wire::plain, "libcurl", bench::make_curl_streams);
  add_idle(subjects, bench::wire::tls, "libcurl", bench::make_curl_streams);
#endif
  return bench::run("llm", subjects, argc, argv);
}
