// SPDX-License-Identifier: BSL-1.0
#include "chat_core.hpp"

#include "chat_options.hpp"

#include <catena/observe/metric_set.hpp>
#include <catena/observe/traceparent.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace catena::llm::detail {

chat_core::chat_core(const runtime& rt, chat_options options)
    : rt_(rt),
      options_(completed(std::move(options))),
      base_(base_of(options_)),
      headers_(headers_of(options_)),
      client_(rt, client_options_of(options_)),
      limit_(rt, limit_options_of(options_)) {}

void chat_core::collect(metric_set& to) const {
  using kind = metric_family::kind;
  static constexpr metric_family calls{"catena_llm_calls", kind::counter, "Calls of a language model, by outcome: answered, failed."};
  static constexpr metric_family tokens{"catena_llm_tokens", kind::counter, "Tokens that its server has told of: input, cached_input (of input), output, reasoning (of output)."};
  static constexpr metric_family cost{"catena_llm_cost", kind::counter, "What that cost, in the units of its prices."};
  static constexpr metric_family in_flight{"catena_llm_in_flight", kind::gauge, "Calls under way."};
  static constexpr metric_family most{"catena_llm_limit", kind::gauge, "How many may be, by now."};
  const chat_stats now = stats();
  const auto tell = [&](const metric_family& family, double value) { to.add(family, {{"model", options_.model}}, value); };
  const auto ended = [&](std::string_view outcome, std::uint64_t count) {
    to.add(calls, {{"model", options_.model}, {"outcome", outcome}}, static_cast<double>(count));
  };
  const auto used = [&](std::string_view which, std::int64_t count) {
    to.add(tokens, {{"model", options_.model}, {"kind", which}}, static_cast<double>(count));
  };
  ended("answered", now.answered);
  ended("failed", now.failed);
  used("input", now.used.input);
  used("cached_input", now.used.cached_input);
  used("output", now.used.output);
  used("reasoning", now.used.reasoning);
  tell(cost, static_cast<double>(now.cost.nanos) * 1e-9);
  tell(in_flight, static_cast<double>(now.in_flight));
  tell(most, static_cast<double>(now.limit));
}

result<http::request> chat_core::request_for(const chat_settings& how, const messages& asked, const run_options& within, delivery as) const {
  auto said = request_of(options_.provider, options_.model, how, asked, as);
  if (!said) return said.error();
  auto target = base_.under(said->path);
  if (!target) return target.error();
  http::request what("POST", *std::move(target));
  what.headers = headers_;
  if (options_.trace == trace_propagation::sent && within.trace_parent.is_set()) what.headers.set("traceparent", to_traceparent(within.trace_parent));
  what.body = std::move(said->body);
  what.accept = as == delivery::streamed ? "text/event-stream" : "application/json";
  what.progress = http::progress::told;  // by nobody, where it is not streamed: empty lines make no answer
  if (as == delivery::streamed) {
    if (options_.provider.closes_streams) what.connection = http::afterwards::closed;
  } else {
    what.timeouts.emplace(http::client_timeouts{options_.timeouts.connect, options_.timeouts.whole_answer, options_.timeouts.whole_answer});
  }
  return what;
}

result<void> chat_core::reserve(call_in_flight& in_flight, http::request& what, const chat_settings& how, const run_options& within) const {
  if (!options_.budget) return {};
  // A token is a byte at least, and what a server puts around messages is less than the JSON that is around them here; but it may add
  // instructions for tools.
  constexpr std::int64_t tool_instructions = 2000;
  const token_usage most{.input = static_cast<std::int64_t>(what.body.size()) + (how.tools.empty() ? 0 : tool_instructions), .output = how.max_tokens};
  auto reserved = options_.budget->reserve({most.total(), options_.provider.prices.most(options_.model).of(most)}, within);
  if (!reserved) return named(reserved.error());
  what.fate = std::make_shared<http::request_fate>();
  in_flight.reserve(*std::move(reserved), what.fate);
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

}  // namespace catena::llm::detail
