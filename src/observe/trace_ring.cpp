// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/trace_ring.hpp>

#include <catena/observe/trace_measure.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace catena {
namespace {

const trace_ring_options& checked(const trace_ring_options& o) {
  check(o);
  return o;
}

}  // namespace

void check(const trace_ring_options& o) {
  const auto expect = [](std::size_t value, const char* name) {
    if (value < 1 || value > 1'000'000) throw std::invalid_argument("trace_ring_options::" + std::string(name) + " must be 1 to 1000000, is " + std::to_string(value));
  };
  expect(o.recent, "recent");
  expect(o.notable, "notable");
  if (o.max_bytes < 1) throw std::invalid_argument("trace_ring_options::max_bytes must be 1 or more");
}

trace_ring::trace_ring(const trace_ring_options& options) : max_bytes_(checked(options).max_bytes) {
  recent_.most = batches_.most = options.recent;
  notable_.most = options.notable;
}

trace_ring::ring& trace_ring::ring_for(const trace& t) noexcept {
  if (!t.spans.empty() && t.spans.front().kind == span_kind::batch) return batches_;
  return t.why == kept_for::sampled ? recent_ : notable_;
}

void trace_ring::take(std::shared_ptr<const trace> t) noexcept {
  const std::size_t bytes = approximate_bytes(*t);
  ring& to = ring_for(*t);
  {
    const std::lock_guard lock(mutex_);
    try {
      to.entries.push_back({std::move(t), bytes});
      to.bytes += bytes;
    } catch (...) {
      ++displaced_;  // there is no memory for it
      return;
    }
  }
  while (displace_one(to)) {}
}

std::shared_ptr<const trace> trace_ring::displace_one(ring& from) noexcept {
  const std::lock_guard lock(mutex_);
  if (from.entries.size() <= from.most && (from.bytes <= max_bytes_ || from.entries.size() == 1)) return nullptr;
  auto oldest = std::move(from.entries.front().what);
  from.bytes -= from.entries.front().bytes;
  from.entries.pop_front();
  ++displaced_;
  return oldest;
}

traces_in_ring trace_ring::snapshot() const {
  traces_in_ring all;
  const auto copy = [](const ring& from, std::vector<std::shared_ptr<const trace>>& to) {
    for (const entry& e : from.entries) to.push_back(e.what);
  };
  const std::lock_guard lock(mutex_);
  copy(recent_, all.recent);
  copy(notable_, all.notable);
  copy(batches_, all.batches);
  all.displaced = displaced_;
  return all;
}

}  // namespace catena
