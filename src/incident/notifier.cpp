// SPDX-License-Identifier: BSL-1.0
#include <catena/incident/notice_filter.hpp>
#include <catena/incident/notifier.hpp>
#include <catena/observe/metric_families.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace catena {

/// What waits for the sinks of one place. Whoever puts the first thing in sees to it that it is taken out.
class notifier::core : public metric_source, public std::enable_shared_from_this<core> {
 public:
  explicit core(notifier_options options) : options_(std::move(options)) {
    check(options_.notices);
    if (options_.sinks.empty() && options_.dead_letters.empty()) throw std::invalid_argument("notifier_options::sinks: there is none");
    if (options_.capacity < 1) throw std::invalid_argument("notifier_options::capacity must be at least 1");
    for (const auto* sinks : {&options_.sinks, &options_.dead_letters})
      for (const incident_sink& sink : *sinks)
        if (!sink.take) throw std::invalid_argument("notifier_options: a sink is an empty function");
  }

  [[nodiscard]] bool admit(incident& what, time_point now) {
    const boost::system::error_code code = what.failures.empty() ? boost::system::error_code() : what.failures.back().code();
    const std::lock_guard lock(mutex_);
    if (!filter_) filter_.emplace(options_.notices, now);
    const auto told = what.parked ? std::optional(filter_->admit_always(what.path, code, now)) : filter_->admit(what.path, code, now);
    if (!told) {
      ++stats_.suppressed;
      return false;
    }
    ++stats_.told;
    what.suppressed_alike = told->alike;
    what.suppressed = told->all;
    return true;
  }

  void redact(incident& what) const {
    if (!options_.redactor) return;
    for (auto& input : what.inputs) {
      try {
        if (input) input = options_.redactor(*input);
      } catch (...) {
        input.reset();
      }
    }
  }

  void send(const std::shared_ptr<runtime_state>& runtime, incident what, const std::vector<incident_sink>& to) {
    const auto shared = std::make_shared<const incident>(std::move(what));
    for (const incident_sink& sink : to) send(runtime, shared, sink);
  }

  [[nodiscard]] const notifier_options& options() const noexcept { return options_; }
  [[nodiscard]] notifier_stats stats() const noexcept {
    const std::lock_guard lock(mutex_);
    notifier_stats now = stats_;
    for (const outbox& b : boxes_) now.waiting += b.waiting.size();
    return now;
  }

  void add_to_metrics(const std::shared_ptr<runtime_state>& runtime) {
    const std::lock_guard lock(mutex_);
    std::erase_if(told_in_, [](const auto& r) { return r.expired(); });
    // Not by locking one: its runtime must not end under the lock.
    if (std::ranges::any_of(told_in_, [&](const auto& r) { return !r.owner_before(runtime) && !runtime.owner_before(r); })) return;
    runtime->sources.add(shared_from_this());
    told_in_.push_back(runtime);
  }
  void collect(metric_set& to) const override {
    const notifier_stats now = stats();
    const auto tell = [&](const metric_family& family, std::string_view outcome, std::uint64_t value) {
      to.add(family, {{"outcome", outcome}}, static_cast<double>(value));
    };
    tell(metric_families::incidents, "told", now.told);
    tell(metric_families::incidents, "suppressed", now.suppressed);
    tell(metric_families::notices, "taken", now.taken);
    tell(metric_families::notices, "failed", now.failed);
    tell(metric_families::notices, "dropped", now.lost - now.failed);
    to.add(metric_families::notices_waiting, {}, static_cast<double>(now.waiting));
  }

 private:
  struct letter {
    std::shared_ptr<const incident> what;
    const incident_sink* to;
  };
  struct outbox {
    std::deque<letter> waiting;
    bool emptied = false;  ///< somebody is on the way to empty it
  };
  enum class loss : std::uint8_t { dropped, failed };
  struct executor_turn;
  struct blocking_turn;

  void send(const std::shared_ptr<runtime_state>& runtime, const std::shared_ptr<const incident>& what, const incident_sink& to);
  [[nodiscard]] outbox& box(sink_place place) noexcept { return boxes_[static_cast<std::size_t>(place)]; }

  [[nodiscard]] bool put(const incident_sink& to, const std::shared_ptr<const incident>& what) {
    const std::lock_guard lock(mutex_);
    auto& waiting = box(to.place).waiting;
    if (waiting.size() >= options_.capacity) return false;
    waiting.push_back({what, &to});
    return true;
  }
  /// True: the caller must see to it that it is emptied.
  [[nodiscard]] bool begin_to_empty(sink_place place) {
    const std::lock_guard lock(mutex_);
    return !std::exchange(box(place).emptied, true);
  }

  /// Gives one to its sink; false: there is none left.
  bool deliver_one(const runtime_state& runtime, sink_place place) noexcept {
    letter next;
    {
      const std::lock_guard lock(mutex_);
      outbox& from = box(place);
      if (from.waiting.empty()) return from.emptied = false;
      next = std::move(from.waiting.front());
      from.waiting.pop_front();
    }
    try {
      next.to->take(*next.what);
      const std::lock_guard lock(mutex_);
      ++stats_.taken;
    } catch (const std::exception& e) {
      lose(runtime, *next.what, loss::failed, e.what());
    } catch (...) {
      lose(runtime, *next.what, loss::failed, "the sink threw");
    }
    return true;
  }

  void lose(const runtime_state& runtime, const incident& what, loss how, const char* why) noexcept {
    {
      const std::lock_guard lock(mutex_);
      ++stats_.lost;
      if (how == loss::failed) ++stats_.failed;
    }
    try {
      runtime.log(log_level::error, "notifier", "an incident at " + what.path + " is lost: " + why);
    } catch (...) {
      // There is no memory to say so.
    }
  }

  /// The executor is gone with whoever was on the way.
  void forget(sink_place place) noexcept {
    std::deque<letter> dropped;
    const std::lock_guard lock(mutex_);
    box(place).emptied = false;
    dropped.swap(box(place).waiting);
    stats_.lost += dropped.size();
  }

  const notifier_options options_;
  mutable std::mutex mutex_;
  std::optional<notice_filter> filter_;
  notifier_stats stats_;  ///< but for what waits
  outbox boxes_[2];
  std::vector<std::weak_ptr<runtime_state>> told_in_;  ///< its metrics
};

/// One incident for each turn of the executor, so that others have theirs. It waits where it is known whether the executor is gone.
struct notifier::core::executor_turn : ready_node {
  executor_turn(std::shared_ptr<core> c, std::shared_ptr<runtime_state> r) noexcept : of(std::move(c)), runtime(std::move(r)) {
    resume = [](ready_node& node, wake how) {
      std::unique_ptr<executor_turn> self(static_cast<executor_turn*>(&node));
      if (how == wake::abandoned) self->of->forget(sink_place::on_the_executor);
      else if (self->of->deliver_one(*self->runtime, sink_place::on_the_executor)) begin(std::move(self));
    };
  }
  static void begin(std::unique_ptr<executor_turn> turn) {
    const auto pinned = turn->runtime;
    pinned->ready->push(*turn.release());
  }
  std::shared_ptr<core> of;
  std::shared_ptr<runtime_state> runtime;
};

/// All that wait, on a thread that may block.
struct notifier::core::blocking_turn : compute_job {
  blocking_turn(std::shared_ptr<core> c, std::shared_ptr<runtime_state> r) noexcept : of(std::move(c)), runtime(std::move(r)) {
    run = [](compute_job& job) noexcept {
      const std::unique_ptr<blocking_turn> self(static_cast<blocking_turn*>(&job));
      while (self->of->deliver_one(*self->runtime, sink_place::where_it_may_block)) {
      }
    };
  }
  std::shared_ptr<core> of;
  std::shared_ptr<runtime_state> runtime;
};

void notifier::core::send(const std::shared_ptr<runtime_state>& runtime, const std::shared_ptr<const incident>& what,
                          const incident_sink& to) {
  if (!put(to, what)) return lose(*runtime, *what, loss::dropped, "too many wait for a slow sink");
  if (!begin_to_empty(to.place)) return;
  try {
    if (to.place == sink_place::on_the_executor) {
      executor_turn::begin(std::make_unique<executor_turn>(shared_from_this(), runtime));
    } else {
      auto turn = std::make_unique<blocking_turn>(shared_from_this(), runtime);
      runtime->loading.submit(*turn.release());
    }
  } catch (...) {
    forget(to.place);
    throw;
  }
}

notifier::notifier(notifier_options options) : core_(std::make_shared<core>(std::move(options))) {}

notifier_stats notifier::stats() const noexcept { return core_->stats(); }

bool notifier::keeps_dead_letters() const noexcept { return !core_->options().dead_letters.empty(); }

void notifier::add_to_metrics(const std::shared_ptr<runtime_state>& runtime) const { core_->add_to_metrics(runtime); }

void notifier::tell(const std::shared_ptr<runtime_state>& runtime, incident what) const noexcept {
  try {
    if (!core_->admit(what, runtime->time->now())) return;
    core_->redact(what);
    core_->send(runtime, std::move(what), core_->options().sinks);
  } catch (...) {
    runtime->log(log_level::error, "notifier", "an incident is lost: there is no memory for it");
  }
}

void notifier::bury(const std::shared_ptr<runtime_state>& runtime, incident what) const noexcept {
  try {
    core_->send(runtime, std::move(what), core_->options().dead_letters);
  } catch (...) {
    runtime->log(log_level::error, "notifier", "a dead letter is lost: there is no memory for it");
  }
}

}  // namespace catena
