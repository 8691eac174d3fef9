// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Certificates that are made when a test needs them, so that none is in the repository and none expires.
#include "src/http/tls.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace catena::test {

/// An authority that signs certificates, and the file that says to trust it; gone with this.
class authority {
 public:
  authority();
  authority(const authority&) = delete;
  authority& operator=(const authority&) = delete;
  ~authority();

  [[nodiscard]] const std::string& ca_file() const noexcept { return file_; }
  /// A server whose certificate is for `host`, a name or an address, and ends so much later; its own authority signs it.
  [[nodiscard]] std::shared_ptr<http::tls_context> server(const std::string& host, std::chrono::hours valid = std::chrono::hours(1)) const;
  /// The same as two files of PEM that are gone with this.
  struct files {
    std::string certificate, key;
  };
  [[nodiscard]] files server_files(const std::string& host) const;

 private:
  using identity = std::pair<std::shared_ptr<x509_st>, std::shared_ptr<evp_pkey_st>>;
  [[nodiscard]] identity identity_of(const std::string& host, std::chrono::hours valid) const;

  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
  std::string file_;
  mutable std::vector<std::string> more_files_;
};

}  // namespace catena::test
