// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/conversation.hpp>

#include "message_text.hpp"
#include "request_body.hpp"

#include <span>
#include <string>
#include <utility>

namespace catena::llm {

using nlohmann::json;

namespace {

void append_messages(std::string& to, std::span<const message> all) {
  char before = '[';
  for (const message& m : all) {
    to += before;
    append_message(to, m, told_reasoning::all);
    before = ',';
  }
  to += all.empty() ? "[]" : "]";
}

}  // namespace

namespace detail {

/// Reads a conversation, and remembers the first thing that is wrong.
class conversation_reader {
 public:
  explicit conversation_reader(conversation_options options) : c_(std::move(options)) {}

  [[nodiscard]] result<conversation> read(const json& j) {
    if (!j.is_object()) return failure(errc::invalid_input, "(document): a JSON object is expected");
    const std::string system = text(j, "/system");
    for (const char* const object : {"/stats", "/counted"})
      if (!at(j, object).is_null() && !at(j, object).is_object()) wrong(object, "an object is expected");
    read_summary(j);
    read_messages(j);
    read_stats(j);
    if (system == c_.options_.system) read_known(j);
    if (wrong_.is_set()) return wrong_;
    // Behind what the model has said comes something that makes room for itself.
    const bool is_sent_next = !c_.all_.empty() && c_.all_.back().role != role::assistant;
    if (is_sent_next && !c_.fit()) return failure(errc::invalid_input, "/messages: the last turn is over the budget");
    return std::move(c_);
  }

 private:
  void wrong(const std::string& pointer, const std::string& what) {
    if (!wrong_.is_set()) wrong_ = failure(errc::invalid_input, pointer + ": " + what);
  }

  /// What is at a pointer; null: nothing.
  [[nodiscard]] static const json& at(const json& j, const std::string& pointer) {
    static const json none;
    const json::json_pointer p(pointer);
    return j.contains(p) ? j.at(p) : none;
  }
  [[nodiscard]] std::string text(const json& j, const std::string& pointer) {
    const json& found = at(j, pointer);
    if (found.is_string()) return found.get<std::string>();
    if (!found.is_null()) wrong(pointer, "a text is expected");
    return {};
  }
  [[nodiscard]] std::int64_t number(const json& j, const std::string& pointer) {
    const json& found = at(j, pointer);
    if (found.is_number_unsigned() && found.get<std::uint64_t>() <= largest) return found.get<std::int64_t>();
    if (!found.is_null()) wrong(pointer, "a number from 0 to 9007199254740992 is expected");
    return 0;
  }
  [[nodiscard]] messages list(const json& j, const std::string& pointer) {
    const json& found = at(j, pointer);
    if (found.is_null()) return {};
    result<messages> all = messages_of(found, pointer);
    if (all) return *std::move(all);
    if (!wrong_.is_set()) wrong_ = all.error();
    return {};
  }

  void read_summary(const json& j) {
    std::string summary = text(j, "/summary");
    if (summary.empty()) return;
    c_.push(c_.summary_message(summary));
    c_.summary_ = std::move(summary);
  }
  void read_messages(const json& j) {
    std::size_t i = 0;
    for (message& m : list(j, "/messages")) {
      if (const failure why = c_.misplaced(m); why.is_set()) return wrong("/messages/" + std::to_string(i), why.message());
      c_.push(std::move(m));
      ++i;
    }
    if (messages gone = list(j, "/unsummarised"); c_.options_.old_turns == old_turns::summarised) c_.unsummarised_ = std::move(gone);
  }
  void read_stats(const json& j) {
    conversation_stats& s = c_.stats_;
    const struct {
      const char* name;
      std::int64_t& to;
    } numbers[] = {{"turns", s.turns},
                   {"answers", s.answers},
                   {"prefix_kept", s.prefix_kept},
                   {"trims", s.trims},
                   {"summaries", s.summaries},
                   {"lost_summaries", s.lost_summaries},
                   {"input", s.used.input},
                   {"cached_input", s.used.cached_input},
                   {"output", s.used.output},
                   {"reasoning", s.used.reasoning},
                   {"cost_nanos", s.cost.nanos}};
    for (const auto& [name, to] : numbers) to = number(j, std::string("/stats/") + name);
  }
  void read_known(const json& j) {
    if (at(j, "/counted").is_null()) return;
    const auto place = [&](const std::string& pointer) {
      const auto n = static_cast<std::size_t>(number(j, pointer));
      if (n > c_.all_.size()) wrong(pointer, "there are no more than " + std::to_string(c_.all_.size()) + " messages");
      return n;
    };
    c_.last_sent_ = place("/last_sent");
    counted_messages known{.messages = place("/counted/messages"), .tokens = {.likely = number(j, "/counted/likely"), .most = number(j, "/counted/most")}};
    const json& scale = at(j, "/counted/scale");
    known.scale = scale.is_number() ? scale.get<double>() : 0;
    if (!(known.scale >= 0.1 && known.scale <= 10)) return wrong("/counted/scale", "a number from 0.1 to 10 is expected");
    if (known.tokens.most < known.tokens.likely) return wrong("/counted/most", "no less than what is likely is expected");
    c_.meter_.restore(known);
  }

  static constexpr std::uint64_t largest = 9007199254740992;  // whole numbers up to there survive JSON
  conversation c_;
  failure wrong_;
};

}  // namespace detail

std::string conversation::to_json() const {
  const counted_messages& known = meter_.known();
  const conversation_stats& s = stats_;
  json j{{"last_sent", last_sent_},
         {"counted", {{"messages", known.messages}, {"likely", known.tokens.likely}, {"most", known.tokens.most}, {"scale", known.scale}}},
         {"stats",
          {{"turns", s.turns},
           {"answers", s.answers},
           {"prefix_kept", s.prefix_kept},
           {"trims", s.trims},
           {"summaries", s.summaries},
           {"lost_summaries", s.lost_summaries},
           {"input", s.used.input},
           {"cached_input", s.used.cached_input},
           {"output", s.used.output},
           {"reasoning", s.used.reasoning},
           {"cost_nanos", s.cost.nanos}}}};
  if (!options_.system.empty()) j["system"] = options_.system;
  if (!summary_.empty()) j["summary"] = summary_;
  std::string text = "{\"messages\":";
  append_messages(text, std::span(all_).subspan(head()));
  text += ",\"unsummarised\":";
  append_messages(text, unsummarised_);
  return text.append(",").append(text_of(j), 1);
}

result<conversation> conversation::from_json(std::string_view text, conversation_options options) {
  return detail::conversation_reader(std::move(options)).read(json::parse(text, nullptr, false));
}

}  // namespace catena::llm
