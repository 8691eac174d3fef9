// SPDX-License-Identifier: BSL-1.0
#include <catena/http/fields.hpp>

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace catena;
using http::fields;

TEST_CASE("a header field is found by its name in any letters, and set in the place of all of its name") {
  fields f;
  f.add("Accept", "a");
  f.add("accept", "b");
  CHECK(f.find("ACCEPT") == "a");
  CHECK(f.all().size() == 2);
  f.set("aCCept", "c");
  CHECK(f.find("accept") == "c");
  CHECK(f.all().size() == 1);
  CHECK_FALSE(f.find("acc"));
}

TEST_CASE("a header field that could begin another one is refused by its name, and its value is not told") {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"X-Key", "secret\r\nX-Other: 1"}, {"X-Key", "secret\n"}, {"X-Key", "secret\r"}, {"X-Key", std::string("secret\0", 7)}, {"X-Key", "secret\x7f"},
      {"X-Key ", "secret"},              {"X:Key", "secret"},   {"X-Key\n", "secret"}, {"X\xC3\xA4", "secret"},               {"", "secret"},
  };
  for (const auto& [name, value] : bad) {
    fields f;
    f.add("Fine", "yes");
    f.add(name, value);
    const auto valid = f.valid();
    REQUIRE(valid.has_error());
    CHECK(valid.error().is(errc::invalid_input));
    CHECK(valid.error().message().find("secret") == std::string::npos);
    if (name == "X-Key") CHECK(valid.error().message() == "the header field 'X-Key' has a value with a control character, such as the end of a line");
  }
  fields good;
  good.add("x-!#$%&'*+.^_`|~9", "\ttabs, spaces and \xC3\xA4");
  CHECK(good.valid().has_value());
}

TEST_CASE("a text that is shown holds no secret, whole or cut off, and nothing that is not printable") {
  fields f;
  f.add("Authorization", "Bearer sk-0123456789");
  f.add("X-Api-Key", "hunter22");
  f.add("Accept", "text");
  CHECK(http::shown("bad key sk-0123456789, or Bearer sk-0123456789, or hunter22: text", f, 200) == "bad key ***, or ***, or ***: text");
  CHECK(http::shown("bad key sk-012345", f, 200) == "bad key ***");
  CHECK(http::shown("bad key sk-0123456789", f, 12) == "bad key ***");
  CHECK(http::shown("a\r\nb\xC3\xA4", f, 200) == "a??b??");
  CHECK(http::shown("0123456789", f, 4) == "0123...");
}
