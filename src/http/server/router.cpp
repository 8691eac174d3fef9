// SPDX-License-Identifier: BSL-1.0
#include "router.hpp"

#include <algorithm>

namespace catena::http::server {
namespace {

/// The first part of a path, from one slash to the next, which is taken off.
std::string_view take_part(std::string_view& path) noexcept {
  path.remove_prefix(1);
  const std::string_view part = path.substr(0, path.find('/'));
  path.remove_prefix(part.size());
  return part;
}

/// Whether a path is of the pattern; what stands for {name} is still encoded.
bool matches(std::string_view pattern, std::string_view path, std::string_view& name) noexcept {
  while (pattern.starts_with('/') && path.starts_with('/')) {
    const std::string_view wanted = take_part(pattern), is = take_part(path);
    if (wanted.starts_with('{') && !is.empty()) name = is;
    else if (wanted != is) return false;
  }
  return pattern.empty() && path.empty();
}

void add_method(std::string& methods, std::string_view one) {
  if (methods.find(one) == methods.npos) methods.append(methods.empty() ? "" : ", ").append(one);
}

}  // namespace

std::variant<router::found, answer> router::find(std::string_view method, std::string_view path) const {
  std::string methods;
  for (const route& r : routes_) {
    std::string_view encoded;
    if (!matches(r.pattern, path, encoded)) continue;
    add_method(methods, r.method);
    if (r.method == "GET") add_method(methods, "HEAD");
    if (r.method != method && !(r.method == "GET" && method == "HEAD")) continue;
    auto name = percent_decoded(encoded);
    if (!name) return error_answer(400, "the path has something percent-encoded that is no text");
    if (name->size() > longest_name) return error_answer(400, "the path has a part of more than " + std::to_string(longest_name) + " bytes");
    return found{&r, *std::move(name)};
  }
  if (methods.empty()) return error_answer(404, "there is nothing here; there are " + paths());
  answer refused = error_answer(405, "here is answered to " + methods);
  refused.headers.add("Allow", methods);
  return refused;
}

std::string router::paths() const {
  std::string all;
  for (const route& r : routes_) all.append(all.empty() ? "" : ", ").append(r.method).append(" ").append(r.pattern);
  return all;
}

}  // namespace catena::http::server
