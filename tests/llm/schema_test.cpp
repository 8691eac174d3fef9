// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/schema.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace catena;
using Catch::Matchers::ContainsSubstring;

namespace {

enum class mood { good, bad };
BOOST_DESCRIBE_ENUM(mood, good, bad)

struct cast_member {
  std::string name;
  std::optional<std::uint8_t> age = {};
};
BOOST_DESCRIBE_STRUCT(cast_member, (), (name, age))

struct film {
  std::string title;
  int year = 0;
  double stars = 0;
  bool seen = false;
  mood left_with{};
  std::vector<cast_member> cast = {};
  std::optional<cast_member> director = {};
  std::map<std::string, float> scores = {};
  static constexpr llm::field_note field_notes[] = {{"", "A film."}, {"stars", "0 to 5"}};
};
BOOST_DESCRIBE_STRUCT(film, (), (title, year, stars, seen, left_with, cast, director, scores))

struct part {
  std::string name;
  std::vector<part> parts = {};
};
BOOST_DESCRIBE_STRUCT(part, (), (name, parts))

struct bounds {
  std::int8_t small = 0;
  std::uint64_t large = 0;
  float real = 0;
};
BOOST_DESCRIBE_STRUCT(bounds, (), (small, large, real))

const std::string some_film = R"({"title":"Heat","year":1995,"stars":4.5,"seen":true,"left_with":"good","cast":[{"name":"Al","age":55},{"name":"Robert","age":null}],)"
                              R"("director":null,"scores":{"us":0.1}})";

/// As JSON again, or why not.
template <class T>
std::string read_back(const std::string& text) {
  const result<T> read = llm::read_json<T>(text);
  return read ? llm::write_json(*read) : read.error().message();
}

/// The film with another value of one member.
std::string with(const std::string& was, const std::string& is) {
  std::string text = some_film;
  return text.replace(text.find(was), was.size(), is);
}

}  // namespace

TEST_CASE("a schema has all fields in their order, and what the model is told of them") {
  CHECK(llm::schema_of<film>() ==
        R"({"type":"object","description":"A film.","properties":{"title":{"type":"string"},"year":{"type":"integer"},)"
        R"("stars":{"type":"number","description":"0 to 5"},"seen":{"type":"boolean"},"left_with":{"type":"string","enum":["good","bad"]},)"
        R"("cast":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},)"
        R"("age":{"anyOf":[{"type":"integer","minimum":0,"maximum":255},{"type":"null"}]}},"required":["name","age"],"additionalProperties":false}},)"
        R"("director":{"anyOf":[{"type":"object","properties":{"name":{"type":"string"},)"
        R"("age":{"anyOf":[{"type":"integer","minimum":0,"maximum":255},{"type":"null"}]}},"required":["name","age"],"additionalProperties":false},)"
        R"({"type":"null"}]},"scores":{"type":"object","additionalProperties":{"type":"number"}}},)"
        R"("required":["title","year","stars","seen","left_with","cast","director","scores"],"additionalProperties":false})");
}

TEST_CASE("a type that has items of its own type is defined once, and bounded in depth when it is read") {
  CHECK(llm::schema_of<part>() ==
        R"({"type":"object","properties":{"name":{"type":"string"},"parts":{"type":"array","items":{"$ref":"#/$defs/type1"}}},)"
        R"("required":["name","parts"],"additionalProperties":false,"$defs":{"type1":{"type":"object","properties":{"name":{"type":"string"},)"
        R"("parts":{"type":"array","items":{"$ref":"#/$defs/type1"}}},"required":["name","parts"],"additionalProperties":false}}})");
  const auto nested = [](int levels) {
    std::string text = R"({"name":"a","parts":[]})";
    while (--levels > 0) text = R"({"name":"a","parts":[)" + text + "]}";
    return text;
  };
  CHECK(read_back<part>(nested(30)) == nested(30));
  CHECK_THAT(read_back<part>(nested(100)), ContainsSubstring("there are more than 64 levels"));
  CHECK(read_back<part>(std::string(1'000'000, '[') + std::string(1'000'000, ']')) == "there is no JSON, or it is malformed or broken off");
}

TEST_CASE("a value is found in what a model says around it") {
  const std::string around[] = {"{}", "  {}\n", "```json\n{}\n```", "Here it is:\n```\n{}\n```\nI hope {this} helps!", "```json\n{}", "Sure! {}", "{} -- as you wished {it}",
                                "The {form} is [so]: {}.", "<think>a { brace</think> {}", R"({"title":} no, I mean: {})"};
  for (const std::string& with_braces : around) {
    std::string text = with_braces;
    text.replace(text.rfind("{}"), 2, some_film);
    CHECK(read_back<film>(text) == some_film);
  }
  CHECK(llm::read_json<std::vector<int>>("They are [1, 2, 3].").value() == std::vector<int>{1, 2, 3});
  CHECK(llm::read_json<int>("42").value() == 42);
}

TEST_CASE("a field that nobody asked for is passed over, one that is there twice counts as it comes last, and one that may be absent is as declared") {
  CHECK(read_back<film>(with(R"("seen":true)", R"("more":{"of":[1]},"seen":false,"seen":true)")) == some_film);
  CHECK(read_back<film>(with(R"("director":null,)", "")) == some_film);
  CHECK(read_back<film>(with("1995", "1995.0")) == some_film);
}

TEST_CASE("what is wrong is told by its JSON pointer, what is expected and what is there, but not by what it says") {
  const struct {
    std::string text, why;
  } all[] = {
      {with(R"("Heat")", "7"), "/title: a text is expected and not a number"},
      {with("1995", R"("1995")"), "/year: a whole number is expected and not a text"},
      {with("1995", "1995.5"), "/year: a whole number is expected and not this number"},
      {with("1995", "3000000000"), "/year: a whole number is expected and not this number"},
      {with("true", "1"), "/seen: true or false is expected and not a number"},
      {with(R"("good")", R"("secret")"), R"(/left_with: one of "good", "bad" is expected and not this text)"},
      {with("55", "-1"), "/cast/0/age: a whole number from 0 to 255 is expected and not this number"},
      {with(R"("name":"Robert",)", ""), "/cast/1/name: a text is expected and missing"},
      {with(R"("director":null)", R"("director":"secret")"), "/director: an object is expected and not a text"},
      {with("0.1", R"("secret")"), "/scores/*: a number is expected and not a text"},
      {with("0.1", "1e300"), "/scores/*: a number is expected and not one that is so large"},
      {with("1995", "null") + "!", "/year: a whole number is expected and not null"},
      {R"({"title":"secret"})", "/year: a whole number is expected and missing; /stars: a number is expected and missing; /seen: true or false is expected and missing; "
                                R"(/left_with: one of "good", "bad" is expected and missing; /cast: a list is expected and missing; /scores: an object is expected and missing)"},
      {"[1, 2]", "(document): an object is expected and not a list"},
      {"the secret is out", "there is no JSON, or it is malformed or broken off"},
      {R"({"title":"secret)", "there is no JSON, or it is malformed or broken off"},
      {" \n", "there is nothing but space, where JSON is expected"},
  };
  for (const auto& [text, why] : all) CHECK(read_back<film>(text) == why);
  CHECK(llm::read_json<film>("").error().is(errc::bad_response));
}

TEST_CASE("numbers are read to the ends of their types, and written with the digits that these have") {
  const std::string ends = R"({"small":-128,"large":18446744073709551615,"real":0.1})";
  CHECK(read_back<bounds>(ends) == ends);
  CHECK(read_back<bounds>(R"({"small":127,"large":0,"real":-3})") == R"({"small":127,"large":0,"real":-3.0})");
  CHECK(read_back<bounds>(R"({"small":128,"large":-1,"real":1e39})") ==
        "/small: a whole number from -128 to 127 is expected and not this number; /large: a whole number from 0 to 18446744073709551615 is expected and not this number; "
        "/real: a number is expected and not one that is so large");
  CHECK(read_back<bounds>(R"({"small":1e30,"large":18446744073709551616,"real":0})").starts_with("/small: a whole number from -128 to 127 is expected and not this number; /large: "));
}

TEST_CASE("an answer is read as a type, and one that was cut off says so") {
  llm::answer a;
  a.message.content = "The film:\n" + some_film;
  CHECK(a.as<film>()->cast.at(1).name == "Robert");
  a.message.content.resize(100);
  a.finish = llm::finish::length;
  const failure why = a.as<film>().error();
  CHECK(why.is(errc::bad_response));
  CHECK(why.message() == "the answer is not of the form that is expected: there is no JSON, or it is malformed or broken off (it stopped because of: length)");
}
