// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who connects to servers in our place.
#include <catena/http/fields.hpp>
#include <catena/http/url.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace catena::http {

/// A proxy that is asked to CONNECT, and what it is told about who asks. That is told to nobody else, and stands in no failure.
/// \threads  an immutable value
class proxy {
 public:
  /// One that takes anybody.
  proxy(url where) : where_(std::move(where)) {}

  /// As environment variables name one: http://user:password@host:port. What a URL has another meaning for is percent-encoded in the user
  /// and in the password.
  /// \param allowed  what it is told can be read on the way, as a proxy is spoken to over http://
  /// \errors errc::invalid_input: says which part is wrong, and nothing of the user and the password
  [[nodiscard]] static result<proxy> parse(std::string_view text, cleartext allowed = cleartext::on_loopback);

  [[nodiscard]] const url& where() const noexcept { return where_; }
  /// What it is told in Proxy-Authorization: Basic, as RFC 7617 says; empty: nothing.
  [[nodiscard]] const std::string& authorization() const noexcept { return authorization_; }
  /// Hides all of that in a text, see shown().
  [[nodiscard]] const fields& secrets() const noexcept { return secrets_; }

 private:
  url where_;
  std::string authorization_;
  fields secrets_;
};

}  // namespace catena::http
