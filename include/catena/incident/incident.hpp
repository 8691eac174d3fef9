// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a person is told of a run that went wrong.
#include <catena/error.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace catena {

/// That a run waits for a decision, and how to give it one.
struct parking_notice {
  std::string token;                            ///< for runtime::decide(), once; whoever has it decides
  std::chrono::system_clock::time_point until;  ///< then it is decided without anybody
};

/// One failure that somebody is to know of.
struct incident {
  std::uint64_t run = 0;
  std::uint32_t tenant = 0;
  std::string path;               ///< of the stage, from the outermost chain
  int attempts = 1;               ///< of the one who failed last
  std::vector<failure> failures;  ///< the stage's and its fallbacks', as far as they are known; the last one is why
  /// The stage's inputs in words; nothing for a type that has not opted in, see told_of.
  std::vector<std::optional<std::string>> inputs;
  std::chrono::system_clock::time_point when;
  std::optional<parking_notice> parked;  ///< set if its run waits for a decision
  std::uint64_t suppressed_alike = 0;    ///< of its kind were not told since the last one that was
  std::uint64_t suppressed = 0;          ///< of any kind were not told since the last one that was
};

namespace detail::incident_texts {

void incident_text() = delete;  // only what stands beside the type is found

template <class T>
concept has_text = requires(const T& value) {
  { incident_text(value) } -> std::convertible_to<std::string>;
};

template <class T>
std::string text_of(const T& value) {
  return incident_text(value);
}

}  // namespace detail::incident_texts

/// A type whose values may stand in an incident: it says how by a function beside it.
///
///     std::string incident_text(const payment& p) { return std::to_string(p.amount) + " to " + p.place; }
///
/// Of all other types an incident says nothing. Whoever replays dead letters writes there what the value can be read back from.
template <class T>
concept told_of = detail::incident_texts::has_text<T>;

/// A value in words, if its type has opted in.
template <class T>
[[nodiscard]] std::optional<std::string> text_for_incident(const T& value) {
  if constexpr (told_of<T>) return detail::incident_texts::text_of(value);
  else return std::nullopt;
}

}  // namespace catena
