// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A network behind catena: one thread submits, others compute.
#include <catena/torch/script_model.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include "support/networks/questions.hpp"

namespace bench {

/// How a request ended; a wrong answer is an exception.
enum class ending { answered, refused };

inline constexpr auto encode_question = [](const question& from, catena::torch::row& to) { to.assign<float>(*from.values); };
inline constexpr auto decode_answer = [](const catena::torch::row& from) {
  answer values;
  std::ranges::copy(from.values(), values.begin());
  return values;
};

/// A new model. TorchScript compiles during its first calls, so three requests, one after the other, are asked at once: where
/// there is no warm-up, whatever the policy learns, it then knows of batches of one at most.
/// \threads  the one that made it submits and takes the answers
class served {
 public:
  /// As many batches are computed at once as the script has instances.
  /// \param options  but for the compute threads
  served(const questions& asked, const catena::torch::script_options& script, catena::runtime_options options = {})
      : asked_(asked),
        rt_(context_.get_executor(), with_threads(std::move(options), script.instances)),
        model_(rt_, script, encode_question, decode_answer) {
    for (std::size_t i = 0; i < 3; ++i) {
      submit(i, [](ending) {});
      run();
    }
    begin_run();
  }

  /// mean_batch() counts from now on.
  void begin_run() { before_ = model_.stats(); }

  /// Asks the i-th question; `done(ending)` is called by run() or poll().
  template <class Done>
  void submit(std::size_t i, Done done) {
    const question asked = asked_.ask(i);
    model_.async_run(asked, [this, asked, done = std::move(done)](const catena::result<answer>& given) mutable {
      if (given) asked_.check(asked, *given);
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
  static catena::runtime_options with_threads(catena::runtime_options options, std::size_t count) {
    options.compute_thread_count = count;
    return options;
  }

  const questions& asked_;
  boost::asio::io_context context_{1};
  catena::runtime rt_;
  catena::torch::script_model<question, answer> model_;
  catena::model_stats before_;
};

}  // namespace bench
