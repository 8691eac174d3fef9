// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/bulkhead.hpp>

#include <stdexcept>
#include <string>

namespace catena {

bulkhead::bulkhead(std::size_t places) {
  if (places < 1) throw std::invalid_argument("a bulkhead must have at least 1 place");
  shared_ = std::make_shared<shared>(places);
}

failure bulkhead::passage::why() const {
  return failure(errc::queue_full, "all " + std::to_string(shared_->places) + " places of its bulkhead are taken");
}

}  // namespace catena
