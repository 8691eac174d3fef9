// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What every fuzz target needs: numbers out of bytes, a way to say that a promise was broken, and a name. All targets are one
/// program, so that what they include is compiled once: each keeps its own names in a namespace of its own.
#include <catena/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <span>
#include <string>
#include <string_view>

namespace catena::fuzz {

/// Ends the process, which libFuzzer reports together with the input that led to it.
inline void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: a promise was broken\n", where.file_name(), where.line());
  std::abort();
}

/// The fuzzer's bytes, taken one after the other; zeros when there are no more.
class input {
 public:
  input(const std::uint8_t* data, std::size_t size) noexcept : at_(data), end_(data + size) {}

  [[nodiscard]] bool empty() const noexcept { return at_ == end_; }
  [[nodiscard]] std::uint8_t byte() noexcept { return empty() ? std::uint8_t{0} : *at_++; }
  [[nodiscard]] std::uint64_t number(int bytes) noexcept {
    std::uint64_t n = 0;
    while (bytes-- > 0) n = n << 8 | byte();
    return n;
  }
  /// 0 to n - 1; n is at least 1.
  [[nodiscard]] std::size_t below(std::size_t n) noexcept { return number(n > 256 ? 4 : 1) % n; }
  /// All that are left as a text, and instead of some, what such texts are made of.
  [[nodiscard]] std::string rest(std::span<const std::string_view> words) {
    std::string text;
    while (!empty()) {
      const std::uint8_t b = byte();
      if (b < words.size()) text += words[b];
      else text += static_cast<char>(b);
    }
    return text;
  }
  /// Short ones often, long ones sometimes: up to a day.
  [[nodiscard]] duration span() noexcept {
    const int power = static_cast<int>(below(17));
    return duration(static_cast<duration::rep>(number(2) << power)) * (below(16) == 0 ? 19'000 : 1);
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

inline constexpr time_point start{std::chrono::hours(1)};

/// One target: what it does with an input. It is found by the name of its file.
class target {
 public:
  using function = void(const std::uint8_t* data, std::size_t size);

  target(std::string_view name, function& on_input) noexcept : name_(name), on_input_(on_input), next_(first()) { first() = this; }
  target(const target&) = delete;
  target& operator=(const target&) = delete;

  [[nodiscard]] static const target* named(std::string_view name) noexcept {
    const target* t = first();
    while (t && t->name_ != name) t = t->next_;
    return t;
  }
  void operator()(const std::uint8_t* data, std::size_t size) const { on_input_(data, size); }

 private:
  static const target*& first() noexcept {
    static const target* all = nullptr;
    return all;
  }

  std::string_view name_;
  function& on_input_;
  const target* next_;
};

}  // namespace catena::fuzz
