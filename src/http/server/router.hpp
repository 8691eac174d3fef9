// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which route a request takes.
#include "message.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace catena::http::server {

/// Answers at once or later, when the request may be gone: what is needed then is copied. It must not block.
using handler = std::function<void(const request&, reply)>;

/// Answers at once.
template <class Function>
[[nodiscard]] handler at_once(Function f) {
  return [f = std::move(f)](const request& r, reply to) { to(f(r)); };
}

enum class shown_to : bool {
  who_may_read,
  everybody  ///< it tells nothing that is worth a token
};

struct route {
  std::string method;   ///< GET is asked by HEAD, too
  std::string pattern;  ///< a path; one of its parts may be {name}, which stands for any but the empty one
  handler does;
  shown_to whom = shown_to::who_may_read;

  /// What only reads may be asked by whoever may read; all else changes something.
  [[nodiscard]] bool changes() const noexcept { return method != "GET"; }
};

/// \threads  immutable once it is made
class router {
 public:
  /// How long what stands for {name} may be, decoded.
  static constexpr std::size_t longest_name = 1024;

  explicit router(std::vector<route> routes) : routes_(std::move(routes)) {}

  struct found {
    const route* to;
    std::string name;
  };
  /// The route, or why there is none: 400, 404, or 405 with the methods that there are.
  [[nodiscard]] std::variant<found, answer> find(std::string_view method, std::string_view path) const;

 private:
  [[nodiscard]] std::string paths() const;
  std::vector<route> routes_;
};

}  // namespace catena::http::server
