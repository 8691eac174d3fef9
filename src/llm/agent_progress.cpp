// SPDX-License-Identifier: BSL-1.0
#include "agent_core.hpp"

#include <utility>

namespace catena::llm::detail {
namespace {

/// Some servers give no ids, and none takes an answer to a call without one.
void name_calls(std::vector<tool_call>& calls, int round) {
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (calls[i].id.empty()) calls[i].id = "call_" + std::to_string(round) + "_" + std::to_string(i + 1);
}

bool had_to_stop(finish f) noexcept { return f == finish::length || f == finish::content_filter; }

/// What ends the run although it is only a tool that fails: nobody could go on, or somebody else is to.
bool ends_all(const failure& why) noexcept { return why.is(errc::parked) || why.is(errc::shutting_down); }

}  // namespace

result<bool> agent_progress::take(answer a) {
  if (a.usage) {
    if (!usage_) usage_.emplace();
    *usage_ += *a.usage;
  }
  cost_ += a.cost;
  name_calls(a.message.tool_calls, round_);
  all_.push_back(a.message);
  last_ = std::move(a);
  if (wanted().empty()) return false;
  calls_ += static_cast<std::int64_t>(wanted().size());
  if (had_to_stop(last_.finish))
    return failure(errc::bad_response, options_.name + ": the model had to stop within a call of a tool, because of: " + std::string(to_string(last_.finish)));
  if (failure over = over_a_limit(); over.is_set()) return over;
  ++round_;
  return true;
}

failure agent_progress::over_a_limit() const {
  const auto over = [&](const std::string& what) {
    return failure(errc::budget_exceeded, options_.name + ": " + what + ", and the model wants to call tools, in round " + std::to_string(round_));
  };
  if (round_ >= options_.most_rounds) return over("most_rounds is " + std::to_string(options_.most_rounds));
  if (calls_ > options_.most_calls) return over("most_calls is " + std::to_string(options_.most_calls));
  if (options_.most_tokens > 0 && usage_ && usage_->total() >= options_.most_tokens)
    return over("most_tokens is " + std::to_string(options_.most_tokens) + ", it took " + std::to_string(usage_->total()));
  if (options_.most_money > money{} && cost_ >= options_.most_money)
    return over("most_money is " + options_.most_money.to_string() + ", it took " + cost_.to_string());
  return {};
}

result<void> agent_progress::take(const tool_results& came) {
  const std::vector<tool_call> calls = wanted();  // as what comes behind them moves them
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (!came[i] && ends_all(came[i].error())) return came[i].error();
    all_.push_back(message::tool(calls[i].id, told(came[i])));
  }
  return {};
}

std::string agent_progress::told(const result<std::string>& came) const {
  const std::string text =
      came ? *came : "error: " + came.error().code().message() + (came.error().message().empty() ? "" : ": " + came.error().message());
  if (text.size() <= options_.most_result_bytes) return text;
  std::size_t end = options_.most_result_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // whole characters
  return text.substr(0, end) + "\n(cut off here: " + std::to_string(end) + " of " + std::to_string(text.size()) + " bytes)";
}

agent_result agent_progress::end(duration took) {
  agent_result r;
  r.answer = std::move(last_);
  r.answer.usage = usage_;
  r.answer.cost = cost_;
  r.answer.took = took;
  r.rounds = round_;
  all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(asked_));
  r.added = std::move(all_);
  return r;
}

}  // namespace catena::llm::detail
