// SPDX-License-Identifier: BSL-1.0
#include <catena/http/retry_after.hpp>

#include <chrono>
#include <string>

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using http::parse_date;
using http::parse_retry_after;

namespace {
const http::wall_time first_date = std::chrono::sys_days(std::chrono::year(1994) / 11 / 6) + 8h + 49min + 37s;
}

TEST_CASE("the three forms of a date in HTTP are the same date") {
  const http::wall_time now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 28);
  CHECK(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", now) == first_date);
  CHECK(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", now) == first_date);
  CHECK(parse_date("Sun Nov  6 08:49:37 1994", now) == first_date);
  CHECK(parse_date("Wed Nov 16 08:49:37 1994", now) == first_date + 240h);
  CHECK(parse_date("Friday, 06-Nov-76 08:49:37 GMT", now) == std::chrono::sys_days(std::chrono::year(2076) / 11 / 6) + 8h + 49min + 37s);
  CHECK(parse_date("Sunday, 06-Nov-77 08:49:37 GMT", now) == std::chrono::sys_days(std::chrono::year(1977) / 11 / 6) + 8h + 49min + 37s);
}

TEST_CASE("what is no date is none") {
  for (const std::string text : {"", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
                                 "Sun, 06 Nov 1994 08:49:37 GMT+1", "Son, 06 Nov 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT", "Sunday Nov  6 08:49:37 1994",
                                 "Sun, 06 Nov 9999 08:49:37 GMT", "Sun, 06 Nov 1994 -8:49:37 GMT"}) {
    INFO(text);
    CHECK_FALSE(parse_date(text, first_date));
    CHECK_FALSE(parse_retry_after(text, first_date));
  }
}

TEST_CASE("Retry-After is a number of seconds or a date, never less than nothing and never more than a year") {
  CHECK(parse_retry_after("120", first_date) == 120s);
  CHECK(parse_retry_after(" 0 ", first_date) == 0s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", first_date) == 1min);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", first_date) == 0s);
  CHECK(parse_retry_after("99999999999999999999", first_date) == 24h * 366);
  CHECK(parse_retry_after("Sun, 06 Nov 2094 08:49:37 GMT", first_date) == 24h * 366);
  for (const std::string text : {"-1", "1.5", "1s", "+1"}) CHECK_FALSE(parse_retry_after(text, first_date));
}
