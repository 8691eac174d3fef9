// SPDX-License-Identifier: BSL-1.0
#include "connection.hpp"

#include <utility>

namespace catena::http::server {
namespace {

/// How long the other end may take to see that nothing more comes. A connection that is closed while something of it has not been read is
/// reset, and the answer with it.
constexpr duration time_to_part = std::chrono::seconds(1);

constexpr std::string_view go_ahead = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

/// Made before the lock, so that it acts after it.
class connection::consequences {
 public:
  explicit consequences(connection& of) noexcept : of_(of.shared_from_this()) {}
  consequences(const consequences&) = delete;
  consequences& operator=(const consequences&) = delete;
  ~consequences() {
    if (closed) {
      closed->close();
      of_->of_->remove(*of_);
    }
    if (serves) serve();
  }

  std::shared_ptr<transport> closed;
  bool serves = false;

 private:
  /// The request stays until it is answered.
  void serve() const noexcept {
    const request& asked = of_->reader_.asked();
    const route& to = *asked.to;
    try {
      to.does(asked, reply(of_));
    } catch (...) {
      // Its reply is gone, and has said that there is no answer.
      of_->of_->runtime()->log(log_level::error, "operator_endpoint", to.method + " " + to.pattern + ": " + failure::from(std::current_exception()).message());
    }
  }
  const std::shared_ptr<connection> of_;
};

connection::connection(std::shared_ptr<http_server> of, std::shared_ptr<transport> stream, std::shared_ptr<tls_transport> tls)
    : of_(std::move(of)), stream_(std::move(stream)), tls_(std::move(tls)), reader_(of_->offered(), of_->bounds().requests) {
  timer_.owner = reading_.owner = writing_.owner = this;
  timer_.fire = &time_has_come;
  reading_.ended = [](io_node& n, wake how, failure why, std::size_t bytes) { static_cast<node&>(n).owner->came(how, std::move(why), bytes); };
  writing_.ended = [](io_node& n, wake how, failure why, std::size_t) { static_cast<node&>(n).owner->went(how, std::move(why)); };
}

void connection::start() {
  const std::lock_guard lock(mutex_);
  if (phase_ == phase::over) return;
  if (!tls_) return wait_for_request_locked();
  enter_locked(phase::shaking_hands, of_->bounds().request_time);
  writing_.pin = shared_from_this();
  std::exchange(tls_, nullptr)->handshake(writing_);
}

void connection::turn_away(answer with) {
  const std::lock_guard lock(mutex_);
  if (phase_ != phase::over) answer_locked(with, after_answer::connection_ends);
}

void connection::take(answer a) {
  const std::lock_guard lock(mutex_);
  if (phase_ != phase::serving) return;
  answer_locked(a, reader_.keeps_connection() && !ends_soon_ ? after_answer::connection_stays : after_answer::connection_ends);
}

void connection::came(wake how, failure why, std::size_t bytes) {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  reading_.pin.reset();
  if (phase_ == phase::over) return;
  if (how == wake::abandoned) return end_locked(then);
  switch (phase_) {
    case phase::idle:
    case phase::reading:
      if (why.is_set()) return end_locked(then);
      return follow_locked(reader_.came(bytes), then);
    case phase::waiting_for_end:
      if (why.is_set()) return end_locked(then);
      return read_locked();  // whatever it is, nobody wants it
    default: return;         // it came too late, and is not wanted any more
  }
}

void connection::went(wake how, failure why) {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  writing_.pin.reset();
  if (phase_ == phase::over) return;
  if (how == wake::abandoned || why.is_set()) return end_locked(then);
  switch (phase_) {
    case phase::shaking_hands: return ends_soon_ ? end_locked(then) : wait_for_request_locked();
    case phase::saying_go_ahead:
      enter_locked(phase::reading, of_->bounds().request_time);
      return read_locked();
    case phase::answering:
      std::string().swap(out_);
      if (after_ == after_answer::connection_ends) return say_end_locked();
      return follow_locked(reader_.next(), then);
    case phase::saying_end:
      enter_locked(phase::waiting_for_end, time_to_part);
      return read_locked();
    default: return;
  }
}

void connection::follow_locked(request_step step, consequences& then) {
  const bool has_got_further = phase_ != phase::reading || reader_.has_head() != had_head_;
  had_head_ = reader_.has_head();
  switch (step) {
    case request_step::more:
      if (reader_.is_idle()) return ends_soon_ ? end_locked(then) : wait_for_request_locked();
      if (has_got_further) enter_locked(phase::reading, of_->bounds().request_time);
      return read_locked();
    case request_step::go_ahead:
      enter_locked(phase::saying_go_ahead, of_->bounds().request_time);
      return write_locked(go_ahead);
    case request_step::whole:
      enter_locked(phase::serving, {});
      then.serves = true;
      return;
    case request_step::refused:
      return answer_locked(reader_.refusal(), reader_.keeps_connection() && !ends_soon_ ? after_answer::connection_stays : after_answer::connection_ends);
  }
}

void connection::wait_for_request_locked() {
  enter_locked(phase::idle, of_->bounds().idle_time);
  idle_since_.store(of_->runtime()->time->now(), std::memory_order_relaxed);
  read_locked();
}

void connection::read_locked() {
  if (reading_.pin) return;  // from before
  reading_.pin = shared_from_this();
  stream_->read_some(reader_.room(), reading_);
}

void connection::write_locked(std::string_view bytes) {
  writing_.pin = shared_from_this();
  stream_->write(bytes, writing_);
}

void connection::answer_locked(const answer& a, after_answer after) {
  out_ = text_of(a, reader_.sends_body(), after);
  after_ = after;
  enter_locked(phase::answering, of_->bounds().request_time);
  write_locked(out_);
}

void connection::say_end_locked() {
  enter_locked(phase::saying_end, time_to_part);
  writing_.pin = shared_from_this();
  stream_->shutdown(writing_);
}

/// Zero: for as long as it takes. A moment that comes later than the timer's is waited for when that has fired.
void connection::enter_locked(phase next, duration patience) {
  phase_ = next;
  idle_since_.store(no_deadline, std::memory_order_relaxed);
  phase_end_ = patience == duration{} ? no_deadline : catena::detail::later(of_->runtime()->time->now(), patience);
  if (timer_.pin && timer_.when <= phase_end_ && next != phase::over && phase_end_ != no_deadline) return;
  timer_.set_locked(*of_->runtime()->timers, phase_end_);
}

void connection::end_locked(consequences& then) noexcept {
  if (phase_ == phase::over) return;
  enter_locked(phase::over, {});
  tls_.reset();
  then.closed = std::move(stream_);
}

bool connection::end_if_idle() noexcept {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  if (phase_ != phase::idle) return false;
  end_locked(then);
  return true;
}

void connection::end_soon() noexcept {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  ends_soon_ = true;
  if (phase_ == phase::idle || phase_ == phase::shaking_hands) end_locked(then);
}

void connection::end_now() noexcept {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  end_locked(then);
}

void connection::time_has_come(timer_node& n, wake how) {
  auto& timer = static_cast<catena::detail::pinned_timer<connection>&>(n);
  connection& self = *timer.owner;
  consequences then(self);
  std::shared_ptr<connection> pinned;  // before the lock: it may be the last
  const std::lock_guard lock(self.mutex_);
  pinned = std::move(timer.pin);
  if (self.phase_ == phase::over) return;
  if (how == wake::abandoned) return self.end_locked(then);
  if (self.of_->runtime()->time->now() < self.phase_end_) return timer.set_locked(*self.of_->runtime()->timers, self.phase_end_);
  if (self.phase_ != phase::reading) return self.end_locked(then);
  const std::string what = self.reader_.has_head() ? "body" : "head";
  self.answer_locked(error_answer(408, "the request's " + what + " took longer than " + catena::detail::in_words(self.of_->bounds().request_time)),
                     after_answer::connection_ends);
}

}  // namespace catena::http::server
