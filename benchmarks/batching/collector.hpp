// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where traces are sent to, in a process of its own, so that what it takes is not counted.
#include <sys/types.h>

#include <cstdint>
#include <string>

namespace batching {

/// How it takes them: at once; nobody is there; after half a second; by turns of half a second well, and closing the connection unanswered.
enum class taking : std::uint8_t { well, down, slow, flapping };

class collector {
 public:
  explicit collector(taking how);
  collector(const collector&) = delete;
  collector& operator=(const collector&) = delete;
  ~collector();

  /// "http://127.0.0.1:PORT".
  [[nodiscard]] const std::string& url() const noexcept { return url_; }

 private:
  pid_t child_ = 0;  ///< 0: nobody is there
  std::string url_;
};

}  // namespace batching
