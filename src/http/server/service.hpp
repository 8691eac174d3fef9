// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a server offers, and to whom.
#include "access.hpp"
#include "router.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace catena::http::server {

/// \threads  immutable once it is made
class service {
 public:
  service(std::vector<route> routes, access_rules who) : router_(std::move(routes)), access_(std::move(who)) {}

  /// Why a request whose head is here is not served; nothing: it is, and knows its route.
  [[nodiscard]] std::optional<answer> refusal(request& r) const {
    if (auto refused = access_.refusal(r)) return refused;
    auto where = router_.find(r.method, r.path());
    auto* const open = std::get_if<router::found>(&where);
    if (!open || open->to->whom == shown_to::who_may_read)
      if (auto refused = access_.refusal_to_tell(r)) return refused;
    if (auto* const none = std::get_if<answer>(&where)) return std::move(*none);
    auto& found = std::get<router::found>(where);
    r.to = found.to;
    r.name = std::move(found.name);
    return r.to->changes() ? access_.refusal_to_change(r) : std::nullopt;
  }

 private:
  router router_;
  access access_;
};

}  // namespace catena::http::server
