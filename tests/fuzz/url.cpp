// SPDX-License-Identifier: BSL-1.0
/// \file
/// A URL that is taken means one thing only, to whoever writes it into a request, too; one that is not is told without its secrets.
#include <catena/http/proxy.hpp>
#include <catena/http/url.hpp>

#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace catena::fuzz::url_target {

/// The fuzzer's bytes, and instead of some what URLs are made of.
std::string text_of(input& in) {
  static constexpr std::string_view words[] = {"https://", "http://", "://", "localhost", "127.0.0.1", "[::1]", "[", "]", ":443", ":", "/", "?", "#",
                                               "@",        "%41",     "%",   "..",        "user:pass@", "example.com", "\\", "\r\n"};
  const std::string begun = in.below(4) == 0 ? "" : in.below(2) == 0 ? "https://" : "http://";
  return begun + in.rest(words);
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

/// What can be written into a request's first line and its Host.
void check_parts(const http::url& u) {
  require(!u.host().empty() && u.host().size() <= 253 && is_printable(u.host()));
  require(u.host().find_first_of("/?#@\\%") == std::string::npos);
  require(u.port() != 0);
  require(u.target().starts_with('/') && is_printable(u.target()) && u.target().find_first_of("#\\") == std::string::npos);
  // It means the same when it is read again.
  const auto again = http::url::parse(u.origin() + u.target(), http::cleartext::anywhere);
  require(again.has_value() && again->origin() == u.origin() && again->target() == u.target() && again->authority() == u.authority());
  const auto short_form = http::url::parse((u.is_secure() ? "https://" : "http://") + u.authority(), http::cleartext::anywhere);
  require(short_form.has_value() && short_form->origin() == u.origin());
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const std::string path(in.below(2) == 0 ? "" : "/v1/x?y");
  const std::string text = text_of(in);

  const auto anywhere = http::url::parse(text, http::cleartext::anywhere), here = http::url::parse(text);
  if (anywhere) {
    check_parts(*anywhere);
    require(here.has_value() == (anywhere->is_secure() || anywhere->is_loopback()));
    const auto under = anywhere->under(path);
    if (under) {
      check_parts(*under);
      require(under->origin() == anywhere->origin());
    }
  } else {
    require(anywhere.error().is(errc::invalid_input) && !here.has_value());
  }

  // A key behind the host, in front of it or in the path stands in no failure.
  for (const std::string& holds : {"https://user:k-3-y@" + text, text + "/k-3-y", text + "?k-3-y"}) {
    const auto told = http::url::parse(holds);
    require(told.has_value() || told.error().message().find("k-3-y") == std::string::npos);
    const auto by = http::proxy::parse(holds, http::cleartext::anywhere);
    require(by.has_value() || by.error().message().find("k-3-y") == std::string::npos);
    if (by) check_parts(by->where());
    if (by) require(is_printable(by->authorization().substr(by->authorization().find(' ') + 1)));
  }
}

const target registered("url", on_input);

}  // namespace catena::fuzz::url_target
