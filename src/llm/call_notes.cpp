// SPDX-License-Identifier: BSL-1.0
#include "call_notes.hpp"

#include <catena/observe/gen_ai_names.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace catena::llm::detail {

call_notes::call_notes(const run_options& within) noexcept {
  const catena::detail::trace_place* const place = within.part_of ? within.part_of->recording : nullptr;
  if (!place) return;
  log_ = place->log;
  span_ = within.trace_parent.span_number();
}

void call_notes::add(std::string_view name, trace_value value) const { log_->add_note(span_, std::string(name), std::move(value)); }

void call_notes::asked(const chat_options& who, const http::url& where, const chat_settings& how, delivery as) const {
  if (!log_) return;
  add(gen_ai::operation_name, std::string("chat"));
  add(gen_ai::provider_name, who.provider.name);
  add(gen_ai::request_model, who.model);
  add(gen_ai::server_address, where.host());
  add(gen_ai::server_port, std::int64_t{where.port()});
  if (how.max_tokens != 0) add(gen_ai::request_max_tokens, how.max_tokens);
  if (how.temperature) add(gen_ai::request_temperature, *how.temperature);
  if (how.top_p) add(gen_ai::request_top_p, *how.top_p);
  if (how.seed) add(gen_ai::request_seed, *how.seed);
  if (how.format.mode != json_mode::none) add(gen_ai::output_type, std::string("json"));
  if (as == delivery::streamed) add(gen_ai::request_stream, true);
}

void call_notes::answered(const answer& a) const {
  if (!log_) return;
  if (!a.id.empty()) add(gen_ai::response_id, a.id);
  if (!a.model.empty()) add(gen_ai::response_model, a.model);
  add(gen_ai::response_finish_reasons, a.finish_text.empty() ? std::string(to_string(a.finish)) : a.finish_text);
  if (a.first_token != duration{}) add(gen_ai::response_time_to_first_chunk, std::chrono::duration<double>(a.first_token).count());
  if (!a.usage) return;
  add(gen_ai::usage_input_tokens, a.usage->input);
  add(gen_ai::usage_output_tokens, a.usage->output);
  if (a.usage->cached_input != 0) add(gen_ai::usage_cache_read_input_tokens, a.usage->cached_input);
  if (a.usage->reasoning != 0) add(gen_ai::usage_reasoning_output_tokens, a.usage->reasoning);
}

}  // namespace catena::llm::detail
