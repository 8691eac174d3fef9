// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/metric_families.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/schedule/gate_options.hpp>

#include <algorithm>
#include <stdexcept>

namespace catena {
namespace {

constexpr std::size_t most_waiting = 1'048'576;

}  // namespace

shared_bucket::shared_bucket(const runtime& rt, std::string name, const token_bucket_options& options)
    : desk_(detail::admission_desk::of(rt.state())),
      bucket_(std::make_shared<detail::admission_bucket>(std::move(name), options, rt.now())),
      original_(options) {
  desk_->add(*bucket_);
}

std::shared_ptr<const tunable> shared_bucket::tuning() const {
  auto what = std::make_shared<tunable>(tunable_of(bucket_.get(), original_));
  what->tune = [self = *this](const void* options) { self.set_rate(static_cast<const token_bucket_options*>(options)->refill); };
  return what;
}

std::vector<tunable_place> admission::tunables() const {
  tunable line = tunable_of(core_.get(), gate_options{.line_capacity = core_->original.line_capacity});
  line.only = {"line_capacity"};
  line.tune = [core = core_](const void* options) {
    core->desk->set_line_capacity(core->group, static_cast<const gate_options*>(options)->line_capacity);
  };
  std::vector<tunable_place> places{{{"limit", name()}, std::make_shared<const tunable>(std::move(line))}};
  for (const charged_bucket& use : core_->original.buckets)
    places.push_back({{"limit", name(), "buckets", use.bucket.name()}, use.bucket.tuning()});
  return places;
}

void check(const admission_options& options) {
  const auto& buckets = options.buckets;
  if (buckets.empty() || buckets.size() > detail::admission_group::most_buckets)
    throw std::invalid_argument("admission_options::buckets must be 1 to " +
                                std::to_string(detail::admission_group::most_buckets) + ", are " + std::to_string(buckets.size()));
  for (auto one = buckets.begin(); one != buckets.end(); ++one) {
    if (one->bucket.desk() != buckets.front().bucket.desk())
      throw std::invalid_argument("admission_options::buckets must belong to one runtime");
    const auto same = [&](const charged_bucket& other) { return other.bucket.state() == one->bucket.state(); };
    if (std::any_of(buckets.begin(), one, same))
      throw std::invalid_argument("admission_options::buckets must differ, '" + one->bucket.name() + "' is there twice");
  }
  if (options.line_capacity > most_waiting)
    throw std::invalid_argument("admission_options::line_capacity must be 0 to " + std::to_string(most_waiting) + ", is " +
                                std::to_string(options.line_capacity));
}

namespace detail {

admission_core::admission_core(const runtime& rt, const admission_options& options)
    : name(options.name), original(options), desk(admission_desk::of(rt.state())), time(*rt.state()->time) {
  check(options);
  if (options.buckets.front().bucket.desk() != desk)
    throw std::invalid_argument("admission_options::buckets must belong to the admission's runtime");
  group.line_capacity = options.line_capacity;
  group.most_cost = token_bucket::most_tokens;
  for (const auto& [bucket, counts] : options.buckets) {
    pinned.push_back(bucket.state());
    group.uses.push_back({bucket.state().get(), counts});
    if (counts == charge::cost) group.most_cost = std::min(group.most_cost, bucket.capacity());
  }
  std::sort(group.uses.begin(), group.uses.end(), [](const bucket_use& a, const bucket_use& b) { return a.bucket->id < b.bucket->id; });
  desk->add(group);
}

refusal admission_core::refuse(std::int64_t cost, priority p) {
  if (cost < 0 || cost > group.most_cost) return {.code = errc::invalid_input};
  if (group.uses.size() > 1) desk->tokens_changed(group);  // what was rolled back may have been missed meanwhile
  return {.retry_after = std::max(desk->expected_wait(group, cost, p), duration(1))};
}

void admission_core::settle(std::int64_t estimate, std::int64_t cost) {
  group.settle(estimate, std::max<std::int64_t>(cost, 0), time.now());
  if (group.highest_waiting() != 0) desk->tokens_changed(group);
}

void admission_core::refund(std::int64_t cost) {
  group.refund(cost);
  if (group.highest_waiting() != 0) desk->tokens_changed(group);
}

void admission_core::collect(metric_set& to) const {
  namespace families = metric_families;
  to.add(families::gate_waiting, {{"gate", name}}, static_cast<double>(desk->waiting_count(group)));
  to.add(families::gate_refused, {{"gate", name}}, static_cast<double>(refused.load(std::memory_order_relaxed)));
  for (const charged_bucket& use : original.buckets)
    to.add(families::bucket_tokens, {{"bucket", use.bucket.name()}}, static_cast<double>(use.bucket.level()));
}

failure admission_core::why(const refusal& r) const {
  refused.fetch_add(1, std::memory_order_relaxed);
  std::string text = "admission '" + name + "': ";
  switch (r.code) {
    case errc::queue_full: text += "its line is full at " + std::to_string(group.line_capacity); break;
    case errc::invalid_input: text += "a cost must be 0 to " + std::to_string(group.most_cost) + ", what its smallest bucket holds"; break;
    case errc::not_admitted: text += "there are not enough tokens, or not in time"; break;
    case errc::deadline_exceeded: text += "the deadline passed in its line"; break;
    default: return r.code;
  }
  return failure(r.code, std::move(text)).with_retry_after(r.retry_after);
}

}  // namespace detail
}  // namespace catena
