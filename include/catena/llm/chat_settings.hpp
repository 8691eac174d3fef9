// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How a model is to answer.
#include <catena/llm/provider.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace catena::llm {

enum class thinking : std::uint8_t { off, low, high, most };

/// A function that a model may ask to have called.
struct tool_spec {
  std::string name;         ///< letters, digits, - and _, 64 at most
  std::string description;
  std::string parameters;   ///< a JSON schema of an object
};

enum class tool_choice : std::uint8_t { automatic, none, required };

/// Whether a server is to answer nothing but what is of a schema. Some of them take fewer schemas then.
enum class adherence : bool { loose, strict };

/// What the answer is to be.
struct reply_format {
  /// Where it is less than what the provider can do, no more is asked of it.
  json_mode mode = json_mode::none;
  std::string name = "answer";  ///< of the schema
  std::string schema = {};      ///< JSON, for json_mode::schema
  adherence held = adherence::strict;  ///< to the schema
};

/// Settings of one call, or of all calls of a model. What is not set is left to the server.
struct chat_settings {
  std::int64_t max_tokens = 0;                   ///< of the answer, with what is thought, 0 or more; zero: as the server likes
  std::optional<double> temperature = {};        ///< 0 to 2
  std::optional<double> top_p = {};              ///< 0 to 1
  std::optional<std::int64_t> seed = {};
  std::vector<std::string> stop = {};            ///< texts before which the answer ends, 16 at most
  llm::thinking thinking = thinking::off;
  reply_format format = {};
  std::vector<tool_spec> tools = {};             ///< 128 at most
  llm::tool_choice tool_choice = tool_choice::automatic;
  /// Who asks, as the provider is to tell them apart; no name of a person. Letters, digits, - and _, 512 at most.
  std::string user = {};
  /// More fields of the request, as a JSON object; they go before what is said otherwise. For what only this server has;
  /// model, messages, how it is delivered and how long it may be are said elsewhere.
  std::string extra = {};
};

/// \errors std::invalid_argument naming the member that is out of range, or that the provider cannot do
void check(const chat_settings& settings, const provider& who);

}  // namespace catena::llm
