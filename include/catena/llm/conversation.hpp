// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A conversation with a model that stays within a budget of tokens.
#include <catena/llm/answer.hpp>
#include <catena/llm/message.hpp>
#include <catena/llm/token_meter.hpp>
#include <catena/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena::llm {

namespace detail {
class conversation_reader;
}

/// What becomes of the oldest turns when a conversation passes its budget.
enum class old_turns : std::uint8_t { dropped, summarised };

struct conversation_options {
  std::int64_t budget_tokens = 16'000;  ///< of what is sent with the answer to it, 1 or more
  std::int64_t answer_tokens = 0;       ///< of these, left for the answer, as chat_settings::max_tokens, 0 or more; zero: the budget is for what is sent
  std::string system = {};              ///< the message that always comes first; empty: none
  double keep = 0.5;                    ///< the share that is left when turns go, above 0 and below 1; where less is kept, the prefix lasts longer
  token_counter count = {};             ///< of a text, throws nothing; empty: estimate_tokens()
  double count_error = 0.3;             ///< the share by which a count may be too low, 0 to 1: what no server has counted takes so much more
  std::int64_t other_tokens = 0;        ///< sent beside the messages, as descriptions of tools are, 0 or more
  llm::old_turns old_turns = llm::old_turns::dropped;
  llm::role summary_role = role::user;  ///< whose message the summary is, user or system; who has a say in it has a say in that role
  std::string summary_request = "Summarise our conversation so far for yourself, as you will not see it any more: facts, names, numbers, what was "
                                "decided, and what is still open. Say nothing but the summary.";
};

/// \errors std::invalid_argument naming the member that is out of range
void check(const conversation_options& options);

/// What has happened since a conversation began, what was undone as well.
struct conversation_stats {
  std::int64_t turns = 0;           ///< messages of the user
  std::int64_t answers = 0;
  std::int64_t prefix_kept = 0;     ///< answers to what began with all that had been sent for the answer before, byte by byte
  std::int64_t trims = 0;           ///< times when the oldest turns went
  std::int64_t summaries = 0;
  std::int64_t lost_summaries = 0;  ///< trims of which there is no summary although there was to be one
  token_usage used = {};            ///< with what summaries took
  money cost = {};

  /// What the server still knew, of what it read.
  [[nodiscard]] double hit_share() const noexcept { return used.hit_share(); }
  friend bool operator==(const conversation_stats&, const conversation_stats&) = default;
};

/// What was said, within a budget. A turn is a message of the user with all that follows until the next one. What would pass the budget lets
/// whole turns go, oldest first, until only a share of it is left: so most turns are sent with the same prefix, which the server's cache
/// knows, and no tool's result without its call. The budget holds by the server's count, unless an estimate is wrong by more than it may be.
/// A copy is a branch, or a state to come back to; it copies what is within the budget.
/// \threads  distinct objects: safe; shared objects: unsafe
/// \cost     an estimate of each message, once; a trim is linear in the messages
class conversation {
 public:
  /// \errors std::invalid_argument naming the member of the options that is out of range
  explicit conversation(conversation_options options);

  /// Begins a turn. One that got no answer stays: undo() takes it back, so that it can be said again.
  /// \errors as add()
  [[nodiscard]] result<void> user(std::string text) { return add(message::user(std::move(text))); }
  /// What a tool has said to the call of that id.
  /// \errors as add()
  [[nodiscard]] result<void> tool(std::string call_id, std::string text) { return add(message::tool(std::move(call_id), std::move(text))); }
  /// Of the user, of a tool, or of an assistant that has said it elsewhere.
  /// \errors errc::invalid_input: it cannot be said here, or its turn is over the budget alone; then nothing has changed, and nothing is lost
  [[nodiscard]] result<void> add(message m);
  /// The model's answer to to_send(), with what it took. If the last message was the assistant's, it has gone on with that.
  void answered(const answer& a);

  /// What goes to the model: the system's message, the summary, and the turns that are left.
  [[nodiscard]] const messages& to_send() const noexcept { return all_; }
  /// Its size, with what is sent beside it.
  [[nodiscard]] token_range size() const { return meter_.size(); }
  /// The tools that are to be called before anything else can be said.
  [[nodiscard]] std::vector<tool_call> open_calls() const;
  /// Takes the last turn back, and returns it; none: there is none. What it has pushed out does not come back: for that, keep a copy.
  messages undo();

  /// The turns that are gone from to_send() and in no summary; empty unless they are to be. Those of the last trim: earlier ones are lost.
  [[nodiscard]] const messages& to_summarise() const noexcept { return unsummarised_; }
  /// What asks a model for the summary. All but its last message is what was sent before, so that the cache knows it. See summarise().
  [[nodiscard]] messages summary_request() const;
  /// Puts a summary in their place, and in that of the summary before, which was a part of the request.
  /// \errors errc::invalid_input: it is empty or does not fit, or there is nothing to summarise; then nothing has changed
  [[nodiscard]] result<void> summarised(std::string text);
  /// The same of what a model has said; what it took counts in any case.
  /// \errors as above
  [[nodiscard]] result<void> summarised(const answer& a);
  /// There will be none: what was to be summarised is lost.
  void not_summarised();
  [[nodiscard]] const std::string& summary() const noexcept { return summary_; }

  [[nodiscard]] const conversation_options& options() const noexcept { return options_; }
  [[nodiscard]] const conversation_stats& stats() const noexcept { return stats_; }

  /// As a JSON object with what was said, what the server has counted, and the stats; the options are no part of it, but for the system's message.
  [[nodiscard]] std::string to_json() const;
  /// With a system's message other than the one it was written with, what the server had counted is forgotten. Where the budget is smaller,
  /// turns go, at the latest with the next message.
  /// \errors errc::invalid_input with the JSON pointer of what is wrong; std::invalid_argument as the constructor
  [[nodiscard]] static result<conversation> from_json(std::string_view text, conversation_options options);

 private:
  friend class detail::conversation_reader;

  [[nodiscard]] std::size_t fixed() const noexcept { return options_.system.empty() ? 0 : 1; }
  [[nodiscard]] std::size_t head() const noexcept { return fixed() + (summary_.empty() ? 0 : 1); }
  [[nodiscard]] std::int64_t limit() const noexcept { return options_.budget_tokens - options_.answer_tokens; }
  [[nodiscard]] message summary_message(const std::string& text) const;
  [[nodiscard]] failure misplaced(const message& m) const;
  /// Where the turns begin.
  [[nodiscard]] std::vector<std::size_t> turns() const;
  [[nodiscard]] bool fit();
  void trim(std::size_t first, std::size_t last);
  void drop(std::size_t first, std::size_t last);
  void push(message m);
  void spent(const answer& a);

  conversation_options options_;
  messages all_;
  token_meter meter_;              ///< of all_
  std::string summary_;
  messages unsummarised_;
  std::size_t last_sent_ = 0;      ///< messages that the model was sent last, all of them still there; zero: one of them is not
  conversation_stats stats_;
};

}  // namespace catena::llm
