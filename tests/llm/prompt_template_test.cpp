// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/prompt_template.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace catena;

// [prompt]
struct product_review { std::string product, text; int stars; };
BOOST_DESCRIBE_STRUCT(product_review, (), (product, text, stars))

constexpr llm::prompt_template<product_review> ask_why("Why has {product} only {stars} stars? They say: {text}");  // checked while it is compiled
// [/prompt]

namespace {

enum class tone { kind, short_spoken };
BOOST_DESCRIBE_ENUM(tone, kind, short_spoken)
struct order {
  std::string text;
  double amount = 0;
  float rate = 0;
  bool urgent = false;
  tone how{};
  std::optional<int> limit = {};
  std::vector<int> lines = {};
};
BOOST_DESCRIBE_STRUCT(order, (), (text, amount, rate, urgent, how, limit, lines))

constexpr llm::prompt_template<order> all_kinds({.system = "Be {how}.", .user = "{{{text}}} {amount} {rate} {urgent} [{limit}] {lines} {text}"});

std::string faults_of(const std::string& user, const std::string& system = "") {
  try {
    (void)llm::prompt_template<product_review>::parse(user, system);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("a prompt is filled in, each type in its form, and what looks like a parameter in a text is none") {
  const llm::messages asked = ask_why({.product = "a {stars} hotel", .text = "{{no}}", .stars = 2});
  CHECK(asked == llm::messages{llm::message::user("Why has a {stars} hotel only 2 stars? They say: {{no}}")});

  order o{.text = "a", .amount = 0.1, .rate = 0.1f, .urgent = true, .how = tone::short_spoken};
  CHECK(all_kinds(o) == llm::messages{llm::message::system("Be short_spoken."), llm::message::user("{a} 0.1 0.1 true [] [] a")});
  o.limit = -7;
  o.lines = {1, 2};
  o.amount = 1e21;
  CHECK(all_kinds(o).at(1).content == "{a} 1e+21 0.1 true [-7] [1,2] a");
}

TEST_CASE("a prompt that is read at run time is checked as one that is compiled, and all that is wrong is told at once") {
  CHECK(faults_of("{text} {stars}", "{product}") == "none");
  CHECK(faults_of("{text} {starz} } {starz} {", "{") ==
        "prompt_template: the system text has a '{' at 0 that is neither a parameter's nor doubled; the user text has a parameter 'starz', and there is no such field; "
        "the user text has a '}' at 15 that is neither a parameter's nor doubled; the user text has a '{' at 25 that is neither a parameter's nor doubled; "
        "the field 'product' is not used; the field 'stars' is not used");
  CHECK(faults_of("{text} {stars} {product} { product}{}") ==
        "prompt_template: the user text has a parameter ' product', and there is no such field; the user text has a parameter '', and there is no such field");

  llm::parsed_prompt<product_review> either = ask_why;
  const product_review r{.product = "it", .text = "no", .stars = 1};
  CHECK(either(r) == ask_why(r));
  either = llm::prompt_template<product_review>::parse("{product}{text}{stars}", "Be brief.");
  CHECK(either(r) == llm::messages{llm::message::system("Be brief."), llm::message::user("itno1")});
}
