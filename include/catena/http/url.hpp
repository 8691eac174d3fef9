// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where a request goes.
#include <catena/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace catena::http {

/// Where http:// is taken for https://, so that anybody on the way can read what is sent.
enum class cleartext : bool { on_loopback, anywhere };

/// An absolute http or https URL whose parts are right.
/// \threads  an immutable value
class url {
 public:
  /// \errors errc::invalid_input: says which part is wrong, and nothing of what may be secret: the user, the password, the path or the query
  [[nodiscard]] static result<url> parse(std::string_view text, cleartext allowed = cleartext::on_loopback);

  [[nodiscard]] bool is_secure() const noexcept { return secure_; }
  /// In small letters; an IPv6 address without its brackets.
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// The path and the query, as a request names them; at least "/".
  [[nodiscard]] const std::string& target() const noexcept { return target_; }
  /// The host as a request names it, with the port where that is not the scheme's own.
  [[nodiscard]] std::string authority() const;
  /// The host and the port, always.
  [[nodiscard]] std::string host_and_port() const;
  /// Scheme, host and port: what connections are kept by.
  [[nodiscard]] std::string origin() const { return (secure_ ? "https://" : "http://") + host_and_port(); }
  /// Whether the host is this machine, by its name or by an address: 127.0.0.0/8 or ::1.
  [[nodiscard]] bool is_loopback() const;

  /// The same with `path` behind its own, one slash between them. Its query goes.
  /// \errors errc::invalid_input
  [[nodiscard]] result<url> under(std::string_view path) const;

 private:
  url() = default;
  bool secure_ = true;
  std::uint16_t port_ = 443;
  std::string host_;
  std::string target_ = "/";
};

}  // namespace catena::http
