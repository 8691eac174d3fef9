// SPDX-License-Identifier: BSL-1.0
#include <catena/cache/key.hpp>
#include <catena/time.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "support/catch.hpp"

namespace hashed {

enum class colour : std::uint8_t { red, green };

struct question {
  std::string text;
  colour tint = colour::red;
  std::optional<double> temperature;
};
void hash_append(catena::hasher& h, const question& q) { h.append(q.text, q.tint, q.temperature); }

/// A range whose author knows better what determines the answer.
struct caseless : std::string {
  using std::string::string;
};
void hash_append(catena::hasher& h, const caseless& text) {
  std::string low;
  for (const char c : text) low += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  h.append(low);
}

}  // namespace hashed

namespace {

using namespace std::string_literals;
using catena::cache_key;

template <class... Ts>
cache_key hash_of(const Ts&... values) {
  catena::hasher h;
  h.append(values...);
  return h.finish();
}

template <class T>
std::string hex_of(const T& value) {
  return catena::key_space("", "").name(hash_of(value)).substr(1, 32);
}

}  // namespace

TEST_CASE("the same values have the same key, other values another") {
  const catena::key_space space("model", "1");
  CHECK(space.key("a"s, 1) == space.key("a"s, 1));
  CHECK(space.key("a"s, 1) != space.key("a"s, 2));
  CHECK(space.key("a"s, 1) != space.key("b"s, 1));
  CHECK(space.key(1, 2) != space.key(2, 1));
  CHECK(space.key() == space.key());
  CHECK(space.key() != space.key(0));
}

TEST_CASE("models, versions and tenants share no key, however their names are cut") {
  const std::set<cache_key> keys{
      catena::key_space("a", "b").key(1),         catena::key_space("ab", "").key(1),
      catena::key_space("", "ab").key(1),         catena::key_space("a", "b").key_for("t", 1),
      catena::key_space("a", "b").key_for("u", 1), catena::key_space("a", "b").key("t", 1),
      catena::key_space("a", "bt").key(1),
  };
  CHECK(keys.size() == 7);
  CHECK(catena::key_space("a", "b").key_for("", 1) == catena::key_space("a", "b").key(1));
}

TEST_CASE("a key's name is model, input hash and version") {
  const catena::key_space space("risk", "3");
  CHECK(space.name({.low = 0x0123456789abcdef, .high = 0xfedcba9876543210}) == "risk_fedcba98765432100123456789abcdef_3");
  CHECK(space.model() == "risk");
  CHECK(space.version() == "3");
}

TEST_CASE("values that lie side by side do not flow into each other") {
  CHECK(hash_of("ab"s, "c"s) != hash_of("a"s, "bc"s));
  CHECK(hash_of(""s, "a"s) != hash_of("a"s, ""s));
  CHECK(hash_of(std::vector<int>{1}, std::vector<int>{2, 3}) != hash_of(std::vector<int>{1, 2}, std::vector<int>{3}));
  CHECK(hash_of(std::vector<std::string>{"ab"}) != hash_of(std::vector<std::string>{"a", "b"}));
  CHECK(hash_of(std::vector<std::vector<int>>{{1}, {}}) != hash_of(std::vector<std::vector<int>>{{}, {1}}));
  CHECK(hash_of(std::optional<int>{}, 1) != hash_of(std::optional<int>{1}));
  CHECK(hash_of(std::optional<int>{}) != hash_of(std::optional<int>{0}));
  CHECK(hash_of(std::vector<int>{}) != hash_of());
}

TEST_CASE("the type of a number is part of the key") {
  std::set<cache_key> ones;
  std::size_t count = 0;
  const auto add = [&](const auto& value) { ones.insert(hash_of(value)), ++count; };
  add(std::int8_t{1}), add(std::int16_t{1}), add(std::int32_t{1}), add(std::int64_t{1});
  add(std::uint8_t{1}), add(std::uint16_t{1}), add(std::uint32_t{1}), add(std::uint64_t{1});
  add(1.0F), add(1.0), add(hashed::colour::green), add(std::string(1, '\1'));
  CHECK(ones.size() == count);
}

TEST_CASE("a tensor's bytes mean something else with another element type or shape") {
  const std::vector<float> floats{1.0F, 2.0F};
  std::vector<std::int32_t> bits(2);
  std::memcpy(bits.data(), floats.data(), sizeof(float) * 2);
  CHECK(hash_of(floats) != hash_of(bits));
  const std::vector<float> data{1, 2, 3, 4, 5, 6};
  CHECK(hash_of(std::array{2, 3}, data) != hash_of(std::array{3, 2}, data));
}

TEST_CASE("text has the same key in every type that holds it") {
  const char array[] = "text";
  const char* pointer = array;
  CHECK(hash_of("text"s) == hash_of(std::string_view("text")));
  CHECK(hash_of("text"s) == hash_of("text"));
  CHECK(hash_of("text"s) == hash_of(pointer));
}

TEST_CASE("elements have the same key in every range that holds them in this order") {
  const int array[] = {1, 2, 3};
  const std::vector<int> vector{1, 2, 3};
  CHECK(hash_of(vector) == hash_of(std::array{1, 2, 3}));
  CHECK(hash_of(vector) == hash_of(array));
  CHECK(hash_of(vector) == hash_of(std::span(array)));
  CHECK(hash_of(vector) == hash_of(std::deque<int>{1, 2, 3}));
  CHECK(hash_of(vector) == hash_of(std::set<int>{3, 2, 1}));
  CHECK(hash_of(vector) != hash_of(std::vector<int>{3, 2, 1}));
  CHECK(hash_of(std::vector<bool>{true, false}) == hash_of(std::array{true, false}));
}

TEST_CASE("every built-in kind tells its values apart") {
  using either = std::variant<int, std::string, std::monostate, double>;
  CHECK(hash_of(either(1)) != hash_of(either(2)));
  CHECK(hash_of(either(1)) != hash_of(either("1")));
  CHECK(hash_of(either(std::monostate{})) != hash_of(either(0)));
  CHECK(hash_of(std::variant<int, int>(std::in_place_index<0>, 1)) != hash_of(std::variant<int, int>(std::in_place_index<1>, 1)));
  CHECK(hash_of(std::pair(1, "a"s)) != hash_of(std::pair(1, "b"s)));
  CHECK(hash_of(std::tuple(1, 2, 3)) != hash_of(std::tuple(1, 2, 4)));
  CHECK(hash_of(std::map<int, std::string>{{1, "a"}}) != hash_of(std::map<int, std::string>{{1, "b"}}));
  CHECK(hash_of(hashed::colour::red) != hash_of(hashed::colour::green));
  CHECK(hash_of(true) != hash_of(false));
  CHECK(hash_of(std::byte{1}) != hash_of(std::byte{2}));
  CHECK(hash_of(std::chrono::seconds(1)) != hash_of(std::chrono::seconds(2)));
  CHECK(hash_of(catena::time_point(std::chrono::seconds(1))) != hash_of(catena::time_point(std::chrono::seconds(2))));
}

TEST_CASE("floating-point numbers count bit for bit") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(hash_of(0.0) != hash_of(-0.0));
  CHECK(hash_of(nan) == hash_of(nan));
  CHECK(hash_of(nan) != hash_of(-nan));
  CHECK(hash_of(1.0) != hash_of(std::nextafter(1.0, 2.0)));
}

TEST_CASE("a user's type says itself what determines its answer") {
  using hashed::question;
  CHECK(hash_of(question{"a", hashed::colour::red, 0.5}) == hash_of("a"s, hashed::colour::red, std::optional(0.5)));
  CHECK(hash_of(question{"a", {}, {}}) != hash_of(question{"b", {}, {}}));
  CHECK(hash_of(std::vector<question>{{"a", {}, {}}, {"b", {}, {}}}) != hash_of(std::vector<question>{{"b", {}, {}}, {"a", {}, {}}}));
  CHECK(hash_of(hashed::caseless("Text")) == hash_of(hashed::caseless("tEXT")));
}

TEST_CASE("a long request has the key that the same bytes have in pieces") {
  // Around the 512 bytes up to which a key is hashed at once.
  for (std::size_t size = 480; size <= 1100; ++size) {
    INFO(size << " bytes");
    const std::string text(size, 'x');
    catena::hasher whole, pieces;
    whole.append_bytes(text.data(), size);
    for (std::size_t at = 0; at < size; at += 7) pieces.append_bytes(text.data() + at, std::min<std::size_t>(7, size - at));
    REQUIRE(whole.finish() == pieces.finish());
    std::string other = text;
    other.back() = 'y';
    REQUIRE(hash_of(text) != hash_of(other));
  }
}

TEST_CASE("what is hashed are these bytes") {
  const auto hash_of_bytes = [](const std::vector<unsigned char>& bytes) {
    catena::hasher h;
    h.append_bytes(bytes.data(), bytes.size());
    return h.finish();
  };
  CHECK(hash_of("ab"s) == hash_of_bytes({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'}));
  CHECK(hash_of(std::uint16_t{0x0102}) == hash_of_bytes({0x82, 2, 1}));
  CHECK(hash_of(1.0F) == hash_of_bytes({0x24, 0, 0, 0x80, 0x3f}));
  CHECK(hash_of(std::vector<std::int8_t>{-1, 5}) == hash_of_bytes({0xfe, 0x61, 2, 0, 0, 0, 0, 0, 0, 0, 0xff, 5}));
  CHECK(hash_of(std::optional<bool>(true)) == hash_of_bytes({0x81, 1, 0x81, 1}));
}

TEST_CASE("keys stay the same between releases") {
  // If this fails, every cache outside this process has become worthless: change the code, not the numbers.
  CHECK(hex_of(""s) == "5fa30ebc3b36699c0729fbc6d3471cae");
  CHECK(hex_of("catena"s) == "1d0ad8d1736df3f2e8091255f615b4e6");
  CHECK(hex_of(std::int32_t{42}) == "0e979c2d863b6082ffbe03458b6d7c8e");
  CHECK(hex_of(std::vector<float>{1.0F, -0.5F}) == "bd3ecfe7212b7c5437409661ecfacb7e");
  CHECK(hex_of(std::string(1000, 'z')) == "97e6670d656089db0931a246eb9b153d");
  CHECK(hex_of(hashed::question{"why?", hashed::colour::green, 0.7}) == "74d87a3a29047116321f3bbf1c693dc1");
  CHECK(hex_of(std::variant<int, std::string>("x")) == "d6ff351604358a5426d2759b9eabec73");
  const catena::key_space space("risk", "3");
  CHECK(space.name(space.key("a"s, 1)) == "risk_e08e0df44ea4915390a518cad7269123_3");
  CHECK(space.name(space.key_for("tenant", "a"s, 1)) == "risk_32aa21e2e76950abb501706e85dc968c_3");
}
