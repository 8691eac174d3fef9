// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/metric_families.hpp>
#include <catena/schedule/concurrency_limit.hpp>

#include <algorithm>
#include <stdexcept>

namespace catena {

void check(const concurrency_limit_options& options) {
  constexpr std::size_t most = 1'048'576;
  if (options.line_capacity > most)
    throw std::invalid_argument("concurrency_limit_options::line_capacity must be 0 to " + std::to_string(most) + ", is " +
                                std::to_string(options.line_capacity));
}

concurrency_limit::concurrency_limit(const runtime& rt, const concurrency_limit_options& options) {
  check(options);
  core_ = rt.state()->known_source(std::make_shared<detail::limit_core>(rt.state(), options));
  rt.state()->add_executor_user(core_);
}

namespace detail {

limit_core::limit_core(std::shared_ptr<runtime_state> runtime, const concurrency_limit_options& options)
    : line_desk(std::move(runtime), options.policy, options.line_capacity),
      name_(options.name),
      original_(line().options()),
      line_capacity_(options.line_capacity) {}

std::shared_ptr<const tunable> limit_core::tuning(const std::shared_ptr<limit_core>& self) {
  auto what = std::make_shared<tunable>(tunable_of(self.get(), self->original_));
  what->only = {"line_capacity"};
  const auto names = self->line().option_names();
  what->only.insert(what->only.end(), names.begin(), names.end());
  what->tune = [self](const void* given) {
    const auto& options = *static_cast<const gate_options*>(given);
    self->line_capacity_.store(options.line_capacity, std::memory_order_relaxed);
    self->change([&](limit_line& l, time_point now) { l.set_options(options, now); });
  };
  return what;
}

void limit_core::leave(request_outcome outcome, duration latency) {
  ended_request r{.latency = latency, .outcome = outcome};
  limit_places& places = line().places();
  places.note(r);
  if (line().learns()) {
    r.in_flight = in_flight();
    change([&](limit_line& l, time_point now) { l.ended(r, now); });
  } else if (places.give_back()) {
    change([](limit_line& l, time_point now) { l.look(now); });
  }
}

std::size_t limit_core::waiting_count() const {
  return look([](const limit_line& l, time_point) { return l.size(); });
}

refusal limit_core::refuse(priority p) const {
  return {.code = errc::not_admitted, .retry_after = look([&](const limit_line& l, time_point) { return l.expected_wait(p); })};
}

void limit_core::collect(metric_set& to) const {
  namespace families = metric_families;
  const auto tell = [&](const metric_family& family, std::uint64_t value) { to.add(family, {{"gate", name_}}, static_cast<double>(value)); };
  tell(families::gate_waiting, waiting_count());
  tell(families::gate_refused, refused_.load(std::memory_order_relaxed));
  tell(families::gate_in_flight, in_flight());
  tell(families::gate_limit, limit());
}

failure limit_core::why(const refusal& r) const {
  refused_.fetch_add(1, std::memory_order_relaxed);
  std::string text = "limit '" + name_ + "': ";
  switch (r.code) {
    case errc::not_admitted: text += "all " + std::to_string(limit()) + " places are taken, or will be for too long"; break;
    case errc::queue_full: text += "its line is full at " + std::to_string(line_capacity_.load(std::memory_order_relaxed)); break;
    case errc::deadline_exceeded: text += "the deadline passed in its line"; break;
    default: return r.code;
  }
  return failure(r.code, std::move(text)).with_retry_after(r.retry_after);
}

}  // namespace detail
}  // namespace catena
