// SPDX-License-Identifier: BSL-1.0
// What is measured of a model.
#include <catena/model/batcher.hpp>
#include <catena/observe/metric_families.hpp>
#include <catena/observe/metrics.hpp>

#include <array>
#include <optional>

namespace catena::detail {
namespace {

namespace families = metric_families;
using model_labels = std::array<metric_set::label, 2>;

void add_sizes(metric_set& to, const model_labels& of, const std::vector<std::uint64_t>& sizes, std::uint64_t rows) {
  constexpr std::array<double, 11> bounds{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
  std::array<std::uint64_t, bounds.size()> up_to{};
  std::uint64_t batches = 0;
  for (std::size_t size = 1; size < sizes.size(); ++size) {
    batches += sizes[size];
    for (std::size_t i = 0; i < bounds.size(); ++i)
      if (static_cast<double>(size) <= bounds[i]) up_to[i] += sizes[size];
  }
  to.add(families::model_batch_rows, {of[0], of[1]}, bounds, up_to, batches, static_cast<double>(rows));
}

}  // namespace

void batcher::collect(metric_set& to) const {
  const model_labels of{{{"model", options_.name}, {"version", options_.version}}};
  const model_stats now = stats();
  const auto tell = [&](const metric_family& family, std::uint64_t value) { to.add(family, of, static_cast<double>(value)); };
  const auto lose = [&](std::string_view why, std::uint64_t count) {
    to.add(families::model_lost, {of[0], of[1], {"reason", why}}, static_cast<double>(count));
  };
  tell(families::model_batches, now.batch_count);
  tell(families::model_rows, now.row_count);
  tell(families::model_padding, now.padding_count);
  tell(families::model_wasted, now.wasted_count);
  tell(families::model_repeated, now.repeated_row_count);
  lose("refused", now.refused_count);
  lose("evicted", now.evicted_count);
  lose("expired", now.expired_count);
  tell(families::model_waiting, now.queue_depth);
  tell(families::model_instances, options_.instances);
  to.add(families::model_load_time, of, std::chrono::duration<double>(now.warm_up.load_time).count());
  to.add(families::model_warm_up_time, of, std::chrono::duration<double>(now.warm_up.warm_up_time).count());
  if (!meter_) return;
  std::optional<batch_meter> copy;
  {
    const std::lock_guard lock(mutex_);
    copy = *meter_;
  }
  to.add(families::model_wait, {of[0], of[1]}, copy->waits, runtime_->metrics->bounds());
  to.add(families::model_batch_time, {of[0], of[1]}, copy->computes, runtime_->metrics->bounds());
  add_sizes(to, of, copy->sizes, now.row_count);
}

}  // namespace catena::detail
