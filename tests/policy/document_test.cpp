// SPDX-License-Identifier: BSL-1.0
#include <catena/policy/document.hpp>

#include "src/policy/quantities.hpp"

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using catena::policy_document;

namespace {

/// "pointer: text" of each fault.
std::vector<std::string> document_faults(std::string_view text) {
  const auto read = policy_document::read(text);
  std::vector<std::string> faults;
  if (read.has_error())
    for (const catena::policy_fault& f : read.error().all) faults.push_back(f.to_string());
  return faults;
}

std::string at_stage(const std::string& inside) { return R"({"stages": {"a/b": )" + inside + "}}"; }

}  // namespace

TEST_CASE("each kind of fault in a document is told with its pointer, what is found and what would be right") {
  const std::string time = R"(must be a duration such as "250ms" (ns, us, ms, s, min, h), is )";
  const std::string size = R"(must be a size such as "512MiB" (B, KB, KiB, MB, MiB, GB, GiB, TB, TiB), or bytes, is )";
  const std::vector<std::pair<std::string, std::string>> table{
      // What is no JSON.
      {"", "(document): is not JSON: line 1, column 1: the text ends too early, after ''"},
      {"{\n  \"stages\": }", "(document): is not JSON: line 2, column 13: not expected: '\"stages\": }'"},
      {"{} {}", "(document): is not JSON: line 1, column 4: not expected: '{} {'"},
      {"// comment\n{}", "(document): is not JSON: line 1, column 1: not expected: '/'"},
      {"{\"stages\": {\"\xff\": {}}}", "(document): is not JSON: line 1, column 14: not expected: '\"?'"},
      {R"({"stages": NaN})", "(document): is not JSON: line 1, column 12: not expected: '\"stages\": N'"},
      {std::string(100'000, '['), "(document): is nested more than 32 deep"},
      {std::string(5 << 20, ' '), "(document): is longer than 4 MiB"},
      // What is no such document.
      {"[]", "(document): must be an object, is a list"},
      {"null", "(document): must be an object, is null"},
      {R"({"stage": {}})", "/stage: is not known; the nearest that is: 'stages'"},
      {R"({"": 1})", "/: is not known; the nearest that is: 'stages'"},
      {R"({"stages": []})", "/stages: must be an object, is a list"},
      {R"({"stages": {"": {}}})", "/stages/: must have a name"},
      {R"({"stages": {"a/b~c": 7}})", "/stages/a~1b~0c: must be an object, is 7"},
      {at_stage(R"({"retires": {}})"), "/stages/a~1b/retires: is not known; the nearest that is: 'retry'"},
      {at_stage(R"({"retry": {"RETRYS": 1}})"), "/stages/a~1b/retry/RETRYS: is not known; the nearest that is: 'retries'"},
      {at_stage(R"({"retry": {"longset_wait": "1s"}})"), "/stages/a~1b/retry/longset_wait: is not known; the nearest that is: 'longest_wait'"},
      {at_stage(R"({"retry": 3})"), "/stages/a~1b/retry: must be an object, is 3"},
      // Durations.
      {at_stage(R"({"timeout": 250})"), "/stages/a~1b/timeout: " + time + "250"},
      {at_stage(R"({"timeout": "250"})"), "/stages/a~1b/timeout: " + time + "'250'"},
      {at_stage(R"({"timeout": "ms"})"), "/stages/a~1b/timeout: " + time + "'ms'"},
      {at_stage(R"({"timeout": "-1s"})"), "/stages/a~1b/timeout: " + time + "'-1s'"},
      {at_stage(R"({"timeout": "1 s"})"), "/stages/a~1b/timeout: " + time + "'1 s'"},
      {at_stage(R"({"timeout": {"limit": "1s"}})"), "/stages/a~1b/timeout: " + time + "an object"},
      {at_stage(R"({"timeout": "0s"})"), "/stages/a~1b/timeout: must be more than 0s, is '0s'"},
      {at_stage(R"({"timeout": "1.5ns"})"), "/stages/a~1b/timeout: must be a whole number of ns, is '1.5ns'"},
      {at_stage(R"({"timeout": "99999999999h"})"), "/stages/a~1b/timeout: must be more than 0s, is '99999999999h'"},
      {at_stage(R"({"breaker": {"ramp": "25h"}})"), "/stages/a~1b/breaker/ramp: must be 0s to 24h, is '25h'"},
      // Sizes.
      {at_stage(R"({"cache": {"capacity_bytes": "512mib"}})"), "/stages/a~1b/cache/capacity_bytes: " + size + "'512mib'"},
      {at_stage(R"({"cache": {"capacity_bytes": 0.5}})"), "/stages/a~1b/cache/capacity_bytes: " + size + "0.5"},
      {at_stage(R"({"cache": {"capacity_bytes": -1}})"), "/stages/a~1b/cache/capacity_bytes: must be 0B or more, is -1"},
      // Counts, numbers and choices.
      {at_stage(R"({"retry": {"retries": 101}})"), "/stages/a~1b/retry/retries: must be 0 to 100, is 101"},
      {at_stage(R"({"retry": {"retries": -1}})"), "/stages/a~1b/retry/retries: must be 0 to 100, is -1"},
      {at_stage(R"({"retry": {"retries": 1.5}})"), "/stages/a~1b/retry/retries: must be 0 to 100, is 1.5"},
      {at_stage(R"({"retry": {"retries": 18446744073709551615}})"), "/stages/a~1b/retry/retries: must be 0 to 100, is 18446744073709551616"},
      {at_stage(R"({"retry": {"retries": "5"}})"), "/stages/a~1b/retry/retries: must be a whole number, is '5'"},
      {at_stage(R"({"retry": {"retries": true}})"), "/stages/a~1b/retry/retries: must be a whole number, is true"},
      {at_stage(R"({"bulkhead": 0})"), "/stages/a~1b/bulkhead: must be 1 or more, is 0"},
      {at_stage(R"({"queue": {"consumers": 0}})"), "/stages/a~1b/queue/consumers: must be 1 or more, is 0"},
      {at_stage(R"({"retry": {"factor": 0.5}})"), "/stages/a~1b/retry/factor: must be 1 to 100, is 0.5"},
      {at_stage(R"({"retry": {"factor": null}})"), "/stages/a~1b/retry/factor: must be a number, is null"},
      {at_stage(R"({"retry": {"jitter": "ful"}})"), "/stages/a~1b/retry/jitter: must be one of 'none', 'equal' or 'full', is 'ful'; the nearest: 'full'"},
      {at_stage(R"({"retry": {"jitter": 1}})"), "/stages/a~1b/retry/jitter: must be one of 'none', 'equal' or 'full', is 1"},
      {at_stage(R"({"retry": {"budget": {"share": 11}}})"), "/stages/a~1b/retry/budget/share: must be 0 to 10, is 11"},
      {at_stage(R"({"limit": {"gpu": {"buckets": {"eu": {"per": "0s"}}}}})"), "/stages/a~1b/limit/gpu/buckets/eu/per: must be more than 0s, is '0s'"},
      {R"({"models": {"risk": {"batch": {"max_size": 0}}}})", "/models/risk/batch/max_size: must be 1 to 65536, is 0"},
      // What is possible one by one, but not together.
      {at_stage(R"({"retry": {"first_wait": "2s", "longest_wait": "1s"}})"), "/stages/a~1b/retry: retry_options::first_wait must be 0 to longest_wait"},
  };
  for (const auto& [document, fault] : table) {
    INFO(document.substr(0, 200));
    CHECK(document_faults(document) == std::vector<std::string>{fault});
  }
}

TEST_CASE("all faults of a document are told at once, those of its text before the others") {
  CHECK(document_faults(R"({"stages": {"a/b": {"retry": {"retries": 1, "retries": 200, "factr": 1}, "timeout": 5}}, "models": 3})") ==
        std::vector<std::string>{"/stages/a~1b/retry/retries: the key is there twice", "/stages/a~1b/retry/factr: is not known; the nearest that is: 'factor'",
                                 "/stages/a~1b/timeout: must be a duration such as \"250ms\" (ns, us, ms, s, min, h), is 5", "/models: must be an object, is 3"});
  CHECK(document_faults(R"({"stages": {"a/b": {"retry": {"factor": 1e999}}}})") ==
        std::vector<std::string>{"/stages/a~1b/retry/factor: is a number that is too large: '1e999'",
                                 "(document): is not JSON: line 1, column 45: not expected: '1e999'"});
}

TEST_CASE("a document that is wrong throws all of it where its value is taken") {
  CHECK_THROWS_WITH((void)policy_document::read(R"({"a": 1, "b": 2})").value(),
                    "/a: is not known; the nearest that is: 'stages'\n/b: is not known; the nearest that is: 'stages'");
}

TEST_CASE("what a message shows of a document is short and can be printed") {
  CHECK(document_faults(at_stage(R"({"timeout": "\u0007)" + std::string(60, 'x') + "\"}")) ==
        std::vector<std::string>{R"(/stages/a~1b/timeout: must be a duration such as "250ms" (ns, us, ms, s, min, h), is '?)" + std::string(39, 'x') + "...'"});
}

TEST_CASE("durations and sizes are read as they are written, and written in the largest unit that fits") {
  using catena::detail::quantity;
  using catena::detail::reading_end;
  const auto read = [](quantity what, std::string_view text) {
    std::int64_t value = -1;
    return catena::detail::read_quantity(what, text, value) == reading_end::good ? value : -1;
  };
  CHECK(read(quantity::time, "250ms") == 250'000'000);
  CHECK(read(quantity::time, "1.5s") == 1'500'000'000);
  CHECK(read(quantity::time, "0.25min") == 15'000'000'000);
  CHECK(read(quantity::time, "2h") == 7'200'000'000'000);
  CHECK(read(quantity::time, "007us") == 7'000);
  CHECK(read(quantity::time, "0.000000001s") == 1);
  CHECK(read(quantity::time, "1.100000000000000000000000s") == 1'100'000'000);
  CHECK(read(quantity::time, "0.0000000001s") == -1);
  CHECK(read(quantity::time, "1.s") == -1);
  CHECK(read(quantity::time, ".5s") == -1);
  CHECK(read(quantity::time, "9223372036854775807ns") == 9'223'372'036'854'775'807);
  CHECK(read(quantity::time, "9223372036854775808ns") == -1);
  CHECK(read(quantity::time, "9223372036.9s") == -1);
  CHECK(read(quantity::size, "512MiB") == 512 << 20);
  CHECK(read(quantity::size, "1.25KiB") == 1280);
  CHECK(read(quantity::size, "64KB") == 64'000);
  CHECK(read(quantity::size, "0.1KiB") == -1);
  CHECK(write_quantity(quantity::time, 90'000'000'000) == "90s");
  CHECK(write_quantity(quantity::time, 3'600'000'000'000) == "1h");
  CHECK(write_quantity(quantity::time, 0) == "0s");
  CHECK(write_quantity(quantity::size, 512 << 20) == "512MiB");
  CHECK(write_quantity(quantity::size, 64'000) == "64000B");
}

TEST_CASE("a document that is written is the one that was read") {
  const std::string text = R"({
  "stages": {
    "a/b": {
      "timeout": "250ms",
      "retry": {
        "retries": 2,
        "factor": 1.5,
        "jitter": "none",
        "budget": {
          "share": 0.05
        }
      },
      "limit": {
        "gpu": {
          "line_capacity": 7,
          "buckets": {
            "eu": {
              "tokens": 10.0
            }
          }
        }
      }
    }
  },
  "models": {
    "risk": {
      "queue": {
        "max_bytes": "512MiB",
        "full": "drop_oldest_of_lowest"
      }
    }
  }
})";
  const policy_document document = policy_document::read(text).value();
  CHECK(document.to_json() == text);
  CHECK(policy_document::read(document.to_json()).value() == document);
  CHECK(policy_document::read("{}").value() == policy_document());
  CHECK(policy_document().to_json() == "{}");
}
