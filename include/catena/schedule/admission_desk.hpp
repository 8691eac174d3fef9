// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Performs what the admission line decides.
#include <catena/schedule/admission_line.hpp>
#include <catena/schedule/line_desk.hpp>

#include <memory>

namespace catena::detail {

/// The driver of a runtime's admission line. A request whose tokens are there never comes here.
/// \threads  safe
/// \lifetime pinned by buckets, by admissions, and by its timer
class admission_desk : public line_desk<admission_line> {
 public:
  using line_desk::line_desk;

  /// The one desk of a runtime.
  [[nodiscard]] static std::shared_ptr<admission_desk> of(const std::shared_ptr<runtime_state>& runtime);

  /// Tokens of this group were put back or taken on top: whoever waits for them looks again.
  void tokens_changed(const admission_group& group);
  void set_rate(admission_bucket& bucket, rate refill);
  /// Those who wait stay, also if they are more than may by now.
  void set_line_capacity(admission_group& group, std::size_t capacity);

  [[nodiscard]] duration expected_wait(const admission_group& group, std::int64_t cost, priority p) const;
  [[nodiscard]] std::size_t waiting_count(const admission_group& group) const;

  void add(admission_bucket& bucket);
  void add(admission_group& group);
  void remove(admission_group& group) noexcept;
};

}  // namespace catena::detail
