// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the servers that speak the OpenAI protocol can do, and how each wants it said.
#include <catena/llm/price.hpp>

#include <cstdint>
#include <string>

namespace catena::llm {

/// What a server can be held to when it is to answer JSON.
enum class json_mode : std::uint8_t {
  none,    ///< nothing: the prompt asks for it
  object,  ///< that it is some JSON object
  schema   ///< that it is of a schema
};

/// How one is told whether to think before it answers.
enum class thinking_switch : std::uint8_t {
  none,             ///< not at all
  thinking_object,  ///< {"thinking": {"type": "enabled"}}, and "reasoning_effort"
  effort,           ///< "reasoning_effort" alone
  template_option   ///< {"chat_template_kwargs": {"enable_thinking": true}}
};

/// How one goes on with a message that the caller has begun; the answer is what comes behind it.
enum class prefix_support : std::uint8_t {
  none,
  beta,         ///< the message says "prefix": true, and is posted under /beta
  last_message, ///< an assistant's message that comes last is gone on with, and may be repeated in a whole answer
  on_request    ///< the same, where "continue_final_message" asks for it
};

/// Which tools a model may be made to call.
enum class tool_support : std::uint8_t {
  none,
  by_choice,  ///< it decides itself
  forced      ///< it can be made to call one, or a certain one
};

/// One row of the table.
struct provider {
  std::string name;
  std::string base_url;               ///< "chat/completions" comes under it; empty: the user says
  std::string model = {};             ///< unless another one is asked for
  std::string key_variable = {};      ///< of the environment, where the key is; empty: none is needed
  json_mode json = json_mode::none;
  tool_support tools = tool_support::none;
  thinking_switch thinking = thinking_switch::none;
  prefix_support prefix = prefix_support::none;
  bool closes_streams = false;        ///< it closes a connection behind a streamed answer, and says that it keeps it
  std::string length_field = "max_tokens";
  std::string user_field = {};        ///< what tells its users apart; empty: nothing does
  std::int64_t most_in_flight = 0;    ///< at once, as it says itself; zero: it says nothing
  std::int64_t context_tokens = 0;    ///< of what is read and written together; zero: unknown
  price_table prices = {};
};

/// DeepSeek, as its documentation says it in November 2026. It thinks by default, and is told not to unless asked. What it thought before it
/// called tools stays in the conversation, or it refuses to go on. Its limit is how much one account has in flight. Prices are in dollars;
/// they are halved outside of peak hours, and on Chinese holidays, which the table does not know.
/// \source api-docs.deepseek.com: Models & Pricing, Rate Limit, Thinking Mode, JSON Output, Tool Calls
[[nodiscard]] const provider& deepseek();
[[nodiscard]] const provider& openai();
/// llama.cpp's llama-server, as version 0.7.0 was seen to be. It listens on 9931 (earlier versions on 8080), and answers with the model that it
/// has, whichever is asked for. Tools need a chat template that has them (`chat_template_caps` in /props); without one it leaves them out and says
/// nothing. As many calls are in flight as it usually has slots, 4: each of its few threads stays with a kept connection for 5 seconds, while those
/// that have none wait. One with more slots takes more: see chat_options::limit.
[[nodiscard]] const provider& llama_server();
[[nodiscard]] const provider& vllm();
/// Whoever else speaks the protocol: of what not all can do, nothing is asked.
[[nodiscard]] const provider& generic();

/// The row of that name, as in "deepseek"; null if there is none.
[[nodiscard]] const provider* find_provider(std::string_view name) noexcept;

}  // namespace catena::llm
