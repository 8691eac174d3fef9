// SPDX-License-Identifier: BSL-1.0
#include <catena/http/retry_after.hpp>

#include "letters.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace catena::http {
namespace {

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> days{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Reads a date from its front; what does not fit fails all that follows.
class date_reader {
 public:
  date_reader(std::string_view text, wall_time now) noexcept : left_(text), now_(now) {}

  [[nodiscard]] std::optional<wall_time> read() noexcept {
    const bool long_name = take_day_name();
    if (left_.starts_with(", ")) {
      left_.remove_prefix(2);
      const char between = long_name ? '-' : ' ';
      day_ = number(2);
      take(between);
      take_month();
      take(between);
      year_ = number(long_name ? 2 : 4);
      take(' ');
      take_time();
      take_all(" GMT");
      if (long_name) year_ = full_year();
    } else {
      if (long_name) return std::nullopt;
      take(' ');
      take_month();
      take(' ');
      if (left_.starts_with(' ')) {
        take(' ');
        day_ = number(1);
      } else {
        day_ = number(2);
      }
      take(' ');
      take_time();
      take(' ');
      year_ = number(4);
    }
    return finished();
  }

 private:
  /// Whether it was the whole name.
  bool take_day_name() noexcept {
    for (const std::string_view day : days) {
      if (left_.starts_with(day)) return left_.remove_prefix(day.size()), true;
      if (left_.starts_with(day.substr(0, 3))) return left_.remove_prefix(3), false;
    }
    good_ = false;
    return false;
  }
  void take(char c) noexcept { take_all({&c, 1}); }
  void take_all(std::string_view text) noexcept {
    if (!left_.starts_with(text)) return void(good_ = false);
    left_.remove_prefix(text.size());
  }
  int number(std::size_t digits) noexcept {
    int n = 0;
    const std::string_view text = left_.substr(0, digits);
    if (text.size() != digits || !std::ranges::all_of(text, is_digit)) return good_ = false, 0;
    std::from_chars(text.data(), text.data() + digits, n);
    left_.remove_prefix(digits);
    return n;
  }
  void take_month() noexcept {
    const auto found = std::ranges::find(months, left_.substr(0, 3));
    if (found == months.end()) return void(good_ = false);
    month_ = static_cast<unsigned>(found - months.begin()) + 1;
    left_.remove_prefix(3);
  }
  void take_time() noexcept {
    const int hour = number(2);
    take(':');
    const int minute = number(2);
    take(':');
    const int second = number(2);
    good_ = good_ && hour < 24 && minute < 60 && second <= 60;  // 60: a leap second
    time_ = std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
  }
  [[nodiscard]] int full_year() const noexcept {
    const int this_year = int(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now_)).year());
    const int year = this_year - this_year % 100 + year_;
    return year > this_year + 50 ? year - 100 : year;
  }
  [[nodiscard]] std::optional<wall_time> finished() const noexcept {
    const std::chrono::year_month_day date(std::chrono::year(year_), std::chrono::month(month_), std::chrono::day(static_cast<unsigned>(day_)));
    // What a system clock in nanoseconds can say ends in 2262.
    if (!good_ || !left_.empty() || !date.ok() || year_ < 1900 || year_ > 2150) return std::nullopt;
    return wall_time(std::chrono::sys_days(date)) + time_;
  }

  std::string_view left_;
  wall_time now_;
  int day_ = 0;
  unsigned month_ = 0;
  int year_ = 0;
  std::chrono::seconds time_{};
  bool good_ = true;
};

}  // namespace

std::optional<wall_time> parse_date(std::string_view text, wall_time now) noexcept { return date_reader(trimmed(text), now).read(); }

std::optional<duration> parse_retry_after(std::string_view text, wall_time now) noexcept {
  constexpr duration longest = std::chrono::hours(24 * 366);
  text = trimmed(text);
  if (!text.empty() && std::ranges::all_of(text, is_digit)) {
    std::uint32_t seconds = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    return fault == std::errc() ? std::min<duration>(longest, std::chrono::seconds(seconds)) : longest;
  }
  const auto date = parse_date(text, now);
  if (!date) return std::nullopt;
  return std::clamp<duration>(*date - now, duration{}, longest);
}

}  // namespace catena::http
