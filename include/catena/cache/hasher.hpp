// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Turns values into the bytes that a cache key is made of, and those into 128 bits.
#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace catena {

class hasher;

/// What a request is known by: two requests with the same key are the same request, no value is ever compared.
struct cache_key {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend constexpr auto operator<=>(const cache_key&, const cache_key&) = default;
};

/// 32 hexadecimal digits.
[[nodiscard]] std::string to_hex(const cache_key& key);

/// What hashes are keyed with, so that those who have not got it cannot look up in a table what a hash is of. XXH3 is no cryptographic
/// hash: it does not withstand those who may choose what is hashed and see the hashes of it.
class hash_secret {
 public:
  /// The same for the same key, always.
  explicit hash_secret(const std::array<std::uint64_t, 2>& key) noexcept;
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::array<std::byte, 192> bytes_;
};

namespace detail {

/// Found for a user's type beside it: `void hash_append(catena::hasher&, const T&)`.
template <class T>
concept has_hash_append = requires(hasher& h, const T& value) { hash_append(h, value); };

template <class T>
concept hashed_as_bytes = (std::is_arithmetic_v<T> && !std::is_same_v<T, long double>) || std::is_enum_v<T> ||
                          std::is_same_v<T, std::byte>;

template <class T>
concept hashed_as_text = std::is_convertible_v<const T&, std::string_view>;

template <class T>
concept hashed_as_range = std::ranges::input_range<const T> && std::ranges::sized_range<const T> &&
                          !std::is_same_v<std::ranges::range_value_t<const T>, T> &&
                          !requires { typename T::hasher; };  // an unordered container has no order to hash

template <class T>
concept hashed_as_tuple = requires { std::tuple_size<T>::value; };

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_smart_pointer = false;  // to one value: not to an array, nor to void
template <class T>
inline constexpr bool is_smart_pointer<std::shared_ptr<T>> = std::is_object_v<T> && !std::is_array_v<T>;
template <class T, class D>
inline constexpr bool is_smart_pointer<std::unique_ptr<T, D>> = std::is_object_v<T> && !std::is_array_v<T>;
template <class T>
inline constexpr bool is_variant = false;
template <class... Ts>
inline constexpr bool is_variant<std::variant<Ts...>> = true;
template <class T>
inline constexpr bool is_time = false;
template <class Rep, class Period>
inline constexpr bool is_time<std::chrono::duration<Rep, Period>> = true;
template <class Clock, class Duration>
inline constexpr bool is_time<std::chrono::time_point<Clock, Duration>> = true;

template <class T>
consteval bool is_hashable();
template <class... Ts>
consteval bool are_hashable(const std::variant<Ts...>*) {
  return (is_hashable<Ts>() && ...);
}
template <class Tuple, std::size_t... I>
consteval bool are_hashable(std::index_sequence<I...>) {
  return (is_hashable<std::remove_cvref_t<std::tuple_element_t<I, Tuple>>>() && ...);
}
template <class T>
consteval bool is_hashable() {
  if constexpr (has_hash_append<T> || hashed_as_bytes<T> || hashed_as_text<T> || is_time<T> || std::is_same_v<T, std::monostate>) return true;
  else if constexpr (hashed_as_range<T>) return is_hashable<std::ranges::range_value_t<const T>>();
  else if constexpr (is_optional<T> || is_smart_pointer<T>) return is_hashable<std::remove_cvref_t<decltype(*std::declval<const T&>())>>();
  else if constexpr (is_variant<T>) return are_hashable(static_cast<const T*>(nullptr));
  else if constexpr (hashed_as_tuple<T>) return are_hashable<T>(std::make_index_sequence<std::tuple_size_v<T>>());
  else return false;
}

/// One byte for the kind and size of what follows, so that the bytes of an int32 are no float's.
template <hashed_as_bytes T>
constexpr std::byte type_tag() noexcept {
  constexpr unsigned kind = std::is_floating_point_v<T> ? 1 : std::is_enum_v<T> ? 2 : std::is_signed_v<T> ? 3 : 4;
  return static_cast<std::byte>(kind << 5 | sizeof(T));
}

}  // namespace detail

/// Takes in all that determines an answer and gives its 128-bit hash.
///
/// A type of yours says what determines the answer in a function beside it, found by argument-dependent lookup:
///
///     struct question { std::string text; int language; double temperature; };
///     void hash_append(catena::hasher& h, const question& q) { h.append(q.text, q.language, q.temperature); }
///
/// Known without it: numbers, enumerations, text, ranges of known size in a fixed order, pair, tuple, optional, variant,
/// what a shared_ptr or unique_ptr holds, durations and moments. Every number is preceded by its type, every range by its size and element type, so that
/// ("ab", "c") is not ("a", "bc") and {1, 2} as int32 is not the float of the same bits. Text is text in whatever type.
/// Floating-point numbers count bit for bit: -0.0 is not 0.0, and a NaN is the same as itself.
/// The hash of the same values stays the same between releases, and on machines of the same byte order.
/// \threads  unsafe
/// \cost     one-shot up to 512 bytes, streaming beyond; no allocation
/// \source   XXH3-128 of the bytes (Collet); the customization point after N3980, "Types don't know #", and AbslHashValue
class hasher {
 public:
  hasher() noexcept {}  // NOLINT: the memory stays as it is
  /// \lifetime  the secret must live as long
  explicit hasher(const hash_secret& keyed_with) noexcept : secret_(&keyed_with) {}  // NOLINT
  hasher(const hasher&) = delete;
  hasher& operator=(const hasher&) = delete;

  template <class... Ts>
  void append(const Ts&... values) {
    (append_one(values), ...);
  }

  /// Bytes as they are, without their number: for a tensor's data after its type and shape. No padding must be among them.
  void append_bytes(const void* data, std::size_t size) noexcept {
    if (size == 0) return;
    if (size > sizeof memory_ - used_ || streaming_) return append_streaming(data, size);
    std::memcpy(memory_ + used_, data, size);
    used_ += size;
  }

  [[nodiscard]] cache_key finish() noexcept;

 private:
  static constexpr std::size_t one_shot_limit = 512;

  template <class T>
  void append_one(const T& value);
  template <class T>
  void append_range(const T& range);
  void append_size(std::size_t size) noexcept {
    const auto wide = static_cast<std::uint64_t>(size);
    append_bytes(&wide, sizeof wide);
  }
  void append_text(std::string_view text) noexcept {
    append_tag(text_tag);
    append_size(text.size());
    append_bytes(text.data(), text.size());
  }
  void append_tag(std::byte tag) noexcept { append_bytes(&tag, 1); }
  void append_streaming(const void* data, std::size_t size) noexcept;

  static constexpr std::byte text_tag{0xff};
  static constexpr std::byte range_tag{0xfe};

  const hash_secret* secret_ = nullptr;
  std::size_t used_ = 0;
  bool streaming_ = false;
  std::byte memory_[one_shot_limit];  ///< the bytes so far, until they are too many
  alignas(64) std::byte state_[576]; ///< then XXH3's state
};

template <class T>
void hasher::append_range(const T& range) {
  using element = std::ranges::range_value_t<const T>;
  if constexpr (detail::hashed_as_bytes<element> && std::ranges::contiguous_range<const T>) {
    const std::byte head[] = {range_tag, detail::type_tag<element>()};
    append_bytes(head, sizeof head);
    append_size(std::ranges::size(range));
    append_bytes(std::ranges::data(range), std::ranges::size(range) * sizeof(element));
  } else if constexpr (detail::hashed_as_bytes<element>) {  // the same bytes, one by one
    const std::byte head[] = {range_tag, detail::type_tag<element>()};
    append_bytes(head, sizeof head);
    append_size(std::ranges::size(range));
    for (const element e : range) append_bytes(&e, sizeof e);
  } else {
    append_tag(range_tag);
    append_size(std::ranges::size(range));
    for (const auto& e : range) append_one(e);
  }
}

template <class T>
void hasher::append_one(const T& value) {
  if constexpr (detail::has_hash_append<T>) {
    hash_append(*this, value);
  } else if constexpr (detail::hashed_as_bytes<T>) {
    append_tag(detail::type_tag<T>());
    append_bytes(&value, sizeof value);
  } else if constexpr (detail::hashed_as_text<T>) {
    append_text(value);
  } else if constexpr (detail::hashed_as_range<T>) {
    append_range(value);
  } else if constexpr (detail::is_optional<T> || detail::is_smart_pointer<T>) {
    append_one(static_cast<bool>(value));
    if (value) append_one(*value);
  } else if constexpr (detail::is_variant<T>) {
    append_size(value.index());
    if (!value.valueless_by_exception()) std::visit([this](const auto& held) { this->append_one(held); }, value);
  } else if constexpr (detail::is_time<T>) {
    if constexpr (requires { value.count(); }) append_one(value.count());
    else append_one(value.time_since_epoch().count());
  } else if constexpr (detail::hashed_as_tuple<T>) {
    std::apply([this](const auto&... parts) { this->append(parts...); }, value);
  } else if constexpr (!std::is_same_v<T, std::monostate>) {
    static_assert(!sizeof(T),
                  "catena: what of this type determines the answer? Write, in its namespace: "
                  "void hash_append(catena::hasher& h, const T& value) { h.append(value.a, value.b); }");
  }
}

/// Whether a hasher knows what of the type determines an answer.
template <class T>
concept hashable = detail::is_hashable<T>();

}  // namespace catena
