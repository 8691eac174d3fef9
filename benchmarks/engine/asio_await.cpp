// SPDX-License-Identifier: BSL-1.0
// Asio's coroutines in place: a run is an awaitable that awaits one awaitable per stage; nothing is posted.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <memory>

#include "graphs.hpp"
#include "subjects.hpp"

namespace engine {
namespace {

using std::int64_t;
namespace asio = boost::asio;
using asio::awaitable;

awaitable<int64_t> await1(int64_t a) { co_return stages().one(a); }
awaitable<int64_t> await2(int64_t a, int64_t b) { co_return stages().two(a, b); }
awaitable<int64_t> await3(int64_t a, int64_t b, int64_t c) { co_return stages().three(a, b, c); }
awaitable<int64_t> await8(const int64_t* v) { co_return stages().eight(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]); }

awaitable<int64_t> run_chain(std::size_t length, int64_t x) {
  for (std::size_t i = 0; i < length; ++i) x = co_await await1(x);
  co_return x;
}

/// value[0] is the input, value[i + 1] that of stage i.
awaitable<int64_t> run_dag(const dag& g, int64_t* value, int64_t input) {
  value[0] = input;
  for (std::size_t i = 0; i < g.size(); ++i) {
    const std::vector<std::size_t>& in = g.inputs[i];
    switch (in.size()) {
      case 0: value[i + 1] = co_await await1(value[0]); break;
      case 1: value[i + 1] = co_await await1(value[in[0] + 1]); break;
      case 2: value[i + 1] = co_await await2(value[in[0] + 1], value[in[1] + 1]); break;
      case 3: value[i + 1] = co_await await3(value[in[0] + 1], value[in[1] + 1], value[in[2] + 1]); break;
      default: value[i + 1] = co_await await8(&value[in[0] + 1]); break;  // the diamond's join: inputs side by side
    }
  }
  co_return value[g.size()];
}

awaitable<int64_t> run_all(const dag& g, int64_t* value, int64_t count) {
  int64_t sum = 0;
  for (int64_t run = 0; run < count; ++run) {
    if (g.kind == dag::shape::chain)
      sum += co_await run_chain(g.size(), run);
    else
      sum += co_await run_dag(g, value, run);
  }
  co_return sum;
}

}  // namespace

void add_asio_await(std::vector<bench::subject>& subjects) {
  add_graphs(subjects, "asio_await", [](const dag& g) -> loop {
    return [g, value = std::vector<int64_t>(g.size() + 1), context = std::make_shared<asio::io_context>(1)](int64_t count) mutable {
      int64_t sum = 0;
      asio::co_spawn(*context, run_all(g, value.data(), count), [&sum](std::exception_ptr, int64_t total) { sum = total; });
      context->run();
      context->restart();
      return sum;
    };
  });
}

}  // namespace engine
