// SPDX-License-Identifier: BSL-1.0
#include <catena/http/url.hpp>

#include "letters.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>

namespace catena::http {
namespace {

constexpr std::size_t longest_target = 8192;

failure wrong(const std::string& what) { return {errc::invalid_input, "the URL " + what}; }

bool is_name_letter(char c) noexcept { return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_'; }

bool is_target_letter(char c) noexcept { return c > ' ' && c < 0x7f && std::string_view("\"<>\\^`#").find(c) == std::string_view::npos; }

failure fault_of_target(std::string_view target) {
  if (target.size() > longest_target) return wrong("is longer than 8 KiB");
  if (target.find('#') != target.npos) return wrong("has a fragment, which is never sent: leave out what begins with '#'");
  const auto bad = std::ranges::find_if_not(target, is_target_letter);
  if (bad == target.end()) return {};
  return wrong("has a character that must be percent-encoded, at " + std::to_string(bad - target.begin()) + " of its path");
}

/// The host, without brackets; what is left of the authority is the port with its colon.
result<std::string> take_host(std::string_view& authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == authority.npos) return wrong("has an IPv6 address without its ']'");
    const std::string host(authority.substr(1, end - 1));
    boost::system::error_code no_address;
    boost::asio::ip::make_address_v6(host, no_address);
    if (no_address || host.find('%') != host.npos) return wrong("has no IPv6 address between its brackets");
    authority.remove_prefix(end + 1);
    return host;
  }
  const std::size_t end = std::min(authority.find(':'), authority.size());
  std::string host(authority.substr(0, end));
  if (host.empty()) return wrong("has no host");
  if (host.size() > 253) return wrong("has a host of more than 253 characters");
  if (!std::ranges::all_of(host, is_name_letter)) return wrong("has a host with a character that no name of a host has");
  if (host.starts_with('.') || host.find("..") != host.npos) return wrong("has a host with an empty part between its dots");
  std::ranges::transform(host, host.begin(), small_letter);
  authority.remove_prefix(end);
  return host;
}

result<std::uint16_t> port_of(std::string_view text, bool secure) {
  if (text.empty() || text == ":") return static_cast<std::uint16_t>(secure ? 443 : 80);
  if (!text.starts_with(':')) return wrong("has something behind the host that is no port");
  text.remove_prefix(1);
  std::uint16_t port = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (fault != std::errc() || end != text.data() + text.size() || port == 0) return wrong("has a port that is no number from 1 to 65535");
  return port;
}

}  // namespace

result<url> url::parse(std::string_view text, cleartext allowed) {
  if (text.empty()) return wrong("is empty");
  const std::size_t colon = text.find("://");
  if (colon == text.npos) return wrong("has no scheme: it begins with https://");
  std::string scheme(text.substr(0, colon));
  std::ranges::transform(scheme, scheme.begin(), small_letter);
  if (scheme != "https" && scheme != "http") return wrong("has a scheme that is not https");
  text.remove_prefix(colon + 3);
  const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, end);
  const std::string_view target = text.substr(end);

  url made;
  made.secure_ = scheme == "https";
  if (authority.find('@') != authority.npos) return wrong("has a user in front of the host: who asks is said in a header field");
  result<std::string> host = take_host(authority);
  if (!host) return host.error();
  made.host_ = *std::move(host);
  const result<std::uint16_t> port = port_of(authority, made.secure_);
  if (!port) return port.error();
  made.port_ = *port;
  if (const failure fault = fault_of_target(target); fault.is_set()) return fault;
  made.target_ = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  if (!made.secure_ && allowed == cleartext::on_loopback && !made.is_loopback())
    return wrong("is http:// and not on this machine: what is sent could be read on the way (cleartext::anywhere allows it)");
  return made;
}

std::string url::authority() const {
  if (port_ != (secure_ ? 443 : 80)) return host_and_port();
  return host_.find(':') == host_.npos ? host_ : "[" + host_ + "]";
}

std::string url::host_and_port() const {
  const std::string host = host_.find(':') == host_.npos ? host_ : "[" + host_ + "]";
  return host + ":" + std::to_string(port_);
}

bool url::is_loopback() const {
  if (host_ == "localhost") return true;
  boost::system::error_code no_address;
  const auto address = boost::asio::ip::make_address(host_, no_address);
  return !no_address && address.is_loopback();
}

result<url> url::under(std::string_view path) const {
  if (const failure fault = fault_of_target(path); fault.is_set()) return fault;
  url made = *this;
  made.target_.resize(std::min(made.target_.find('?'), made.target_.size()));
  if (!made.target_.ends_with('/')) made.target_ += '/';
  if (path.starts_with('/')) path.remove_prefix(1);
  made.target_ += path;
  return made;
}

}  // namespace catena::http
