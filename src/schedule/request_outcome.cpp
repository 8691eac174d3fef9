// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/request_outcome.hpp>

namespace catena {

request_outcome outcome_of(const failure& why) noexcept {
  for (const errc sign : {errc::deadline_exceeded, errc::timed_out, errc::queue_full, errc::expired, errc::busy})
    if (why.is(sign)) return request_outcome::overloaded;
  return request_outcome::ignored;
}

}  // namespace catena
