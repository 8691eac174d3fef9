// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The page that shows an operator's endpoint to a person.
#include <string>
#include <string_view>

namespace catena::http {

struct web_page {
  std::string text;
  std::string content_security_policy;  ///< allows its own script and style by their hashes, and to ask where it comes from
};

/// \param html  with empty elements style and script, which `css` and `js` are put into
[[nodiscard]] web_page assembled_page(std::string_view html, std::string_view css, std::string_view js);

/// Always the same.
[[nodiscard]] const web_page& operator_page();

}  // namespace catena::http
