// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/llm/chat_model.hpp>
#include <catena/observe/gen_ai_names.hpp>
#include <catena/observe/trace_ring.hpp>
#include <catena/observe/tracer.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "llm/support/chat_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::chat_world;

namespace {

struct traced_chat : chat_world {
  traced_chat() : ring(std::make_shared<trace_ring>()), traced(world.runtime({.tracer = tracer::create({.sinks = {ring}, .sample_share = 1})})) {}

  [[nodiscard]] std::map<std::string, trace_value> notes_on(std::string_view stage) const {
    std::map<std::string, trace_value> all;
    for (const auto& t : ring->snapshot().recent)
      for (const trace_span& s : t->spans)
        if (s.name == stage) all.insert(s.attributes.begin(), s.attributes.end());
    return all;
  }
  std::shared_ptr<trace_ring> ring;
  runtime traced;
};

trace_value note_in(const std::map<std::string, trace_value>& notes, std::string_view name) {
  const auto found = notes.find(std::string(name));
  return found == notes.end() ? trace_value(std::string("(none)")) : found->second;
}

void check_says_nothing_of(const traced_chat& w, const std::string& secret) {
  for (const auto& t : w.ring->snapshot().recent)
    for (const trace_span& s : t->spans)
      for (const auto& [name, value] : s.attributes)
        if (const auto* text = std::get_if<std::string>(&value)) CHECK(text->find(secret) == std::string::npos);
}

}  // namespace

TEST_CASE("a stage that asks a model notes whom it asked and what it took, by the names that others know, and nothing of what was said") {
  traced_chat w;
  w.answers("forty-two", R"("usage": {"prompt_tokens": 1000, "prompt_cache_hit_tokens": 900, "completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 7}})");
  llm::chat_options o = w.options();
  o.settings = {.max_tokens = 50, .temperature = 0.5};
  const llm::chat_model chat(*w.rt, o);
  const auto chain = make_chain<std::string>(w.traced, "c", [&](auto in) { return in >> stage("ask", chat); });
  REQUIRE(w.run(chain, std::string("six by nine")).has_value());
  const auto notes = w.notes_on("ask");
  CHECK(note_in(notes, gen_ai::operation_name) == trace_value(std::string("chat")));
  CHECK(note_in(notes, gen_ai::provider_name) == trace_value(std::string("deepseek")));
  CHECK(note_in(notes, gen_ai::request_model) == trace_value(chat.options().model));
  CHECK(note_in(notes, gen_ai::request_max_tokens) == trace_value(std::int64_t{50}));
  CHECK(note_in(notes, gen_ai::request_temperature) == trace_value(0.5));
  CHECK(note_in(notes, gen_ai::server_address) == trace_value(std::string("localhost")));
  CHECK(note_in(notes, gen_ai::server_port) == trace_value(std::int64_t{80}));
  CHECK(note_in(notes, gen_ai::response_model) == trace_value(std::string("served")));
  CHECK(note_in(notes, gen_ai::response_id) == trace_value(std::string("c1")));
  CHECK(note_in(notes, gen_ai::response_finish_reasons) == trace_value(std::string("stop")));
  CHECK(note_in(notes, gen_ai::usage_input_tokens) == trace_value(std::int64_t{1000}));
  CHECK(note_in(notes, gen_ai::usage_output_tokens) == trace_value(std::int64_t{20}));
  CHECK(note_in(notes, gen_ai::usage_cache_read_input_tokens) == trace_value(std::int64_t{900}));
  CHECK(note_in(notes, gen_ai::usage_reasoning_output_tokens) == trace_value(std::int64_t{7}));
  CHECK(!notes.contains(std::string(gen_ai::request_stream)));
  check_says_nothing_of(w, "forty");
  check_says_nothing_of(w, "six");
  check_says_nothing_of(w, "secret");
}

TEST_CASE("a streamed answer notes when it began to come, also where its stage has ended long ago") {
  traced_chat w;
  w.streams({"forty", "-two"}, 200ms);
  const llm::chat_model chat = w.model();
  const auto chain = make_chain<std::string>(w.traced, "c", [&](auto in) { return in >> stage("ask", chat.streamed<std::string>()) >> stage("join", llm::whole); });
  REQUIRE(w.run(chain, std::string("six by nine")).has_value());
  const auto notes = w.notes_on("ask");
  CHECK(note_in(notes, gen_ai::request_stream) == trace_value(true));
  CHECK(note_in(notes, gen_ai::response_time_to_first_chunk) == trace_value(0.2));
  CHECK(note_in(notes, gen_ai::usage_output_tokens) == trace_value(std::int64_t{2}));
  check_says_nothing_of(w, "forty");
}

TEST_CASE("an answer that is read when its run is over is nobody's to note") {
  traced_chat w;
  w.streams({"forty", "-two"}, 200ms);
  const llm::chat_model chat = w.model();
  const auto chain = make_chain<std::string>(w.traced, "c", [&](auto in) { return in >> stage("ask", chat.streamed<std::string>()); });
  auto open = w.run(chain, std::string("six by nine"));
  REQUIRE(open.has_value());
  CHECK(w.read(std::move(*open)).size() == 3);
  CHECK(!w.notes_on("ask").contains(std::string(gen_ai::usage_output_tokens)));
  CHECK(w.notes_on("ask").contains(std::string(gen_ai::provider_name)));
}
