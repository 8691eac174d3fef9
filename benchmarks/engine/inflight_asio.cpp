// SPDX-License-Identifier: BSL-1.0
// The rivals of inflight100k: Asio's coroutines, and the posts alone.
//
// "asio" is what Asio's documentation teaches and, of what it offers, the fastest: awaitable<T> on any_io_executor, one co_spawn per
// run, detached; the run calls its stage by function pointer, as a chain would; the stage awaits its post with `deferred`,
// which saves the coroutine frame that use_awaitable makes for every operation. "asio_typed" is the same on the pool's own
// executor type: smaller, but it cannot await a stage written as a plain awaitable<T>.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "inflight.hpp"
#include "subjects.hpp"

namespace engine {
namespace {

namespace asio = boost::asio;
using std::int64_t;

template <typename Executor>
using stage = asio::awaitable<int64_t, Executor> (*)(asio::thread_pool&, int64_t);

template <typename Executor>
asio::awaitable<int64_t, Executor> hop(asio::thread_pool& pool, int64_t x) {
  co_await asio::post(pool, asio::deferred);
  co_return x + 1;
}

template <typename Executor>
asio::awaitable<void, Executor> run(asio::thread_pool& pool, finish_line& end, stage<Executor> next) {
  int64_t x = 0;
  for (int i = 0; i < inflight_stages; ++i) x = co_await next(pool, x);
  end.arrive(x);
}

template <typename Executor>
start_run coroutines(asio::thread_pool& pool, finish_line& end) {
  return [&] { asio::co_spawn(pool, run<Executor>(pool, end, &hop<Executor>), asio::detached); };
}

struct raw_run {
  asio::thread_pool& pool;
  finish_line& end;
  int64_t x = 0;
  void operator()() {
    if (++x == inflight_stages) return end.arrive(x);
    asio::post(pool, *this);
  }
};

}  // namespace

void add_asio_inflight(std::vector<bench::subject>& subjects) {
  add_inflight(subjects, "asio", coroutines<asio::any_io_executor>);
  add_inflight(subjects, "asio_typed", coroutines<asio::thread_pool::executor_type>);
  add_inflight(subjects, "raw_posts",
               [](asio::thread_pool& pool, finish_line& end) -> start_run { return [&] { asio::post(pool, raw_run{pool, end}); }; });
}

}  // namespace engine
