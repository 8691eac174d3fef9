// SPDX-License-Identifier: BSL-1.0
// catena in flight. "catena" hops through the runtime's ready queue in front of the same pool, which resumes many runs with one
// Asio operation; "catena_posts" makes the hop with asio::post, one operation each, as the rivals do; "catena_awaitable" has
// the rival's own coroutine as its stages.
#include "catena_graphs.hpp"

#include <boost/asio/append.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

#include <utility>

#include "inflight.hpp"
#include "subjects.hpp"

namespace engine {
namespace {

namespace asio = boost::asio;
using std::int64_t;

asio::awaitable<int64_t> hop(asio::thread_pool& pool, int64_t x) {
  co_await asio::post(pool, asio::deferred);
  co_return x + 1;
}

template <class Stage>
start_run runs(asio::thread_pool& pool, finish_line& end, Stage stage) {
  catena::runtime rt(pool.get_executor());
  auto chain = catena::make_chain<int64_t>(rt, "hops", [&](auto in) {
    auto x = in >> catena::stage("hop0", stage(rt));
    for (int i = 1; i < inflight_stages; ++i) x = x >> catena::stage("hop" + std::to_string(i), stage(rt));
    return x;
  });
  return [chain, &end] { chain.async_run(0, [&end](catena::result<int64_t> r) { end.arrive(r ? *r : -1); }); };
}

}  // namespace

void add_catena_inflight(std::vector<bench::subject>& subjects) {
  add_inflight(subjects, "catena", [](asio::thread_pool& pool, finish_line& end) {
    return runs(pool, end, [](const catena::runtime& rt) {
      return [rt](int64_t x, auto token) { return rt.async_yield(asio::append(std::move(token), x + 1)); };
    });
  });
  add_inflight(subjects, "catena_posts", [](asio::thread_pool& pool, finish_line& end) {
    return runs(pool, end, [&](const catena::runtime&) {
      return [&](int64_t x, auto token) { return asio::post(pool, asio::append(std::move(token), x + 1)); };
    });
  });
  add_inflight(subjects, "catena_awaitable", [](asio::thread_pool& pool, finish_line& end) {
    return runs(pool, end, [&](const catena::runtime&) { return [&](int64_t x) { return hop(pool, x); }; });
  });
}

}  // namespace engine
