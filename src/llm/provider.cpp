// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/provider.hpp>

#include <array>
#include <chrono>

namespace catena::llm {
namespace {

using std::chrono::hours;

token_price dollars(double input, double cached_input, double output) { return {money::of(input), money::of(cached_input), money::of(output)}; }

/// Half of it but in peak hours: 01:00 to 04:00 and 06:00 to 10:00 UTC, Monday to Friday.
model_price with_peak(std::string model, double input, double cached_input, double output) {
  using namespace std::chrono;
  const std::vector<weekday> work{Monday, Tuesday, Wednesday, Thursday, Friday};
  const token_price peak = dollars(input, cached_input, output);
  return {std::move(model), dollars(input / 2, cached_input / 2, output / 2), {{work, hours(1), hours(4), peak}, {work, hours(6), hours(10), peak}}};
}

provider make_deepseek() {
  return {.name = "deepseek",
          .base_url = "https://api.deepseek.com",
          .model = "deepseek-flash",
          .key_variable = "DEEPSEEK_API_KEY",
          .json = json_mode::object,
          .tools = tool_support::by_choice,
          .thinking = thinking_switch::thinking_object,
          .prefix = prefix_support::beta,
          .user_field = "user_id",
          .most_in_flight = 2500,
          .context_tokens = 1'000'000,
          .prices = price_table({with_peak("deepseek-flash", 0.3, 0.006, 1.2), with_peak("deepseek-v4-pro", 1.32, 0.044, 3.96)})};
}

provider make_openai() {
  return {.name = "openai",
          .base_url = "https://api.openai.com/v1",
          .key_variable = "OPENAI_API_KEY",
          .json = json_mode::schema,
          .tools = tool_support::forced,
          .thinking = thinking_switch::effort,
          .length_field = "max_completion_tokens",
          .user_field = "safety_identifier"};
}

provider make_local(std::string name, std::string base_url) {
  return {.name = std::move(name),
          .base_url = std::move(base_url),
          .json = json_mode::schema,
          .tools = tool_support::forced,
          .thinking = thinking_switch::template_option,
          .prefix = prefix_support::last_message};
}

}  // namespace

const provider& deepseek() {
  static const provider row = make_deepseek();
  return row;
}
const provider& openai() {
  static const provider row = make_openai();
  return row;
}
const provider& llama_server() {
  static const provider row = [] {
    provider p = make_local("llama_server", "http://localhost:9931/v1");
    p.closes_streams = true;
    p.most_in_flight = 4;
    return p;
  }();
  return row;
}
const provider& vllm() {
  static const provider row = [] {
    provider p = make_local("vllm", "http://localhost:8000/v1");
    p.prefix = prefix_support::on_request;
    return p;
  }();
  return row;
}
const provider& generic() {
  static const provider row{.name = "generic", .base_url = {}};
  return row;
}

const provider* find_provider(std::string_view name) noexcept {
  for (const auto row : {&deepseek, &openai, &llama_server, &vllm, &generic})
    if (row().name == name) return &row();
  return nullptr;
}

}  // namespace catena::llm
