// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who answers, where, and how long it may take.
#include <catena/http/client_options.hpp>
#include <catena/http/fields.hpp>
#include <catena/http/proxy.hpp>
#include <catena/llm/budget.hpp>
#include <catena/llm/chat_settings.hpp>
#include <catena/llm/provider.hpp>
#include <catena/schedule/limit_policies.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace catena::llm {

/// How long each part of a call may take, apart from the deadline of the run; zero: as long as that. What a server sends only so that the
/// connection stays open (empty lines, comments) makes none of them longer.
struct chat_timeouts {
  duration connect = std::chrono::seconds(10);
  duration first_token = std::chrono::seconds(60);      ///< of an answer that is streamed, once the request is on its way
  duration between_tokens = std::chrono::seconds(60);   ///< time in which nobody reads does not count
  duration whole_answer = std::chrono::minutes(10);     ///< of one that is not streamed: its server is silent until it is there
};

/// Whether a server is told which trace a call belongs to (`traceparent`).
enum class trace_propagation : bool { withheld, sent };

struct chat_options {
  std::string name = "chat";                    ///< for messages
  llm::provider provider = deepseek();
  std::string base_url = {};                    ///< https, unless on loopback or where `cleartext` allows it; empty: the provider's
  std::string model = {};                       ///< empty: the provider's
  /// The environment variable that holds the key; it is read once. Empty: the provider's, where base_url is the provider's, too; of a
  /// provider that has none, no key is sent.
  std::string key_variable = {};
  http::fields headers = {};                    ///< sent with each request
  chat_settings settings = {};                  ///< of calls that bring none
  chat_timeouts timeouts = {};
  /// How many calls may be in flight; more wait. Nothing: as many as the provider says it takes, fewer while it refuses some.
  std::optional<limit_policy> limit = std::nullopt;
  std::size_t most_waiting = 1024;              ///< calls in that line, 0 to 1048576
  /// What calls may take; settings have max_tokens then, and where it limits money the provider has a price for the model. Nothing: as much
  /// as they like.
  std::optional<llm::budget> budget = std::nullopt;
  std::size_t max_answer_bytes = 16 << 20;      ///< 1 to 1 GiB
  trace_propagation trace = trace_propagation::withheld;
  http::cleartext cleartext = http::cleartext::on_loopback;
  std::string ca_file = {};                     ///< see http::client_options, also for what follows
  std::optional<http::proxy> proxy = std::nullopt;
  std::shared_ptr<http::network> network = nullptr;
};

/// \errors std::invalid_argument naming the member that is out of range, or missing
void check(const chat_options& options);

}  // namespace catena::llm
