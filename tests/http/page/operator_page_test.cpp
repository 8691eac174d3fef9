// SPDX-License-Identifier: BSL-1.0
#include <cstdio>
#include "http/page/shop.hpp"
#include "support/catch.hpp"
TEST_CASE("serve", "[.]") {
  catena::test::shop s({.port = 18473, .token = "0123456789abcdef"});
  s.ask({38, 85, 0.4});
  std::this_thread::sleep_for(std::chrono::seconds(3600));
}
