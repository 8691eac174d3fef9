// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What attributes of calls of language models are named, so that others know them.
#include <string_view>

/// \source  OpenTelemetry's semantic conventions for generative AI, v0.1.0 of their own repository (2026), status: development. There the
///          provider is gen_ai.provider.name, where it was gen_ai.system until 1.36.
namespace catena::gen_ai {

inline constexpr std::string_view operation_name = "gen_ai.operation.name";                          ///< "chat"
inline constexpr std::string_view provider_name = "gen_ai.provider.name";                            ///< "deepseek", "openai"
inline constexpr std::string_view request_model = "gen_ai.request.model";
inline constexpr std::string_view request_max_tokens = "gen_ai.request.max_tokens";
inline constexpr std::string_view request_temperature = "gen_ai.request.temperature";
inline constexpr std::string_view request_top_p = "gen_ai.request.top_p";
inline constexpr std::string_view request_seed = "gen_ai.request.seed";
inline constexpr std::string_view request_stream = "gen_ai.request.stream";                          ///< only where it is true
inline constexpr std::string_view output_type = "gen_ai.output.type";                                ///< "json", where that was asked for
inline constexpr std::string_view response_id = "gen_ai.response.id";
inline constexpr std::string_view response_model = "gen_ai.response.model";
inline constexpr std::string_view response_finish_reasons = "gen_ai.response.finish_reasons";
inline constexpr std::string_view response_time_to_first_chunk = "gen_ai.response.time_to_first_chunk";  ///< in seconds
inline constexpr std::string_view usage_input_tokens = "gen_ai.usage.input_tokens";
inline constexpr std::string_view usage_output_tokens = "gen_ai.usage.output_tokens";
inline constexpr std::string_view usage_cache_read_input_tokens = "gen_ai.usage.cache_read.input_tokens";    ///< of the input
inline constexpr std::string_view usage_reasoning_output_tokens = "gen_ai.usage.reasoning.output_tokens";    ///< of the output
inline constexpr std::string_view server_address = "server.address";
inline constexpr std::string_view server_port = "server.port";

/// Whether the conventions have it as a list of strings, of which catena knows one.
[[nodiscard]] constexpr bool is_list(std::string_view name) noexcept { return name == response_finish_reasons; }

}  // namespace catena::gen_ai
