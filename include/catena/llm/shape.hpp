// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a C++ type is made of, as data: from it schemas are written, and JSON is read, checked and written without templates.
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::llm {

/// What a model is told of a field. A type has them as a static member:
///
///     struct review {
///       int stars; std::string text;
///       static constexpr llm::field_note field_notes[] = {{"stars", "1 (bad) to 5 (good)"}};
///     };
///     BOOST_DESCRIBE_STRUCT(review, (), (stars, text))
struct field_note {
  std::string_view field;  ///< empty: of the type itself
  std::string_view note;
};

namespace detail {

enum class shape_kind : std::uint8_t { boolean, whole, number, text, optional, list, map, choice, object };

struct shape;
/// A function, so that a type can have items of its own type.
using shape_source = const shape& (*)() noexcept;

struct shape_field {
  const char* name;
  std::string_view note;
  shape_source of;
  void* (*in)(void* object) noexcept;
};

/// What is to be done with an item.
struct item_filler {
  bool (*fill)(void* context, void* item);  ///< false: it is not kept
  void* context;
};
struct item_viewer {
  void (*view)(void* context, const std::string* key, const void* item);
  void* context;
};

/// A value is handed over as a pointer to it.
struct shape {
  shape_kind kind{};
  void (*reset)(void* value) = nullptr;  ///< to what T() is

  // boolean, whole, choice: the value, or its place in `names`; a negative one as its two's complement
  void (*set_bits)(void* to, std::uint64_t bits) = nullptr;
  std::uint64_t (*bits)(const void* of) = nullptr;
  std::int64_t least = 0;
  std::uint64_t most = 0;
  std::span<const char* const> names = {};

  // number
  void (*set_number)(void* to, double value) = nullptr;
  double (*number)(const void* of) = nullptr;
  double largest = 0;

  // optional, list, map
  shape_source item = nullptr;
  bool (*add)(void* to, const std::string& key, item_filler with) = nullptr;
  void (*each)(const void* of, item_viewer with) = nullptr;

  // object
  std::span<const shape_field> fields = {};
  std::string_view note = {};
};

template <class T>
const shape& shape_of() noexcept;

// ---- kinds of types --------------------------------------------------------------------------------------------------

template <class T, template <class...> class Of>
inline constexpr bool is_a = false;
template <class... A, template <class...> class Of>
inline constexpr bool is_a<Of<A...>, Of> = true;

template <class T>
concept whole_number = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                       !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;
template <class T>
concept described_struct = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;
template <class T>
concept described_enum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

// ---- structs ---------------------------------------------------------------------------------------------------------

template <class T>
constexpr std::span<const field_note> notes_of() noexcept {
  if constexpr (requires { std::span<const field_note>(T::field_notes); }) return std::span<const field_note>(T::field_notes);
  else return {};
}
template <class T>
constexpr std::string_view note_of(std::string_view field) noexcept {
  for (const field_note& n : notes_of<T>())
    if (n.field == field) return n.note;
  return {};
}

template <class T, auto Member>
void* member_of(void* object) noexcept {
  return &(static_cast<T*>(object)->*Member);
}
template <class T, auto Member>
using member_type = std::remove_reference_t<decltype(std::declval<T&>().*Member)>;

template <class T>
using described_members = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

template <class T, class Members = described_members<T>>
struct fields_of;
template <class T, template <class...> class List, class... D>
struct fields_of<T, List<D...>> {
  static constexpr std::array<shape_field, sizeof...(D)> all{
      shape_field{D::name, note_of<T>(D::name), &shape_of<member_type<T, D::pointer>>, &member_of<T, D::pointer>}...};
  static constexpr bool notes_name_fields = [] {
    for (const field_note& n : notes_of<T>())
      if (!(n.field.empty() || ... || (n.field == D::name))) return false;
    return true;
  }();
};

// ---- enums -----------------------------------------------------------------------------------------------------------

template <class E, class Enumerators = boost::describe::describe_enumerators<E>>
struct choices_of;
template <class E, template <class...> class List, class... D>
struct choices_of<E, List<D...>> {
  static constexpr std::array<const char*, sizeof...(D)> names{D::name...};
  static constexpr std::array<E, sizeof...(D)> values{D::value...};
};

// ---- the shape of each kind ------------------------------------------------------------------------------------------

template <class T>
constexpr void shape_number(shape& s) {
  if constexpr (std::is_floating_point_v<T>) {
    s.kind = shape_kind::number;
    s.set_number = [](void* to, double value) { *static_cast<T*>(to) = static_cast<T>(value); };
    s.number = [](const void* of) { return static_cast<double>(*static_cast<const T*>(of)); };
    s.largest = sizeof(T) < sizeof(double) ? static_cast<double>(std::numeric_limits<T>::max()) : std::numeric_limits<double>::max();
  } else {
    s.kind = std::is_same_v<T, bool> ? shape_kind::boolean : shape_kind::whole;
    s.set_bits = [](void* to, std::uint64_t bits) { *static_cast<T*>(to) = static_cast<T>(bits); };
    s.bits = [](const void* of) { return static_cast<std::uint64_t>(*static_cast<const T*>(of)); };
    s.least = static_cast<std::int64_t>(std::numeric_limits<T>::min());
    s.most = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
  }
}

template <class E>
constexpr void shape_choice(shape& s) {
  using choices = choices_of<E>;
  s.kind = shape_kind::choice;
  s.names = choices::names;
  s.set_bits = [](void* to, std::uint64_t place) { *static_cast<E*>(to) = choices::values[place]; };
  s.bits = [](const void* of) {
    std::uint64_t place = 0;
    while (place < choices::values.size() && choices::values[place] != *static_cast<const E*>(of)) ++place;
    return place;
  };
}

/// \param Keep  puts an item into the container
template <class C, class Item, auto Keep>
constexpr void shape_container(shape& s, shape_kind kind) {
  s.kind = kind;
  s.item = &shape_of<Item>;
  s.add = [](void* to, const std::string& key, item_filler with) {
    Item item = Item();
    if (!with.fill(with.context, &item)) return false;
    Keep(*static_cast<C*>(to), key, std::move(item));
    return true;
  };
}

template <class T>
constexpr shape make_shape() {
  shape s;
  s.reset = [](void* value) { *static_cast<T*>(value) = T(); };
  if constexpr (std::is_same_v<T, bool> || whole_number<T> || std::is_floating_point_v<T>) {
    shape_number<T>(s);
  } else if constexpr (std::is_same_v<T, std::string>) {
    s.kind = shape_kind::text;
  } else if constexpr (described_enum<T>) {
    shape_choice<T>(s);
  } else if constexpr (is_a<T, std::optional>) {
    using item = typename T::value_type;
    shape_container<T, item, [](T& to, const std::string&, item&& x) { to = std::move(x); }>(s, shape_kind::optional);
    s.each = [](const void* of, item_viewer with) {
      if (const T& value = *static_cast<const T*>(of)) with.view(with.context, nullptr, &*value);
    };
  } else if constexpr (is_a<T, std::vector>) {
    using item = typename T::value_type;
    shape_container<T, item, [](T& to, const std::string&, item&& x) { to.push_back(std::move(x)); }>(s, shape_kind::list);
    s.each = [](const void* of, item_viewer with) {
      for (auto&& x : *static_cast<const T*>(of)) {
        const item& one = x;  // of a std::vector<bool> it is a copy
        with.view(with.context, nullptr, &one);
      }
    };
  } else if constexpr (is_a<T, std::map>) {
    static_assert(std::is_same_v<typename T::key_type, std::string>, "catena: the keys of a std::map in JSON are std::string");
    using item = typename T::mapped_type;
    shape_container<T, item, [](T& to, const std::string& key, item&& x) { to.insert_or_assign(key, std::move(x)); }>(s, shape_kind::map);
    s.each = [](const void* of, item_viewer with) {
      for (const auto& [key, x] : *static_cast<const T*>(of)) with.view(with.context, &key, &x);
    };
  } else if constexpr (described_struct<T>) {
    static_assert(fields_of<T>::notes_name_fields, "catena: field_notes name a field that the struct does not have");
    s.kind = shape_kind::object;
    s.fields = fields_of<T>::all;
    s.note = note_of<T>("");
  } else {
    static_assert(!std::is_same_v<T, T>,
                  "catena: this type has no form in JSON: take bool, whole and floating numbers, std::string, std::optional<T>, std::vector<T>, "
                  "std::map<std::string, T>, or describe your struct or enum with BOOST_DESCRIBE_STRUCT or BOOST_DESCRIBE_ENUM");
  }
  return s;
}

/// A type's shape; made by the compiler.
template <class T>
const shape& shape_of() noexcept {
  static constexpr shape made = make_shape<T>();
  return made;
}

}  // namespace detail
}  // namespace catena::llm
