// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who may ask a server: for which host, from which page, with which token.
#include "message.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace catena::http::server {

enum class token_needed : bool {
  to_change,    ///< who reads needs none
  to_ask_at_all
};

struct access_rules {
  std::vector<std::string> hosts;  ///< names and addresses, without ports, in small letters and without brackets
  std::string token;               ///< empty: nobody has one, and nothing is changed
  token_needed needed = token_needed::to_change;
  bool is_secure = false;          ///< whether it is asked by https
};

/// \threads  immutable once it is made
class access {
 public:
  explicit access(access_rules rules);

  /// Why nobody may ask like that: a page elsewhere whose name leads here.
  [[nodiscard]] std::optional<answer> refusal(const request& r) const;
  /// Why nobody is told anything like that: it needs the token. Comes after the first.
  [[nodiscard]] std::optional<answer> refusal_to_tell(const request& r) const;
  /// Why nobody may change anything like that. Comes after the others.
  [[nodiscard]] std::optional<answer> refusal_to_change(const request& r) const;

 private:
  [[nodiscard]] std::optional<answer> refusal_without_token(const request& r) const;
  [[nodiscard]] bool is_token(std::string_view given) const;
  [[nodiscard]] bool is_own_origin(const request& r) const;

  const std::vector<std::string> hosts_;
  const std::string token_hash_;  ///< empty: there is no token
  const token_needed needed_;
  const std::string scheme_;
};

}  // namespace catena::http::server
