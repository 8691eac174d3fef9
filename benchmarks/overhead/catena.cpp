// SPDX-License-Identifier: BSL-1.0
// A model that computes nothing, through the whole scheduler: queue, batch former, compute thread and back, one submit for each
// request. "callback" starts the next request in the completion handler of the one before, "coroutine" awaits. "park" runs the
// executor and sleeps when there is nothing to do; "spin" polls it, and the compute thread looks for work for a while before it
// sleeps (never where there is one core only).
#include <catena/catena.hpp>

#include <sched.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "subjects.hpp"

namespace overhead {
namespace {

namespace asio = boost::asio;
using std::int64_t;
using int_model = catena::model<int64_t, int64_t>;
using int_chain = catena::chain<int64_t, int64_t>;

enum class waiting { spin, park };
enum class asking { callback, coroutine };

/// One submitting thread with its executor, one compute thread.
struct world {
  explicit world(waiting h) : how(h), rt(io.get_executor(), {.spin = how == waiting::spin ? std::chrono::milliseconds(1) : catena::duration{}}) {}

  int_model model(const std::string& name) const {
    return catena::make_model<int64_t, int64_t>(
        rt, {.name = name}, [submitter = std::this_thread::get_id()](catena::batch<int64_t, int64_t>& b) {
          if (std::this_thread::get_id() == submitter) throw std::logic_error("computed by the submitter");
          for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i) + 1);
        });
  }

  /// Runs the executor until `done`.
  template <class Done>
  void run_until(Done done) {
    if (how == waiting::park) {
      io.run();
    } else {
      const auto busy = asio::make_work_guard(io);
      cpu_set_t cores;
      const bool alone = sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) == 1;
      while (!done())
        if (io.poll() == 0 && alone) std::this_thread::yield();
    }
    io.restart();
  }

  waiting how;
  asio::io_context io{1};
  catena::runtime rt;
};

/// The requests of one stretch.
struct progress {
  int64_t count;
  int64_t added;  ///< by every request to its number
  int64_t next = 0;
  int64_t answered = 0;
  int64_t sum = 0;

  void take(int64_t answer) {
    sum += answer;
    ++answered;
  }
  [[nodiscard]] bool done() const { return answered == count; }
  void check() const {
    if (!done() || sum != count * (count - 1) / 2 + count * added) throw std::runtime_error("catena: wrong answers");
  }
};

template <class Target>
void ask_next(const Target& target, progress& p) {
  if (p.next == p.count) return;
  target.async_run(p.next++, [&target, &p](catena::result<int64_t> r) {
    p.take(*r);
    ask_next(target, p);
  });
}

template <class Target>
asio::awaitable<void> ask_all(const Target& target, progress& p) {
  while (p.next < p.count) p.take(co_await target(p.next++));
}

/// Sends requests to a model or a chain, so many at a time.
template <class Target>
sender to(std::shared_ptr<world> w, Target target, asking how, int in_flight, int64_t added) {
  return [=](int64_t count) {
    progress p{.count = count, .added = added};
    for (int i = 0; i < in_flight; ++i) {
      if (how == asking::coroutine) asio::co_spawn(w->io, ask_all(target, p), asio::detached);
      else asio::post(w->io, [&] { ask_next(target, p); });
    }
    w->run_until([&] { return p.done(); });
    p.check();
  };
}

int_chain chain_of(const world& w, int models) {
  return catena::make_chain<int64_t>(w.rt, "models", [&](auto in) {
    auto x = in >> catena::stage("m0", w.model("m0"));
    for (int i = 1; i < models; ++i) {
      const std::string name = "m" + std::to_string(i);
      x = x >> catena::stage(name, w.model(name));
    }
    return x;
  });
}

void add_case(std::vector<bench::subject>& subjects, const std::string& case_name, const std::function<sender(std::shared_ptr<world>, asking)>& make) {
  for (const auto where : {placement::free, placement::pinned})
    for (const auto ask : {asking::callback, asking::coroutine})
      for (const auto wait : {waiting::spin, waiting::park}) {
        const std::string name = std::string(ask == asking::callback ? "callback" : "coroutine") + (wait == waiting::spin ? "_spin" : "_park");
        add(subjects, case_name, name, where, [=] { return make(std::make_shared<world>(wait), ask); });
      }
}

}  // namespace

void add_catena(std::vector<bench::subject>& subjects) {
  for (const int in_flight : {1, 64})
    add_case(subjects, "noop_" + std::to_string(in_flight), [=](std::shared_ptr<world> w, asking how) {
      auto model = w->model("noop");
      return to(std::move(w), model, how, in_flight, 1);
    });
  for (const int models : {1, 3, 10})
    add_case(subjects, "models" + std::to_string(models) + "_64", [=](std::shared_ptr<world> w, asking how) {
      auto chain = chain_of(*w, models);
      return to(std::move(w), chain, how, 64, models);
    });
}

}  // namespace overhead
