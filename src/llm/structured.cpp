// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/structured.hpp>

#include "shape_reader.hpp"
#include "shape_writer.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace catena::llm::detail {

/// What asks for values of one shape.
class structured_core {
 public:
  structured_core(const chat_model& chat, const structured_options& options, const shape& of) : options_(options), of_(&of), chat_(chat) {
    if (options.repairs < 0 || options.repairs > 10)
      throw std::invalid_argument("structured_options::repairs must be 0 to 10, is " + std::to_string(options.repairs));
    chat_settings how = chat.settings();
    how.format = {.mode = chat.options().provider.json, .name = options.name, .schema = schema_text(of)};
    if (has_maps(of)) how.format.held = adherence::loose;
    if (how.format.mode != json_mode::schema)
      told_ = "Answer with one JSON object and nothing else. It is to be of this JSON schema:\n" + how.format.schema;
    chat_ = chat.with(std::move(how));
  }

  [[nodiscard]] const chat_model& chat() const noexcept { return chat_; }
  [[nodiscard]] int repairs() const noexcept { return options_.repairs; }
  [[nodiscard]] std::optional<misread> read(const answer& from, void* to) const { return read_value(*of_, from.text(), to); }

  /// With what the server cannot be told otherwise. One system message is more than some models take, so there are never two.
  [[nodiscard]] messages completed(messages asked) const {
    if (told_.empty()) return asked;
    if (!asked.empty() && asked.front().role == role::system) asked.front().content += "\n\n" + told_;
    else asked.insert(asked.begin(), message::system(told_));
    return asked;
  }

  [[nodiscard]] failure wrong(const misread& what, int repairs, const answer& last) const {
    const std::string after = repairs == 0 ? "" : repairs == 1 ? " after 1 repair" : " after " + std::to_string(repairs) + " repairs";
    const std::string stopped = last.finish == finish::stop ? "" : " (it stopped because of: " + std::string(to_string(last.finish)) + ")";
    return {errc::bad_response, "what is answered is no '" + options_.name + "'" + after + ": " + what.shown + stopped};
  }

 private:
  structured_options options_;
  const shape* of_;
  std::string told_;
  chat_model chat_;
};

std::shared_ptr<const structured_core> make_structured(const chat_model& chat, const structured_options& options, const shape& of) {
  return std::make_shared<const structured_core>(chat, options, of);
}

namespace {

/// What a model is told of its answer; one that is blank is not shown to it, as servers take no message without content.
void add_repair(messages& so_far, const answer& a, const misread& what) {
  if (a.text().find_first_not_of(" \t\r\n") != std::string::npos) so_far.push_back(message::assistant(a.text()));
  so_far.push_back(message::user("That is not what was asked for. " + what.told + ". Answer again: the whole JSON object, corrected, and nothing else."));
}

}  // namespace

boost::asio::awaitable<void> ask_structured(std::shared_ptr<const structured_core> core, run_options within, messages asked, void* to) {
  messages so_far = core->completed(std::move(asked));
  std::vector<std::string> mistakes;
  for (int repairs = 0;; ++repairs) {
    auto asking = core->chat().ask(within, so_far);
    const answer a = co_await std::move(asking);
    const std::optional<misread> wrong = core->read(a, to);
    if (!wrong) co_return;
    const bool has_said_all = a.finish == finish::stop || a.finish == finish::other;
    const bool is_new = std::ranges::find(mistakes, wrong->told) == mistakes.end();
    if (!has_said_all || !is_new || repairs == core->repairs()) throw error(core->wrong(*wrong, repairs, a));
    mistakes.push_back(wrong->told);
    add_repair(so_far, a, *wrong);
  }
}

}  // namespace catena::llm::detail
