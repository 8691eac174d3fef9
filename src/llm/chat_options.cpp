// SPDX-License-Identifier: BSL-1.0
#include "chat_options.hpp"

#include <catena/llm/refusal_limit.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

namespace catena::llm {
namespace {

[[noreturn]] void wrong(const std::string& what) { throw std::invalid_argument("chat_options::" + what); }

}  // namespace

namespace {

bool is_of_provider(const chat_options& o) {
  const auto own = http::url::parse(o.provider.base_url), given = http::url::parse(o.base_url, o.cleartext);
  return own && given && own->origin() == given->origin();
}

}  // namespace

http::url base_of(const chat_options& o) {
  const std::string& text = o.base_url.empty() ? o.provider.base_url : o.base_url;
  if (text.empty()) wrong("base_url is missing, and the provider '" + o.provider.name + "' has none");
  auto base = http::url::parse(text, o.cleartext);
  if (!base) wrong("base_url: " + base.error().message());
  return *std::move(base);
}

chat_options completed(chat_options o) {
  check(o);
  if (o.model.empty()) o.model = o.provider.model;
  if (o.model.empty()) wrong("model is missing, and the provider '" + o.provider.name + "' has no usual one");
  if (o.key_variable.empty() && !o.base_url.empty() && !o.provider.key_variable.empty() && !is_of_provider(o))
    wrong("key_variable is missing: base_url is not of the provider '" + o.provider.name + "', whose key is in " + o.provider.key_variable + "; who is asked there would be told it");
  if (o.key_variable.empty()) o.key_variable = o.provider.key_variable;
  check_budget(o, o.settings);
  return o;
}

http::fields headers_of(const chat_options& o) {
  http::fields all = o.headers;
  all.set("Content-Type", "application/json");
  if (o.key_variable.empty()) return all;
  const char* key = std::getenv(o.key_variable.c_str());
  if (!key || *key == '\0') wrong("key_variable: the environment variable " + o.key_variable + ", which is to hold the key, is not set");
  all.set("Authorization", std::string("Bearer ") + key);
  if (!all.valid()) wrong("key_variable: what " + o.key_variable + " holds is no key: a line of visible characters is expected");
  return all;
}

http::client_options client_options_of(const chat_options& o) {
  http::client_options c;
  c.most_connections = 65536;  // the limit on calls in flight says how many there are
  c.most_waiting = 0;
  c.timeouts = {.connect = o.timeouts.connect, .first_byte = o.timeouts.first_token, .between_bytes = o.timeouts.between_tokens};
  c.max_body_bytes = o.max_answer_bytes;
  c.ca_file = o.ca_file;
  c.proxy = o.proxy;
  c.network = o.network;
  return c;
}

concurrency_limit_options limit_options_of(const chat_options& o) {
  const auto most = static_cast<std::size_t>(o.provider.most_in_flight > 0 ? o.provider.most_in_flight : 1024);
  return {.name = o.name, .policy = o.limit ? *o.limit : refusal_limit({.most = most, .first = most}), .line_capacity = o.most_waiting};
}

void check_budget(const chat_options& o, const chat_settings& how) {
  if (!o.budget) return;
  if (how.max_tokens == 0) wrong("settings.max_tokens is missing: under a budget it says how much a call may take");
  const budget_options& limits = o.budget->options();
  const bool limits_money = std::max({limits.per_run.cost, limits.per_tenant.cost, limits.total.cost}) > money{};
  if (limits_money && !o.provider.prices.has(o.model)) wrong("budget limits money, and the provider '" + o.provider.name + "' has no price for '" + o.model + "'");
}

void check(const chat_options& o) {
  check(o.settings, o.provider);
  const struct {
    duration value;
    const char* name;
  } times[] = {{o.timeouts.connect, "connect"}, {o.timeouts.first_token, "first_token"}, {o.timeouts.between_tokens, "between_tokens"}, {o.timeouts.whole_answer, "whole_answer"}};
  for (const auto& [value, name] : times)
    if (value < duration{}) wrong(std::string("timeouts.") + name + " must be zero or more");
  if (o.max_answer_bytes < 1 || o.max_answer_bytes > (std::size_t{1} << 30)) wrong("max_answer_bytes must be 1 to 1 GiB");
  if (o.most_waiting > 1'048'576) wrong("most_waiting must be 0 to 1048576, is " + std::to_string(o.most_waiting));
  if (const auto valid = o.headers.valid(); !valid) wrong("headers: " + valid.error().message());
  if (o.headers.find("authorization")) wrong("headers has the key, which is to come from key_variable");
}

}  // namespace catena::llm
