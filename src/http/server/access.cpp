// SPDX-License-Identifier: BSL-1.0
#include "access.hpp"

#include <catena/http/url.hpp>
#include <catena/incident/parking_lot.hpp>

#include <algorithm>

namespace catena::http::server {
namespace {

/// The only field of that name; nothing: there is none, or more than one.
std::optional<std::string_view> only(const fields& all, std::string_view name) {
  std::optional<std::string_view> found;
  for (const fields::field& f : all.all()) {
    if (!same_name(f.name, name)) continue;
    if (found) return std::nullopt;
    found = f.value;
  }
  return found;
}

/// What a Host field or an origin without its scheme names.
std::optional<url> place_of(const std::string& scheme, std::string_view authority) {
  if (authority.find_first_of("/?#@") != authority.npos) return std::nullopt;
  auto parsed = url::parse(scheme + std::string(authority), cleartext::anywhere);
  return parsed ? std::optional(*std::move(parsed)) : std::nullopt;
}

}  // namespace

access::access(access_rules rules)
    : hosts_(std::move(rules.hosts)),
      token_hash_(rules.token.empty() ? std::string() : sha256(rules.token)),
      needed_(rules.needed),
      scheme_(rules.is_secure ? "https://" : "http://") {}

/// A name that leads here only as somebody's server of names says so is none of ours: the page that asks is theirs.
std::optional<answer> access::refusal(const request& r) const {
  const auto host = only(r.headers, "host");
  const auto place = host ? place_of(scheme_, *host) : std::nullopt;
  if (!place || std::ranges::find(hosts_, place->host()) == hosts_.end())
    return error_answer(421, "nobody of that name is here: operator_options::hosts names those who are");
  return std::nullopt;
}

std::optional<answer> access::refusal_to_tell(const request& r) const {
  return needed_ == token_needed::to_ask_at_all ? refusal_without_token(r) : std::nullopt;
}

std::optional<answer> access::refusal_to_change(const request& r) const {
  if (r.headers.find("origin") && !is_own_origin(r)) return error_answer(403, "a page from elsewhere may change nothing: the request's Origin is another one");
  if (token_hash_.empty())
    return error_answer(403, "nothing is changed here without a token: name one by operator_options::token or ::token_variable");
  return refusal_without_token(r);
}

std::optional<answer> access::refusal_without_token(const request& r) const {
  const auto given = only(r.headers, "authorization");
  constexpr std::string_view scheme = "bearer ";
  const bool is_bearer = given && given->size() > scheme.size() && same_name(given->substr(0, scheme.size()), scheme);
  if (is_bearer && is_token(given->substr(scheme.size()))) return std::nullopt;
  answer refused = error_answer(401, is_bearer ? "this is not the token" : "a token is needed: Authorization: Bearer TOKEN");
  refused.headers.add("WWW-Authenticate", "Bearer");
  return refused;
}

/// How long it takes says nothing of where the two differ, nor of how long the token is.
bool access::is_token(std::string_view given) const {
  const std::string hash = sha256(given);
  unsigned difference = hash.size() != token_hash_.size();
  for (std::size_t i = 0; i < std::min(hash.size(), token_hash_.size()); ++i) difference |= static_cast<unsigned char>(hash[i]) ^ static_cast<unsigned char>(token_hash_[i]);
  return difference == 0;
}

bool access::is_own_origin(const request& r) const {
  const auto origin = only(r.headers, "origin"), host = only(r.headers, "host");
  if (!origin || !host || !origin->starts_with(scheme_)) return false;
  const auto asking = place_of(scheme_, origin->substr(scheme_.size())), asked = place_of(scheme_, *host);
  return asking && asked && asking->origin() == asked->origin();
}

}  // namespace catena::http::server
