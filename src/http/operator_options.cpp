// SPDX-License-Identifier: BSL-1.0
#include <catena/http/operator_options.hpp>

#include "operator_place.hpp"

#include <catena/http/url.hpp>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace catena::http {
namespace {

void expect(bool holds, const std::string& text) {
  if (!holds) throw std::invalid_argument("operator_options::" + text);
}

boost::asio::ip::address address_of(const operator_options& o) {
  if (o.address == "localhost") return boost::asio::ip::address_v4::loopback();
  boost::system::error_code fault;
  const auto address = boost::asio::ip::make_address(o.address, fault);
  expect(!fault, "address must be an IP address or \"localhost\", is \"" + o.address + "\"");
  return address;
}

/// As url::host() has it.
std::string host_of(std::string_view host) {
  const std::string bare(host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host);
  boost::system::error_code no_v6;
  boost::asio::ip::make_address_v6(bare, no_v6);
  const auto parsed = url::parse("http://" + (no_v6 ? bare : "[" + bare + "]"), cleartext::anywhere);
  expect(parsed && bare.find_first_of(no_v6 ? ":/?" : "/?") == bare.npos, "hosts must be names or addresses without ports, one is \"" + std::string(host) + "\"");
  return parsed->host();
}

/// Never told to anybody.
std::string token_of(const operator_options& o) {
  expect(o.token.empty() || o.token_variable.empty(), "token and token_variable: one of the two is enough");
  std::string token = o.token;
  if (!o.token_variable.empty()) {
    const char* const value = std::getenv(o.token_variable.c_str());
    expect(value && *value, "token_variable names an environment variable that is not set: " + o.token_variable);
    token = value;
  }
  const bool printable = std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; });
  expect(token.empty() || (token.size() >= 16 && token.size() <= 1024 && printable),
         std::string(o.token_variable.empty() ? "token" : "token_variable") + ": a token has 16 to 1024 printable characters without spaces");
  return token;
}

void check_bounds(const operator_options& o) {
  expect(o.max_head_bytes >= 1024 && o.max_head_bytes <= (1 << 20), "max_head_bytes must be 1 KiB to 1 MiB");
  expect(o.max_body_bytes <= (1 << 30), "max_body_bytes must be 0 to 1 GiB");
  expect(o.most_connections >= 1 && o.most_connections <= 65536, "most_connections must be 1 to 65536");
  expect(o.request_time > duration{}, "request_time must be more than 0");
  expect(o.idle_time > duration{}, "idle_time must be more than 0");
  expect(o.closing_time >= duration{}, "closing_time must be 0 or more");
}

/// All but the files.
operator_place checked(const operator_options& o) {
  check_bounds(o);
  const auto address = address_of(o);
  expect(o.certificate_file.empty() == o.key_file.empty(), std::string(o.key_file.empty() ? "key_file" : "certificate_file") + " is missing: TLS needs both");
  const bool is_secure = !o.certificate_file.empty();
  server::access_rules who{.hosts = {"localhost", "127.0.0.1", "::1"}, .token = token_of(o), .is_secure = is_secure};
  if (!address.is_unspecified()) who.hosts.push_back(address.to_string());
  for (const std::string& host : o.hosts) who.hosts.push_back(host_of(host));
  if (!address.is_loopback()) {
    const std::string because = "is missing: " + o.address + " is more than loopback, and needs TLS and a token";
    expect(is_secure, "certificate_file " + because);
    expect(!who.token.empty(), "token " + because);
    who.needed = server::token_needed::to_ask_at_all;
  }
  return {.address = address,
          .tls = nullptr,
          .who = std::move(who),
          .bounds = {.requests = {o.max_head_bytes, o.max_body_bytes},
                     .most_connections = o.most_connections,
                     .request_time = o.request_time,
                     .idle_time = o.idle_time,
                     .closing_time = o.closing_time}};
}

}  // namespace

void check(const operator_options& options) { (void)checked(options); }

operator_place place_of(const operator_options& options) {
  operator_place place = checked(options);
  if (!options.certificate_file.empty()) place.tls = tls_context::for_server(options.certificate_file, options.key_file);
  return place;
}

}  // namespace catena::http
