// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a server says, taken apart.
#include <catena/http/fields.hpp>
#include <catena/llm/answer.hpp>
#include <catena/result.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace catena::llm {

/// JSON as a server sends it; discarded if it is none, or nested more than 256 levels deep. What is no UTF-8 in it is replaced.
[[nodiscard]] nlohmann::json parsed(std::string_view text);

/// \errors errc::bad_response: it is no answer; what the server says went wrong where it says so inside of a success
/// \param secrets  what no failure may tell
[[nodiscard]] result<answer> answer_of(std::string_view body, const http::fields& secrets);

/// An answer out of the events in which it is streamed: a policy, without a connection and a clock.
/// \threads  unsafe
class chunk_reader {
 public:
  /// \param secrets  what no failure may tell; outlives it
  explicit chunk_reader(const http::fields& secrets) noexcept : secrets_(&secrets) {}

  /// What an event adds; nothing: nothing to tell. Behind the last one comes nothing more.
  /// \errors as answer_of()
  [[nodiscard]] result<std::optional<answer_piece>> take(std::string_view data);
  /// Whether all has been said.
  [[nodiscard]] bool is_done() const noexcept { return done_; }
  /// Whether anything has been said.
  [[nodiscard]] bool has_begun() const noexcept { return begun_; }

  /// The whole, once all has been said or the stream has ended.
  /// \errors errc::bad_response: it was cut off
  [[nodiscard]] result<answer> end();

 private:
  void take_call(const nlohmann::json& j);
  void take_choice(const nlohmann::json& choice, answer_piece& piece);

  const http::fields* secrets_;
  answer answer_;
  nlohmann::json extra_ = nlohmann::json::object();
  bool done_ = false;
  bool begun_ = false;
  bool refused_ = false;   ///< what it says is why it does not answer
  bool finished_ = false;  ///< it has been said why it stopped
};

}  // namespace catena::llm
