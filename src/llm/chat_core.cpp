// SPDX-License-Identifier: BSL-1.0
#include "chat_core.hpp"

#include <catena/llm/refusal_limit.hpp>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace catena::llm {
namespace {

[[noreturn]] void wrong(const std::string& what) { throw std::invalid_argument("chat_options::" + what); }

}  // namespace

namespace detail {
namespace {

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

std::string trace_parent(const trace_context& t) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text = "00-";
  const auto add = [&](std::uint8_t byte) { (text += digits[byte >> 4]) += digits[byte & 15]; };
  for (const std::byte b : t.trace_id) add(std::to_integer<std::uint8_t>(b));
  text += '-';
  for (const std::byte b : t.span_id) add(std::to_integer<std::uint8_t>(b));
  text += '-';
  add(t.flags);
  return text;
}

}  // namespace

chat_core::chat_core(const runtime& rt, chat_options options)
    : rt_(rt),
      options_(completed(std::move(options))),
      base_(base_of(options_)),
      headers_(headers_of(options_)),
      client_(rt, client_options_of(options_)),
      limit_(rt, limit_options_of(options_)) {}

result<http::request> chat_core::request_for(const chat_settings& how, const messages& asked, const run_options& within, delivery as) const {
  auto said = request_of(options_.provider, options_.model, how, asked, as);
  if (!said) return said.error();
  auto target = base_.under(said->path);
  if (!target) return target.error();
  http::request what("POST", *std::move(target));
  what.headers = headers_;
  if (options_.trace == trace_propagation::sent && within.trace_parent) what.headers.set("traceparent", trace_parent(*within.trace_parent));
  what.body = std::move(said->body);
  what.accept = as == delivery::streamed ? "text/event-stream" : "application/json";
  if (as == delivery::streamed) {
    what.progress = http::progress::told;
  } else {
    what.timeouts.emplace(http::client_timeouts{options_.timeouts.connect, options_.timeouts.whole_answer, options_.timeouts.whole_answer});
  }
  return what;
}

result<void> chat_core::reserve(call_in_flight& in_flight, http::request& what, const chat_settings& how, const run_options& within) const {
  if (!options_.budget) return {};
  // A token is a byte at least, and what a server puts around messages is less than the JSON that is around them here.
  const token_usage most{.input = static_cast<std::int64_t>(what.body.size()), .output = how.max_tokens};
  auto reserved = options_.budget->reserve({most.total(), options_.provider.prices.most(options_.model).of(most)}, within);
  if (!reserved) return named(reserved.error());
  what.sent = std::make_shared<std::atomic<bool>>(false);
  in_flight.reserve(*std::move(reserved), what.sent);
  return {};
}

void chat_core::complete(answer& a, time_point began, time_point first_token) const {
  a.took = rt_.now() - began;
  if (first_token != time_point{}) a.first_token = first_token - began;
  if (a.usage) a.cost = options_.provider.prices.at(options_.model, std::chrono::system_clock::now()).of(*a.usage);
}

failure chat_core::named(const failure& why) const {
  return failure(why.code(), options_.name + ": " + why.message()).with_retry_after(why.retry_after()).with_cause(why.cause());
}

boost::asio::awaitable<std::optional<answer_piece>> open_answer::next(open_answer& self) {
  for (;;) {
    if (self.is_over_) {
      self.unread_ = {};
      // What comes behind the end is nothing but the end of the body, and lets the connection be kept.
      auto last = self.from_.async_next(boost::asio::use_awaitable);
      result<std::optional<std::string_view>> rest = co_await std::move(last);
      if (!rest || !*rest) co_return std::optional<answer_piece>();
      continue;
    }
    result<std::optional<answer_piece>> piece = self.parse();
    if (piece && *piece) co_return *std::move(piece);
    if (piece) {
      auto more = self.from_.async_next(boost::asio::use_awaitable);
      result<std::optional<std::string_view>> came = co_await std::move(more);
      if (came && *came) {
        self.unread_ = **came;
        continue;
      }
      if (!came) piece = came.error();
      else if (result<answer_piece> end = self.end(); end) co_return std::optional<answer_piece>(*std::move(end));
      else piece = end.error();
    }
    self.is_over_ = true;
    self.in_flight_.failed(piece.error());
    throw error(self.core_->named(piece.error()));
  }
}

result<std::optional<answer_piece>> open_answer::parse() {
  while (!unread_.empty()) {
    switch (parser_.parse(unread_)) {
      case http::sse_token::more:
      case http::sse_token::alive: break;
      case http::sse_token::too_large: return parser_.why();
      case http::sse_token::event: {
        auto piece = take_event();
        if (!piece || *piece) return piece;
        break;
      }
    }
  }
  return std::optional<answer_piece>();
}

result<std::optional<answer_piece>> open_answer::take_event() {
  const std::string_view data = parser_.event().data;
  answer_bytes_ += data.size();
  if (answer_bytes_ > core_->options().max_answer_bytes)
    return failure(errc::bad_response, "the answer is longer than chat_options::max_answer_bytes, " + std::to_string(core_->options().max_answer_bytes));
  from_.progressed();
  auto piece = reader_.take(data);
  if (first_token_ == time_point{} && reader_.has_begun()) first_token_ = core_->rt().now();
  if (!piece || *piece || !reader_.is_done()) return piece;
  result<answer_piece> last = end();
  if (!last) return last.error();
  return std::optional<answer_piece>(*std::move(last));
}

result<answer_piece> open_answer::end() {
  auto all = reader_.end();
  if (!all) return all.error();
  core_->complete(*all, in_flight_.began(), first_token_);
  in_flight_.ended(*all);
  is_over_ = true;
  answer_piece last;
  last.whole = std::make_shared<const answer>(*std::move(all));
  return last;
}

}  // namespace detail

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
  if (o.max_answer_bytes < 1) wrong("max_answer_bytes must be at least 1");
  if (o.most_waiting > 1'048'576) wrong("most_waiting must be 0 to 1048576, is " + std::to_string(o.most_waiting));
  if (const auto valid = o.headers.valid(); !valid) wrong("headers: " + valid.error().message());
  if (o.headers.find("authorization")) wrong("headers has the key, which is to come from key_variable");
}

}  // namespace catena::llm
