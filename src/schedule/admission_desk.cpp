// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/admission_desk.hpp>

namespace catena::detail {

std::shared_ptr<admission_desk> admission_desk::of(const std::shared_ptr<runtime_state>& runtime) {
  return runtime->only_user<admission_desk>([&] { return std::make_shared<admission_desk>(runtime); });
}

void admission_desk::tokens_changed(const admission_group& group) {
  change([&](admission_line& line, time_point now) { line.tokens_changed(group, now); });
}

void admission_desk::set_rate(admission_bucket& bucket, rate refill) {
  change([&](admission_line& line, time_point now) {
    bucket.tokens.set_rate(refill, now);
    line.rate_changed(bucket, now);
  });
}

void admission_desk::set_line_capacity(admission_group& group, std::size_t capacity) {
  change([&](admission_line&, time_point) { group.line_capacity = capacity; });
}

duration admission_desk::expected_wait(const admission_group& group, std::int64_t cost, priority p) const {
  return look([&](const admission_line&, time_point now) { return admission_line::expected(group, cost, p, now) - now; });
}

std::size_t admission_desk::waiting_count(const admission_group& group) const {
  return look([&](const admission_line&, time_point) { return group.line_size; });
}

void admission_desk::add(admission_bucket& bucket) {
  change([&](admission_line& line, time_point) { line.add(bucket); });
}

void admission_desk::add(admission_group& group) {
  change([&](admission_line& line, time_point) { line.add(group); });
}

void admission_desk::remove(admission_group& group) noexcept {
  change([&](admission_line& line, time_point) { line.remove(group); });
}

}  // namespace catena::detail
