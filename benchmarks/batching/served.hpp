// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A network behind catena: one thread submits, one computes.
#include <catena/torch/script_model.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "course.hpp"
#include "policies.hpp"

namespace batching {

/// How a request ended; a wrong answer is an exception.
enum class ending { answered, refused };

inline constexpr auto encode_question = [](const question& from, catena::torch::row& to) { to.assign<float>(*from.values); };
inline constexpr auto decode_answer = [](const catena::torch::row& from) {
  answer values;
  std::ranges::copy(from.values(), values.begin());
  return values;
};

/// One run's model, new and without experience. TorchScript compiles during its first calls, so three requests, one after the
/// other, come before the run: whatever the policy learns, it then knows of batches of one at most.
/// \threads  the one that made it submits and takes the answers
class served {
 public:
  /// \param queue_capacity  whoever needs more to keep up is overloaded
  served(const course& on, const std::string& policy, std::size_t queue_capacity)
      : on_(on), model_(rt_, script(on, policy, queue_capacity), encode_question, decode_answer) {
    for (std::size_t i = 0; i < 3; ++i) {
      submit(i, [](ending) {});
      run();
    }
    before_ = model_.stats();
  }

  /// Asks the i-th question; `done(ending)` is called by run() or poll().
  template <class Done>
  void submit(std::size_t i, Done done) {
    const question asked = on_.ask(i);
    model_.async_run(asked, [this, asked, done = std::move(done)](const catena::result<answer>& given) mutable {
      if (given) on_.check(asked, *given);
      else if (!given.error().is(catena::errc::queue_full)) throw std::runtime_error(given.error().to_string());
      done(given ? ending::answered : ending::refused);
    });
  }

  /// Takes answers until none is missing; sleeps meanwhile.
  void run() {
    context_.restart();
    context_.run();
  }
  /// Takes the answers that are there.
  void poll() {
    context_.restart();
    context_.poll();
  }

  [[nodiscard]] double mean_batch() const {
    const catena::model_stats now = model_.stats();
    return static_cast<double>(now.row_count - before_.row_count) / static_cast<double>(now.batch_count - before_.batch_count);
  }
  [[nodiscard]] catena::model_stats stats() const { return model_.stats(); }

 private:
  static catena::torch::script_options script(const course& on, const std::string& policy, std::size_t queue_capacity) {
    catena::torch::script_options options = script_of(on.net());
    options.warm_up.max_runs = 0;  // it would teach the policy what batches cost, and to learn that is a part of each run
    options.batch = options_of(policy);
    options.queue.capacity = queue_capacity;
    return options;
  }

  const course& on_;
  boost::asio::io_context context_{1};
  catena::runtime rt_{context_.get_executor(), {.compute_thread_count = 1}};
  catena::torch::script_model<question, answer> model_;
  catena::model_stats before_;
};

/// Begins a case: the ideal is measured, and a policy that is new to this network answers some questions at once, so that a
/// wrong one ends the program before anything is measured.
inline course& begin(const network& net, const std::string& case_name, const std::string& policy, const bench::options& opts) {
  course& on = course::of(net, opts);
  on.begin_case(case_name);
  if (!on.is_new(policy)) return on;
  const std::size_t questions = opts.size<std::size_t>(2 * max_batch, 8);
  served model(on, policy, questions);
  for (std::size_t i = 0; i < questions; ++i) model.submit(i, [](ending) {});
  model.run();
  return on;
}

}  // namespace batching
