// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model that may call tools until it has an answer.
#include <catena/llm/chat_model.hpp>
#include <catena/llm/tool.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace catena::llm {

/// What ends a run of an agent before its model has come to an answer. What is taken is looked at when the model has answered: the last round
/// may go beyond a limit on tokens or money, and a server that does not say what it took is not limited by them.
struct agent_options {
  std::string name = "agent";        ///< for messages
  int most_rounds = 8;               ///< how often the model is asked, 1 to 1000
  int most_calls = 64;               ///< of tools in all rounds, 1 or more
  std::int64_t most_tokens = 0;      ///< of all rounds, read and written; zero: no limit
  money most_money = {};             ///< of all rounds; zero: no limit
  duration most_time = {};           ///< of all of it; zero: the run's deadline
  std::size_t width = 8;             ///< how many calls of one round are under way at once, 1 or more
  std::size_t most_result_bytes = 256 << 10;  ///< what the model is given of a tool's answer, or of its failure, 1 or more
};

/// It has a constructor so that g++ 12 takes it in a co_await expression.
struct agent_result {
  agent_result() = default;

  llm::answer answer = {};    ///< the last one; usage and cost are those of all rounds, `took` is the time of everything
  messages added = {};        ///< what came behind what was asked: calls, what tools answered, and the answer at the end
  int rounds = 0;
};

namespace detail {
class agent_core;
[[nodiscard]] boost::asio::awaitable<agent_result> run_agent(std::shared_ptr<const agent_core> core, run_options within, messages asked);
[[nodiscard]] boost::asio::awaitable<answer> answer_of_agent(std::shared_ptr<const agent_core> core, run_options within, messages asked);
}  // namespace detail

/// A stage that asks a model, runs the tools that it calls, tells it what they answered, and asks again, until it answers without a call:
///
///     llm::agent helper(chat, {llm::tool<place>("weather", "The weather of now at a place", look_up)}, {.most_rounds = 4});
///     in >> stage("prompt", ask) >> stage("help", helper)
///
/// All calls of a round run at once, each as a chain of its own within the run: traced, cancelled and bounded with it. A call of a tool that is
/// not there, arguments that are not right and a tool that fails, with its code and text, are told to the model and do not fail the run; parking and draining do.
/// \threads   safe
/// \cancel    terminal: the model's call and the tools' are told
/// \errors    as chat_model; errc::budget_exceeded: most_rounds, most_calls, most_tokens or most_money is reached, and the model wants to go on;
///            errc::timed_out: most_time; errc::bad_response: the model had to stop within its calls. Nothing that was said is told
class agent {
 public:
  /// Not to be made inside of a co_await expression (g++ 12).
  /// \errors std::invalid_argument: an option is out of range, two tools have one name, or the provider has no tools; graph_error: a stage of a
  ///         tool cannot be built
  agent(const chat_model& chat, const std::vector<agent_tool>& tools, const agent_options& options);
  agent(const chat_model& chat, const std::vector<agent_tool>& tools) : agent(chat, tools, agent_options{}) {}

  /// Throws catena::error.
  [[nodiscard]] boost::asio::awaitable<answer> operator()(call c, const messages& asked) const {
    return detail::answer_of_agent(core_, c.options(), asked);
  }
  [[nodiscard]] boost::asio::awaitable<answer> operator()(call c, const std::string& prompt) const {
    return detail::answer_of_agent(core_, c.options(), detail::as_messages(prompt));
  }

  /// The same with all that was said on the way, as who goes on with the conversation needs it.
  [[nodiscard]] boost::asio::awaitable<agent_result> run(call c, messages asked) const { return run(c.options(), std::move(asked)); }
  [[nodiscard]] boost::asio::awaitable<agent_result> run(run_options within, messages asked) const {
    return detail::run_agent(core_, within, std::move(asked));
  }

 private:
  std::shared_ptr<const detail::agent_core> core_;
};

}  // namespace catena::llm
