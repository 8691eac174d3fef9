// SPDX-License-Identifier: BSL-1.0
#include "otlp_core.hpp"

#include <catena/observe/metric_set.hpp>
#include <catena/observe/trace_measure.hpp>
#include <catena/recover/retry.hpp>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace catena::http {
namespace {

constexpr std::size_t bytes_at_once = 32 << 10;  // written before others have their turn
constexpr std::size_t most_answered = 4 << 20;   // bytes: as the protocol recommends

[[noreturn]] void wrong_exporter(const std::string& what) { throw std::invalid_argument("otlp_options::" + what); }

std::uint64_t by_chance() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

/// \source  RFC 9562, version 4
std::string random_uuid() {
  catena::detail::random_numbers numbers(by_chance());
  std::string text = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
  for (char& c : text) {
    if (c == 'x') c = "0123456789abcdef"[numbers.below(16)];
    if (c == 'v') c = "89ab"[numbers.below(4)];
  }
  return text;
}

otlp_options completed(otlp_options o) {
  check(o);
  if (o.service_instance_id.empty()) o.service_instance_id = random_uuid();
  o.headers.set("Content-Type", "application/json");
  o.client.max_body_bytes = std::min(o.client.max_body_bytes, most_answered);
  return o;
}

request request_of_exporter(const otlp_options& o) {
  const auto endpoint = url::parse(o.endpoint, o.cleartext);
  if (!endpoint) wrong_exporter("endpoint: " + endpoint.error().message());
  request what("POST", endpoint->under("v1/traces").value());
  what.headers = o.headers;
  what.success = success::any_status;
  return what;
}

std::chrono::nanoseconds wall_offset(time_point now) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch() - now.time_since_epoch());
}

/// What went wrong with a request, for the log; empty: nothing.
std::string wrong_with(const otlp_verdict& v, std::size_t spans) {
  if (v.what != otlp_verdict::kind::accepted) return std::to_string(spans) + " spans are lost: " + v.why.message();
  if (v.rejected == 0 && v.said.empty()) return {};
  return std::to_string(v.rejected) + " of " + std::to_string(spans) + " spans were not taken: " + v.said;
}

}  // namespace

void check(const otlp_options& o) {
  const auto expect = [](bool holds, const char* text) {
    if (!holds) wrong_exporter(text);
  };
  expect(!o.service_name.empty(), "service_name is missing");
  expect(o.max_batch_spans >= 1 && o.max_batch_spans <= 100'000, "max_batch_spans must be 1 to 100000");
  expect(o.max_batch_bytes >= 1, "max_batch_bytes must be 1 or more");
  expect(o.max_delay >= duration{}, "max_delay must be zero or more");
  expect(o.max_waiting_spans >= 1, "max_waiting_spans must be 1 or more");
  expect(o.max_waiting_bytes >= 1, "max_waiting_bytes must be 1 or more");
  expect(o.attempts >= 1 && o.attempts <= 100, "attempts must be 1 to 100");
  expect(o.first_wait > duration{}, "first_wait must be more than zero");
  expect(o.request_timeout > duration{}, "request_timeout must be more than zero");
  expect(o.patience_at_end >= duration{}, "patience_at_end must be zero or more");
  if (const auto valid = o.headers.valid(); !valid) wrong_exporter("headers: " + valid.error().message());
  check(o.client);
}

namespace detail {

otlp_core::otlp_core(const runtime& rt, otlp_options options)
    : rt_(rt),
      options_(completed(std::move(options))),
      asked_(request_of_exporter(options_)),
      client_(rt, options_.client),
      text_(options_, wall_offset(rt.now())),
      queue_(options_),
      random_(options_.seed ? options_.seed : by_chance()) {
  timer_.owner = this;
  timer_.fire = &time_has_come;
}

void otlp_core::put(std::shared_ptr<const trace> t) noexcept {
  const std::size_t spans = t->spans.size();
  if (spans == 0) return;
  const std::size_t bytes = approximate_bytes(*t);
  const time_point now = rt_.now();
  const std::lock_guard lock(mutex_);
  if (is_closed_) {
    stats_.dropped_at_end += spans;
    return;
  }
  bool is_in = false;
  try {
    is_in = queue_.put(std::move(t), bytes, now);
    if (is_in && phase_ == phase::gathering) set_timer_locked();
  } catch (...) {
    // No memory. What is in the queue goes with whatever comes next.
  }
  if (!is_in) stats_.dropped_waiting += spans;
}

otlp_stats otlp_core::stats() const noexcept {
  const std::lock_guard lock(mutex_);
  otlp_stats now = stats_;
  now.waiting = queue_.spans();
  now.waiting_bytes = queue_.bytes();
  return now;
}

void otlp_core::wait_for_all(time_point deadline, const std::shared_ptr<drain_waiter>& who) {
  const std::lock_guard lock(mutex_);
  const waiter w{queue_.put_count(), who};
  if (queue_.done_count() == queue_.put_count()) return tell_locked(w, {});
  waiters_.push_back(w);
  if (deadline != no_deadline) {
    who->pin = who;
    who->when = deadline;
    who->fire = [](timer_node& node, wake how) {
      const auto self = std::move(static_cast<drain_waiter&>(node).pin);
      if (how == wake::resumed) self->complete_once(failure(errc::deadline_exceeded, "not all traces have been sent by then"));
    };
    rt_.state()->timers->add(*who);
  }
  set_timer_locked();
}

void otlp_core::end_at(time_point when) {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  end_ = std::min(end_, when);
  if (phase_ == phase::pausing && !server_said_when_) send_at_ = rt_.now();
  set_timer_locked();
}

void otlp_core::executor_gone() noexcept {
  const auto& gone = boost::asio::query(rt_.state()->ready->executor(), boost::asio::execution::context);
  dropped_traces dropped;
  std::vector<waiter> waiting;  // destroyed under no lock: their handlers are the user's
  const std::lock_guard lock(mutex_);
  is_closed_ = is_over_ = true;
  stats_.dropped_at_end += queue_.spans();
  dropped = queue_.clear();
  queue_.finish_batch();
  waiting.swap(waiters_);
  for (const waiter& w : waiting)
    if (!w.who->give_up(gone)) tell_locked(w, failure(errc::shutting_down, "the executor is destroyed"));
}

/// It only posts, and under the lock no executor is destroyed meanwhile.
void otlp_core::tell_locked(const waiter& w, result<void> how) {
  if (rt_.state()->timers->remove(*w.who)) w.who->pin.reset();
  w.who->complete_once(std::move(how));
}

// ---- one after the other ----

time_point otlp_core::moment_locked() const noexcept {
  if (is_over_) return no_deadline;
  switch (phase_) {
    case phase::gathering:
      if (queue_.empty()) return no_deadline;
      return is_closed_ || !waiters_.empty() ? time_point::min() : queue_.due();
    case phase::pausing: return std::min(send_at_, end_);
    case phase::writing:
    case phase::sending: break;
  }
  return end_;
}

void otlp_core::set_timer_locked() { timer_.set_locked(*rt_.state()->timers, moment_locked()); }

void otlp_core::time_has_come(timer_node& node, wake how) {
  auto& timer = static_cast<catena::detail::pinned_timer<otlp_core>&>(node);
  otlp_core& self = *timer.owner;
  std::shared_ptr<otlp_core> pinned;  // before the lock: it may be the last
  if (how == wake::abandoned) {
    pinned = std::move(timer.pin);
    return;
  }
  bool is_written = false;
  {
    dropped_traces dropped;
    const std::lock_guard lock(self.mutex_);
    pinned = std::move(timer.pin);
    const time_point now = self.rt_.now();
    if (self.is_over_) return;
    if (now >= self.end_) {
      dropped = self.drop_all_locked();
      return;
    }
    if (now < self.moment_locked()) return self.set_timer_locked();
    is_written = self.phase_ == phase::pausing;
    self.phase_ = is_written ? phase::sending : phase::writing;
    self.set_timer_locked();
  }
  if (is_written) self.send();
  else self.write_some();
}

bool otlp_core::may_take_more_locked() const noexcept {
  return !queue_.empty() && queue_.batch_spans() < options_.max_batch_spans && body_.size() < options_.max_batch_bytes;
}

void otlp_core::write_some() noexcept {
  try {
    write_some_or_throw();
  } catch (...) {
    give_up_batch();
  }
}

/// Others have their turn in between.
void otlp_core::write_some_or_throw() {
  if (body_.empty()) text_.begin(body_);
  const std::size_t begun = body_.size();
  while (body_.size() < begun + bytes_at_once) {
    std::shared_ptr<const trace> next;
    {
      const std::lock_guard lock(mutex_);
      if (is_over_) return give_up_batch_locked();
      if (may_take_more_locked()) next = queue_.take();
      else phase_ = phase::sending, attempt_ = 0;
    }
    if (!next) {
      text_.end(body_);
      return send();
    }
    text_.append(body_, *next);
  }
  rt_.async_yield([self = shared_from_this()] { self->write_some(); });
}

void otlp_core::send() noexcept {
  try {
    request what = asked_;
    what.body = body_;
    what.fate = std::make_shared<request_fate>();
    {
      const std::lock_guard lock(mutex_);
      ++stats_.requests;
      if (++attempt_ > 1) ++stats_.retries;
    }
    // A part of what has been begun: also while the runtime drains, whose traces are the last ones.
    static const graph::call_context begun;
    const run_options within{.deadline = catena::detail::later(rt_.now(), options_.request_timeout), .part_of = &begun};
    auto handler = [self = shared_from_this(), fate = what.fate](const result<response>& came) {
      self->ended(came, fate->sent.load(std::memory_order_relaxed));
    };
    client_.async_send(std::move(what), within, std::move(handler));
  } catch (...) {
    give_up_batch();
  }
}

void otlp_core::ended(const result<response>& came, bool was_sent) {
  const otlp_verdict v = verdict_of(asked_, came, was_sent, std::chrono::system_clock::now());
  using kind = otlp_verdict::kind;
  std::string wrong;
  bool is_to_be_told = false;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t spans = queue_.batch_spans();
    if (v.what == kind::again && attempt_ < options_.attempts && !is_over_) return pause_locked(v.why);
    const std::uint64_t rejected = std::min<std::uint64_t>(v.rejected, spans);
    stats_.dropped_rejected += rejected;
    (v.what == kind::accepted ? stats_.exported : v.what == kind::refused ? stats_.dropped_refused : is_over_ ? stats_.dropped_at_end : stats_.dropped_given_up) += spans - rejected;
    wrong = wrong_with(v, spans);
    is_to_be_told = is_news(wrong);
    finish_locked();  // from now on another thread may be at it
  }
  if (!is_to_be_told) return;
  if (wrong.empty()) rt_.state()->log(log_level::note, "otlp", "spans are taken again");
  else rt_.state()->log(log_level::warning, "otlp", wrong);
}

void otlp_core::pause_locked(const failure& why) {
  constexpr duration longest_said = std::chrono::minutes(10);
  const retry_options own{.first_wait = options_.first_wait, .longest_wait = std::chrono::minutes(1), .jitter = jitter::equal};
  server_said_when_ = why.retry_after() > duration{};
  const duration wait = server_said_when_ ? std::min(why.retry_after(), longest_said)
                                          : backoff(own, {}, static_cast<std::size_t>(attempt_), random_.share());
  send_at_ = catena::detail::later(rt_.now(), wait);
  phase_ = phase::pausing;
  set_timer_locked();
}

/// What has been taken out is done: on to what has come meanwhile.
void otlp_core::finish_locked() {
  body_ = {};
  queue_.finish_batch();
  phase_ = phase::gathering;
  const auto is_done = [&](const waiter& w) {
    if (w.until_done > queue_.done_count()) return false;
    tell_locked(w, {});
    return true;
  };
  std::erase_if(waiters_, is_done);
  set_timer_locked();
}

/// The end has come. What is on its way is counted when it has arrived, or has not.
otlp_core::dropped_traces otlp_core::drop_all_locked() {
  is_over_ = true;
  if (phase_ == phase::pausing) {
    stats_.dropped_at_end += queue_.batch_spans();
    finish_locked();
  }
  stats_.dropped_at_end += queue_.spans() - queue_.batch_spans();
  for (const waiter& w : waiters_) tell_locked(w, failure(errc::deadline_exceeded, "not all traces have been sent by then"));
  waiters_.clear();
  return queue_.clear();
}

void otlp_core::give_up_batch() noexcept {
  const std::lock_guard lock(mutex_);
  give_up_batch_locked();
}

/// There is no memory for it, or it was not written in time.
void otlp_core::give_up_batch_locked() {
  (is_over_ ? stats_.dropped_at_end : stats_.dropped_given_up) += queue_.batch_spans();
  finish_locked();
}

/// Each thing that is wrong is told once.
bool otlp_core::is_news(const std::string& wrong) {
  std::string kind_of_wrong = wrong.substr(wrong.find(':') == wrong.npos ? 0 : wrong.find(':'));
  if (kind_of_wrong == told_) return false;
  told_ = std::move(kind_of_wrong);
  return true;
}

}  // namespace detail

otlp_exporter::otlp_exporter(const runtime& aside, otlp_options options)
    : aside_(aside), core_(std::make_shared<detail::otlp_core>(aside, std::move(options))) {
  aside.state()->add_executor_user(core_);
}

otlp_exporter::~otlp_exporter() { core_->end_at(catena::detail::later(aside_.now(), core_->options().patience_at_end)); }

void otlp_exporter::take(std::shared_ptr<const trace> t) noexcept { core_->put(std::move(t)); }
otlp_stats otlp_exporter::stats() const noexcept { return core_->stats(); }

void otlp_exporter::collect(metric_set& to) const {
  using kind = metric_family::kind;
  static constexpr metric_family exported{"catena_otlp_exported_spans", kind::counter, "Spans that collectors took."};
  static constexpr metric_family dropped{"catena_otlp_dropped_spans", kind::counter,
                                         "Spans that are lost: waiting (too many did), refused (their request), rejected, given_up (after all attempts), at_end."};
  static constexpr metric_family requests{"catena_otlp_requests", kind::counter, "Requests to collectors."};
  static constexpr metric_family retries{"catena_otlp_retries", kind::counter, "Those of them that were sent again."};
  static constexpr metric_family waiting{"catena_otlp_waiting_spans", kind::gauge, "Spans that wait or are on their way."};
  static constexpr metric_family waiting_bytes{"catena_otlp_waiting_bytes", kind::gauge, "What they weigh, about.", "bytes"};
  const otlp_stats now = stats();
  const auto tell = [&](const metric_family& family, std::uint64_t value) { to.add(family, {}, static_cast<double>(value)); };
  const auto lose = [&](std::string_view why, std::uint64_t spans) { to.add(dropped, {{"reason", why}}, static_cast<double>(spans)); };
  tell(exported, now.exported);
  lose("waiting", now.dropped_waiting);
  lose("refused", now.dropped_refused);
  lose("rejected", now.dropped_rejected);
  lose("given_up", now.dropped_given_up);
  lose("at_end", now.dropped_at_end);
  tell(requests, now.requests);
  tell(retries, now.retries);
  tell(waiting, now.waiting);
  tell(waiting_bytes, now.waiting_bytes);
}

void otlp_exporter::begin_wait(detail::otlp_core& core, time_point deadline, ending how, const std::shared_ptr<drain_waiter>& waiter) {
  if (how == ending::yes) core.end_at(deadline);
  core.wait_for_all(deadline, waiter);
}

}  // namespace catena::http
