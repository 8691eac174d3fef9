// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the runs of one agent share, and how far one of them has come.
#include <catena/chain/chain.hpp>
#include <catena/chain/each.hpp>
#include <catena/llm/agent.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace catena::llm::detail {

using bound_tools = std::map<std::string, agent_tool::bound, std::less<>>;
using tool_results = std::vector<result<std::string>>;

/// \threads  an immutable value
class agent_core {
 public:
  agent_core(const chat_model& chat, const std::vector<agent_tool>& tools, const agent_options& options);

  [[nodiscard]] const agent_options& options() const noexcept { return options_; }
  /// A model that has to call a tool has to do so once.
  [[nodiscard]] const chat_model& chat(int round) const noexcept { return round == 1 ? first_ : later_; }
  /// All calls of a round at once.
  [[nodiscard]] const chain<std::vector<tool_call>, tool_results>& calls() const noexcept { return calls_; }
  [[nodiscard]] time_point now() const noexcept { return first_.get_runtime().now(); }

 private:
  const agent_options options_;
  const chat_model first_;
  const chat_model later_;
  const chain<std::vector<tool_call>, tool_results> calls_;
};

/// One run: a policy, without a model and a clock.
class agent_progress {
 public:
  agent_progress(const agent_options& options, messages asked) : options_(options), asked_(asked.size()), all_(std::move(asked)) {}

  [[nodiscard]] const messages& all() const noexcept { return all_; }
  [[nodiscard]] int round() const noexcept { return round_; }

  /// The model has answered. True: it wants calls; false: that was all.
  /// \errors errc::bad_response: it had to stop within its calls; errc::budget_exceeded
  [[nodiscard]] result<bool> take(answer a);
  [[nodiscard]] const std::vector<tool_call>& wanted() const noexcept { return all_.back().tool_calls; }
  /// What came of them, in their order.
  /// \errors those of a tool's that the model is not to be told
  [[nodiscard]] result<void> take(const tool_results& came);

  [[nodiscard]] agent_result end(duration took);

 private:
  [[nodiscard]] failure over_a_limit() const;
  [[nodiscard]] std::string told(const result<std::string>& came) const;

  const agent_options& options_;
  std::size_t asked_;
  messages all_;
  int round_ = 1;
  std::int64_t calls_ = 0;  ///< of tools so far
  std::optional<token_usage> usage_;
  money cost_;
  answer last_;
};

}  // namespace catena::llm::detail
