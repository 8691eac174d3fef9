// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which of many failures a person is told of.
#include <catena/incident/notice_options.hpp>

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace catena {

/// Says whether a failure is told: not one like it was told within the window, and not too many of all kinds.
///
/// Two are alike if they happened at the same stage with the same error code. Which item of an each() it was makes no difference.
/// \cost     O(length of the path), one allocation for a kind that is new
/// \threads  unsafe; a value whose time is an argument
class notice_filter {
 public:
  /// \errors std::invalid_argument: an option is out of range
  notice_filter(const notice_options& options, time_point now);

  /// What was not told before one that is.
  struct suppressed {
    std::uint64_t alike = 0;  ///< of the same kind, since the last of that kind was told
    std::uint64_t all = 0;    ///< of any kind, since any was told
  };
  /// Nothing: it is not to be told, and is counted.
  [[nodiscard]] std::optional<suppressed> admit(std::string_view path, const boost::system::error_code& code, time_point now);
  /// The same for one that must be told in any case.
  [[nodiscard]] suppressed admit_always(std::string_view path, const boost::system::error_code& code, time_point now);

 private:
  struct kind {
    std::string key;
    std::optional<time_point> told;
    std::uint64_t suppressed = 0;
  };
  [[nodiscard]] kind& kind_of(std::string_view path, const boost::system::error_code& code);
  [[nodiscard]] suppressed tell(kind& k, time_point now) noexcept;

  notice_options options_;
  token_bucket bucket_;
  std::list<kind> kinds_;  ///< seen last comes first
  std::unordered_map<std::string_view, std::list<kind>::iterator> by_key_;
  std::uint64_t suppressed_ = 0;
};

}  // namespace catena
