// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/conversation.hpp>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace catena::llm {
namespace {

token_meter meter_of(const conversation_options& o) {
  check(o);
  return {o.count, o.count_error, o.other_tokens};
}

failure not_said(std::string why) { return {errc::invalid_input, std::move(why)}; }

}  // namespace

void check(const conversation_options& o) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(std::string("conversation_options::") + what);
  };
  require(o.budget_tokens >= 1, "budget_tokens must be at least 1");
  require(o.answer_tokens >= 0 && o.answer_tokens < o.budget_tokens, "answer_tokens must be at least 0 and less than budget_tokens");
  require(o.keep > 0 && o.keep < 1, "keep must be above 0 and below 1");
  require(o.count_error >= 0 && o.count_error <= 1, "count_error must be from 0 to 1");
  require(o.other_tokens >= 0, "other_tokens must be at least 0");
  require(o.summary_role == role::user || o.summary_role == role::system, "summary_role must be user or system");
  require(!o.summary_request.empty(), "summary_request must not be empty");
  token_meter meter(o.count, o.count_error, o.other_tokens);
  if (!o.system.empty()) meter.push(meter.count(message::system(o.system)));
  require(meter.size().most < o.budget_tokens - o.answer_tokens, "system and other_tokens leave nothing of budget_tokens");
}

conversation::conversation(conversation_options options) : options_(std::move(options)), meter_(meter_of(options_)) {
  if (!options_.system.empty()) push(message::system(options_.system));
}

result<void> conversation::add(message m) {
  if (failure why = misplaced(m); why.is_set()) return why;
  const bool begins = m.role == role::user;
  push(std::move(m));
  if (!fit()) {
    const std::int64_t alone = meter_.size_without(fixed(), turns().back()).most;
    meter_.erase(all_.size() - 1, all_.size());
    all_.pop_back();
    return not_said("the last turn takes up to " + std::to_string(alone) + " tokens with what is always sent, and " + std::to_string(limit()) +
                    " may be sent");
  }
  if (begins) ++stats_.turns;
  return {};
}

void conversation::answered(const answer& a) {
  const std::size_t sent = all_.size();
  if (a.usage) meter_.counted(a.usage->input);
  if (last_sent_ != 0) ++stats_.prefix_kept;
  ++stats_.answers;
  spent(a);
  if (sent > head() && all_.back().role == role::assistant && all_.back().tool_calls.empty() && a.message.tool_calls.empty()) {
    // It has gone on with what was begun for it: that message is another one now.
    message whole = std::move(all_.back());
    whole.content += a.message.content;
    meter_.erase(sent - 1, sent);
    all_.pop_back();
    push(std::move(whole));
    last_sent_ = 0;
    return;
  }
  push(a.message);
  all_.back().role = role::assistant;
  last_sent_ = sent;
  if (!a.usage) return;
  constexpr std::int64_t around = 4;  // what a template puts around it when it is read again
  const bool is_read_again = !a.message.tool_calls.empty();  // what was thought
  const std::int64_t written = a.usage->output - (is_read_again ? 0 : std::clamp<std::int64_t>(a.usage->reasoning, 0, a.usage->output));
  if (written > 0) meter_.wrote(written + around);
}

std::vector<tool_call> conversation::open_calls() const {
  const auto last = std::ranges::find_if(all_.rbegin(), all_.rend(), [](const message& m) { return m.role != role::tool; });
  if (last == all_.rend()) return {};
  std::vector<tool_call> open = last->tool_calls;
  for (auto m = last.base(); m != all_.end(); ++m) {
    const auto call = std::ranges::find(open, m->tool_call_id, &tool_call::id);
    if (call != open.end()) open.erase(call);
  }
  return open;
}

messages conversation::undo() {
  const std::vector<std::size_t> starts = turns();
  if (starts.empty()) return {};
  const auto first = all_.begin() + static_cast<std::ptrdiff_t>(starts.back());
  messages undone(std::make_move_iterator(first), std::make_move_iterator(all_.end()));
  meter_.erase(starts.back(), all_.size());
  all_.erase(first, all_.end());
  if (all_.size() < last_sent_) last_sent_ = 0;
  return undone;
}

messages conversation::summary_request() const {
  if (unsummarised_.empty()) return {};
  messages asked(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(head()));
  asked.insert(asked.end(), unsummarised_.begin(), unsummarised_.end());
  asked.push_back(message::user(options_.summary_request));
  return asked;
}

result<void> conversation::summarised(std::string text) {
  if (unsummarised_.empty()) return not_said("there is nothing to summarise");
  if (text.find_first_not_of(" \t\r\n") == text.npos) return not_said("the summary is empty");
  message m = summary_message(text);
  const std::int64_t tokens = meter_.count(m);
  if (meter_.size_without(fixed(), head()).most + meter_.most_of(tokens) > limit())
    return not_said("the summary takes up to " + std::to_string(meter_.most_of(tokens)) + " tokens, for which the budget has no room");
  if (!summary_.empty()) drop(fixed(), head());
  all_.insert(all_.begin() + static_cast<std::ptrdiff_t>(fixed()), std::move(m));
  meter_.insert(fixed(), tokens);
  summary_ = std::move(text);
  unsummarised_.clear();
  last_sent_ = 0;
  ++stats_.summaries;
  return {};
}

result<void> conversation::summarised(const answer& a) {
  spent(a);
  return summarised(a.message.content);
}

void conversation::not_summarised() {
  if (!unsummarised_.empty()) ++stats_.lost_summaries;
  unsummarised_.clear();
}

message conversation::summary_message(const std::string& text) const { return {options_.summary_role, "What was said before, in short:\n" + text}; }

failure conversation::misplaced(const message& m) const {
  const std::vector<tool_call> open = open_calls();
  if (m.role == role::system) return not_said("a conversation has one system's message, which is conversation_options::system");
  if (m.role == role::tool) {
    if (std::ranges::find(open, m.tool_call_id, &tool_call::id) != open.end()) return {};
    return not_said("no call of a tool waits for a result with the id '" + m.tool_call_id + "'");
  }
  if (!open.empty()) return not_said("the call of the tool '" + open.front().name + "' waits for its result");
  return {};
}

std::vector<std::size_t> conversation::turns() const {
  std::vector<std::size_t> starts;
  for (std::size_t i = head(); i < all_.size(); ++i)
    if (i == head() || all_[i].role == role::user) starts.push_back(i);
  return starts;
}

/// Lets turns go until the rest fits; false: the last one does not, even alone.
bool conversation::fit() {
  if (meter_.size().most <= limit()) return true;
  const std::vector<std::size_t> starts = turns();
  const auto target = static_cast<std::int64_t>(options_.keep * static_cast<double>(limit()));
  for (std::size_t i = 1; i < starts.size(); ++i) {
    const token_range left = meter_.size_without(head(), starts[i]);
    if (left.most > limit() || (left.likely > target && i + 1 != starts.size())) continue;
    trim(head(), starts[i]);
    return true;
  }
  const std::size_t last = starts.empty() ? all_.size() : starts.back();
  if (summary_.empty() || meter_.size_without(fixed(), last).most > limit()) return false;
  trim(fixed(), last);  // with the summary
  summary_.clear();
  return true;
}

void conversation::trim(std::size_t first, std::size_t last) {
  not_summarised();  // of the last time
  const auto gone = std::make_move_iterator(all_.begin());
  if (options_.old_turns == old_turns::summarised)
    unsummarised_.assign(gone + static_cast<std::ptrdiff_t>(first), gone + static_cast<std::ptrdiff_t>(last));
  drop(first, last);
  ++stats_.trims;
}

void conversation::drop(std::size_t first, std::size_t last) {
  all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(first), all_.begin() + static_cast<std::ptrdiff_t>(last));
  meter_.erase(first, last);
  last_sent_ = 0;
}

void conversation::push(message m) {
  meter_.push(meter_.count(m));
  all_.push_back(std::move(m));
}

void conversation::spent(const answer& a) {
  if (a.usage) stats_.used += *a.usage;
  stats_.cost += a.cost;
}

}  // namespace catena::llm
