// SPDX-License-Identifier: BSL-1.0
/// \file
/// What an operator changes.
#include "operator_routes.hpp"

#include <catena/incident/parking_lot.hpp>
#include <catena/policy/apply.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

namespace catena::http {
namespace {

using nlohmann::json;
using server::answer;
using server::error_answer;

answer json_answer(int status, const json& body) {
  return {.status = status, .body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

answer faults_answer(const policy_faults& faults) {
  json all = json::array();
  for (const policy_fault& f : faults.all) all.push_back({{"at", f.pointer}, {"text", f.text}});
  return json_answer(400, {{"error", "the policy document is not applied, and nothing has changed: " + faults.to_string()}, {"faults", std::move(all)}});
}

constexpr std::string_view decision_form =
    R"(expected is {"decision": "retry", "skip", "fail" or "use", "reason": a text for "fail", "value": for "use"})";

constexpr int most_levels = 32;

/// What somebody wrote, once it is of that form.
struct written_decision {
  std::string what;
  std::optional<std::string> reason;
  std::optional<json> value;
};

/// What is wrong, or nothing.
std::string read_decision(const std::string& body, written_decision& into) {
  // What is copied and written later takes stack for each level.
  bool is_deep = false;
  const auto keep = [&](int depth, json::parse_event_t, const json&) {
    is_deep = is_deep || depth > most_levels;
    return !is_deep;
  };
  const json all = json::parse(body, keep, false);
  if (is_deep) return "what the body holds is nested more than " + std::to_string(most_levels) + " times";
  if (all.is_discarded()) return "the body is no JSON";
  if (!all.is_object()) return "the body is no object";
  for (const auto& [name, value] : all.items()) {
    if (name == "decision" && value.is_string()) into.what = value.get<std::string>();
    else if (name == "reason" && value.is_string()) into.reason = value.get<std::string>();
    else if (name == "value") into.value = value;
    else return "'" + name + "' " + (name == "decision" || name == "reason" ? "is no text" : "is unknown");
  }
  if (into.what != "retry" && into.what != "skip" && into.what != "fail" && into.what != "use") return "'decision' is missing or none of the four";
  if (into.reason && into.what != "fail") return "'reason' is for \"fail\" alone";
  if (into.value && into.what != "use") return "'value' is for \"use\" alone";
  if (!into.value && into.what == "use") return "'value' is missing";
  return {};
}

/// What a number in JSON may be in C++: all types that have the very same value.
template <class... Number>
void add_numbers(std::vector<decision>& all, const json& value) {
  const auto add = [&]<class N>(std::type_identity<N>) {
    if constexpr (std::is_floating_point_v<N>) {
      all.push_back(decision::use(static_cast<N>(value.get<double>())));
    } else if (value.is_number_unsigned() ? std::in_range<N>(value.get<std::uint64_t>()) : value.is_number_integer() && std::in_range<N>(value.get<std::int64_t>())) {
      all.push_back(decision::use(value.get<N>()));
    }
  };
  (add(std::type_identity<Number>{}), ...);
}

/// All that the value may mean; the stage knows which one.
std::vector<decision> meanings_of(const json& value) {
  std::vector<decision> all;
  if (value.is_boolean()) all.push_back(decision::use(value.get<bool>()));
  if (value.is_string()) all.push_back(decision::use(value.get<std::string>()));
  if (value.is_number()) add_numbers<int, unsigned, long, unsigned long, long long, unsigned long long, short, unsigned short, double, float>(all, value);
  return all;
}

/// \param token  of the run
result<std::vector<decision>> decisions_of(const runtime& rt, const value_reader& read_value, const std::string& token, const written_decision& w) {
  if (w.what == "retry") return std::vector{decision::retry()};
  if (w.what == "skip") return std::vector{decision::skip()};
  if (w.what == "fail") return std::vector{w.reason ? decision::fail(*w.reason) : decision::fail()};
  if (!read_value) {
    auto all = meanings_of(*w.value);
    if (!all.empty()) return all;
    return failure(errc::invalid_input, "'value' is neither a truth value nor a number nor a text: others are read by operator_options::read_value");
  }
  const auto runs = rt.parked();
  const auto run = std::ranges::find(runs, sha256(token), &parked_record::token_hash);
  if (run == runs.end()) return std::vector{decision::retry()};  // which says why there is none
  auto read = read_value(*run, w.value->dump());
  if (!read) return read.error();
  return std::vector{*std::move(read)};
}

/// The first one that the stage takes is made.
result<void> decide_by_any(const runtime& rt, const std::string& token, std::vector<decision> all) {
  result<void> decided = failure(errc::invalid_input);
  for (decision& d : all)
    if (decided = rt.decide(token, std::move(d)); decided || !decided.error().is(errc::invalid_input)) break;
  return decided;
}

}  // namespace

answer apply_policy(const runtime& rt, const server::request& asked) {
  auto document = policy_document::read(asked.body);
  if (!document) return faults_answer(document.error());
  if (const auto applied = apply_policies(rt, *document); !applied) return faults_answer(applied.error());
  return json_answer(200, {{"applied", true}});
}

answer decide_run(const runtime& rt, const value_reader& read_value, const server::request& asked) {
  written_decision written;
  if (const std::string wrong = read_decision(asked.body, written); !wrong.empty()) return error_answer(400, wrong + "; " + std::string(decision_form));
  auto meant = decisions_of(rt, read_value, asked.name, written);
  if (!meant) return error_answer(400, meant.error().message());
  const auto decided = decide_by_any(rt, asked.name, *std::move(meant));
  if (decided) return json_answer(200, {{"decided", written.what}});
  const failure& why = decided.error();
  if (why.is(errc::invalid_input)) return error_answer(400, why.message());
  if (!why.is(errc::no_such_token)) return error_answer(500, why.message());
  return error_answer(parking_lot::of(*rt.state())->was_here(asked.name) ? 409 : 404, why.message());
}

}  // namespace catena::http
