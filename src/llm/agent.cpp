// SPDX-License-Identifier: BSL-1.0
#include "agent_core.hpp"

#include "shape_reader.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace catena::llm {
namespace detail {
namespace {

const agent_options& checked(const agent_options& o) {
  const auto wrong = [](const std::string& what) { throw std::invalid_argument("agent_options::" + what); };
  if (o.most_rounds < 1 || o.most_rounds > 1000) wrong("most_rounds must be 1 to 1000, is " + std::to_string(o.most_rounds));
  if (o.most_calls < 1) wrong("most_calls must be at least 1, is " + std::to_string(o.most_calls));
  if (o.most_tokens < 0) wrong("most_tokens must be 0 or more");
  if (o.most_money < money{}) wrong("most_money must be 0 or more");
  if (o.most_time < duration{}) wrong("most_time must be 0 or more");
  if (o.width < 1) wrong("width must be at least 1");
  if (o.most_result_bytes < 1) wrong("most_result_bytes must be at least 1");
  return o;
}

chat_model with_tools(const chat_model& chat, const std::vector<agent_tool>& tools) {
  chat_settings how = chat.settings();
  how.tools.clear();
  for (const agent_tool& t : tools) how.tools.push_back(t.spec());
  return chat.with(std::move(how));
}

chat_model at_will(const chat_model& chat) {
  if (chat.settings().tool_choice != tool_choice::required) return chat;
  chat_settings how = chat.settings();
  how.tool_choice = tool_choice::automatic;
  return chat.with(std::move(how));
}

boost::asio::awaitable<std::string> run_tool(std::shared_ptr<const bound_tools> all, call c, tool_call asked) {
  const auto found = all->find(asked.name);
  if (found == all->end()) {
    std::string names;
    for (const auto& [name, tool] : *all) names += (names.empty() ? "" : ", ") + name;
    throw error(failure(errc::invalid_input, "there is no such tool; there are: " + names));
  }
  auto running = found->second(c, std::move(asked.arguments));
  std::string text = co_await std::move(running);
  co_return text;
}

chain<std::vector<tool_call>, tool_results> chain_of(const runtime& rt, const std::vector<agent_tool>& tools, const agent_options& options) {
  auto all = std::make_shared<bound_tools>();
  for (const agent_tool& t : tools) all->emplace(t.spec().name, t.on(rt));
  const auto run = [all = std::shared_ptr<const bound_tools>(std::move(all))](call c, const tool_call& asked) { return run_tool(all, c, asked); };
  return make_chain<std::vector<tool_call>>(rt, options.name, [&](auto in) { return in >> each_result("calls", stage("tool", run), options.width); });
}

boost::asio::awaitable<agent_result> run_rounds(std::shared_ptr<const agent_core> core, run_options within, messages asked) {
  const time_point began = core->now();
  agent_progress so_far(core->options(), std::move(asked));
  for (;;) {
    auto asking = core->chat(so_far.round()).ask(within, so_far.all());
    answer a = co_await std::move(asking);
    if (!so_far.take(std::move(a)).value()) co_return so_far.end(core->now() - began);
    auto calling = core->calls()(so_far.wanted(), within);
    const tool_results came = co_await std::move(calling);
    so_far.take(came).value();
  }
}

}  // namespace

agent_core::agent_core(const chat_model& chat, const std::vector<agent_tool>& tools, const agent_options& options)
    : options_(checked(options)), first_(with_tools(chat, tools)), later_(at_will(first_)), calls_(chain_of(chat.get_runtime(), tools, options)) {}

boost::asio::awaitable<agent_result> run_agent(std::shared_ptr<const agent_core> core, run_options within, messages asked) {
  const agent_options& options = core->options();
  const time_point own_end = options.most_time > duration{} ? catena::detail::later(core->now(), options.most_time) : no_deadline;
  const bool is_own = own_end < within.deadline;
  within.deadline = std::min(within.deadline, own_end);
  try {
    auto running = run_rounds(core, within, std::move(asked));
    agent_result r = co_await std::move(running);
    co_return r;
  } catch (const error& e) {
    if (!is_own || !e.why().is(errc::deadline_exceeded)) throw;
    throw error(failure(errc::timed_out, options.name + ": most_time is " + catena::detail::in_words(options.most_time)).with_cause(std::current_exception()));
  }
}

boost::asio::awaitable<answer> answer_of_agent(std::shared_ptr<const agent_core> core, run_options within, messages asked) {
  auto running = run_agent(std::move(core), within, std::move(asked));
  agent_result r = co_await std::move(running);
  co_return std::move(r.answer);
}

result<void> read_arguments(const shape& of, const std::string& text, void* to) {
  const bool is_blank = text.find_first_not_of(" \t\r\n") == text.npos;  // some models say so that there are none
  if (const auto wrong = read_value(of, is_blank ? std::string_view("{}") : text, to))
    return failure(errc::invalid_input, "the arguments are not right: " + wrong->told);
  return {};
}

}  // namespace detail

agent::agent(const chat_model& chat, const std::vector<agent_tool>& tools, const agent_options& options)
    : core_(std::make_shared<const detail::agent_core>(chat, tools, options)) {}

}  // namespace catena::llm
