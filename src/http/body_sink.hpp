// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What parsers of messages are given and give.
#include <cstddef>
#include <string>
#include <string_view>

namespace catena::http {

/// Takes the bytes of a body, without what the transfer added.
class body_sink {
 public:
  virtual void body_came(std::string_view bytes) = 0;

 protected:
  ~body_sink() = default;
};

/// What a parser has made of some bytes.
struct taken_bytes {
  std::size_t bytes = 0;  ///< from the front; the rest must come again, with more behind it
  std::string why;        ///< what is wrong, if it is no message
  bool head_is_too_long = false;
};

}  // namespace catena::http
