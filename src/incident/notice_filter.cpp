// SPDX-License-Identifier: BSL-1.0
#include <catena/incident/notice_filter.hpp>

#include <stdexcept>
#include <utility>

namespace catena {
namespace {

/// Where and what, without which item of an each() it was.
std::string key_of(std::string_view path, const boost::system::error_code& code) {
  std::string key;
  bool inside = false;
  for (const char c : path) {
    if (c == ']') inside = false;
    if (!inside) key += c;
    if (c == '[') inside = true;
  }
  return key + '\0' + code.category().name() + ':' + std::to_string(code.value());
}

}  // namespace

void check(const notice_options& o) {
  check(o.limit);
  if (o.window < duration{}) throw std::invalid_argument("notice_options::window must be zero or more");
  if (o.most_kinds < 1) throw std::invalid_argument("notice_options::most_kinds must be at least 1");
}

notice_filter::notice_filter(const notice_options& options, time_point now)
    : options_((check(options), options)), bucket_(options.limit, now) {}

notice_filter::kind& notice_filter::kind_of(std::string_view path, const boost::system::error_code& code) {
  std::string key = key_of(path, code);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    kinds_.splice(kinds_.begin(), kinds_, known->second);
    return kinds_.front();
  }
  if (kinds_.size() >= options_.most_kinds) {
    by_key_.erase(kinds_.back().key);
    kinds_.pop_back();
  }
  kinds_.push_front({std::move(key), {}, 0});
  by_key_.emplace(kinds_.front().key, kinds_.begin());
  return kinds_.front();
}

notice_filter::suppressed notice_filter::tell(kind& k, time_point now) noexcept {
  k.told = now;
  return {std::exchange(k.suppressed, 0), std::exchange(suppressed_, 0)};
}

std::optional<notice_filter::suppressed> notice_filter::admit(std::string_view path, const boost::system::error_code& code,
                                                              time_point now) {
  kind& k = kind_of(path, code);
  const bool lately = k.told && now < detail::later(*k.told, options_.window);
  if (lately || bucket_.try_take(1, now) > now) {
    ++k.suppressed;
    ++suppressed_;
    return std::nullopt;
  }
  return tell(k, now);
}

notice_filter::suppressed notice_filter::admit_always(std::string_view path, const boost::system::error_code& code, time_point now) {
  return tell(kind_of(path, code), now);
}

}  // namespace catena
