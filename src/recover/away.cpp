// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/away.hpp>

#include <algorithm>
#include <array>

namespace catena {

bool is_away(const failure& why) noexcept {
  constexpr std::array own{errc::deadline_exceeded, errc::model_not_found, errc::model_invalid, errc::unsupported};
  const boost::system::error_code code = why.code();
  if (code == boost::system::errc::operation_canceled) return false;
  return code != condition::give_up || std::ranges::any_of(own, [&](errc one) { return why.is(one); });
}

}  // namespace catena
