// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/circuit_breaker.hpp>

namespace catena {

std::shared_ptr<const tunable> circuit_breaker::tuning() const {
  auto what = std::make_shared<tunable>(tunable_of(shared_.get(), shared_->original));
  what->tune = [self = *this](const void* options) { self.set_options(*static_cast<const breaker_options*>(options)); };
  return what;
}

}  // namespace catena
