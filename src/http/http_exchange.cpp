// SPDX-License-Identifier: BSL-1.0
#include "http_exchange.hpp"

#include "connector.hpp"
#include "request_text.hpp"

#include <algorithm>
#include <utility>

namespace catena::http {

/// Made before the lock, so that it acts after it.
class http_exchange::consequences {
 public:
  explicit consequences(http_exchange& of) noexcept : of_(of.shared_from_this()) {}
  consequences(const consequences&) = delete;
  consequences& operator=(const consequences&) = delete;
  ~consequences() {
    if (leaves_line && !of_->core_->leave_line(*of_, of_->origin_)) gives_place = false;  // given() gives it back
    if (connecting) connecting->close();
    if (closed) closed->close();
    if (gives_place) of_->core_->give_back(of_->origin_, std::move(kept));
    if (told) told->told(*told, how);
  }

  bool leaves_line = false;
  bool gives_place = false;
  std::shared_ptr<transport> kept;
  std::shared_ptr<transport> closed;
  std::shared_ptr<connector> connecting;
  detail::exchange_waiter* told = nullptr;
  wake how = wake::resumed;

 private:
  const std::shared_ptr<http_exchange> of_;
};

http_exchange::http_exchange(std::shared_ptr<client_core> core, request what, const run_options& how, body_taken taken)
    : core_(std::move(core)),
      asked_(std::move(what)),
      deadline_(how.deadline),
      kind_(how.part_of ? work_kind::old : work_kind::fresh),
      origin_(asked_.target.origin()),
      answer_(asked_, core_->options(), taken) {
  timer_.owner = reading_.owner = writing_.owner = this;
  timer_.fire = &time_has_come;
  reading_.ended = [](io_node& n, wake how_ended, failure why, std::size_t bytes) { static_cast<node&>(n).owner->came(how_ended, std::move(why), bytes); };
  writing_.ended = [](io_node& n, wake how_ended, failure why, std::size_t) { static_cast<node&>(n).owner->went(how_ended, std::move(why)); };
}

http_exchange::~http_exchange() { core_->remove(*this); }

void http_exchange::start(detail::exchange_waiter& w) {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  waiter_ = &w;
  if (phase_ == phase::over) return tell_locked(then);
  counted_ = runtime()->begin_run(kind_) != 0;
  if (!counted_) return fail_locked(errc::shutting_down, then);
  if (failure fault = fault_of(asked_); fault.is_set()) return fail_locked(std::move(fault), then);
  if (runtime()->time->now() >= deadline_) return fail_locked({errc::deadline_exceeded, "the deadline had passed before " + host() + " was asked"}, then);
  out_ = text_of(asked_);
  std::string().swap(asked_.body);
  ask_for_place(then);
}

void http_exchange::ask_for_place(consequences& then) {
  switch (core_->ask(shared_from_this(), origin_, stream_)) {
    case place_kind::kept:
      has_place_ = kept_ = true;
      return talk_locked();
    case place_kind::empty:
      has_place_ = true;
      return connect_locked();
    case place_kind::waits:
      phase_ = phase::in_line;
      return set_timer_locked();
    case place_kind::none_left:
      return fail_locked({errc::queue_full, "as many requests wait for a connection as client_options::most_waiting, " +
                                                std::to_string(core_->options().most_waiting)},
                         then);
  }
}

void http_exchange::given(std::shared_ptr<transport> kept) {
  if (kept && !kept->is_quiet()) kept.reset();
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == phase::in_line) {
      has_place_ = true;
      kept_ = kept != nullptr;
      stream_ = std::move(kept);
      return kept_ ? talk_locked() : connect_locked();
    }
  }
  core_->give_back(origin_, std::move(kept));  // it was stopped meanwhile
}

void http_exchange::connect_locked() {
  phase_ = phase::connecting;
  const duration patience = timeouts().connect;
  phase_end_ = patience == duration{} ? no_deadline : catena::detail::later(runtime()->time->now(), patience);
  set_timer_locked();
  connector_ = std::make_shared<connector>(core_, asked_.target, [self = shared_from_this()](wake how, failure why, std::shared_ptr<transport> stream) {
    self->connected(how, std::move(why), std::move(stream));
  });
  connector_->start();
}

void http_exchange::connected(wake how, failure why, std::shared_ptr<transport> stream) {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  if (how == wake::abandoned || phase_ != phase::connecting) {
    then.closed = std::move(stream);
    return;
  }
  connector_.reset();
  if (why.is_set()) return fail_locked(std::move(why), then);
  kept_ = false;
  stream_ = std::move(stream);
  talk_locked();
}

/// Listens from the start: who refuses a long request says so before it has gone out.
void http_exchange::talk_locked() {
  phase_ = phase::talking;
  const client_timeouts& patience = timeouts();
  stall_ = stall_watch(patience.first_byte, patience.between_bytes);
  broken_ = false;
  if (asked_.fate) asked_.fate->sent.store(true, std::memory_order_relaxed);
  writing_.pin = shared_from_this();
  stream_->write(out_, writing_);
  wait_locked();
  read_locked();
}

void http_exchange::read_locked() {
  reading_.pin = shared_from_this();
  stream_->read_some(answer_.room(), reading_);
}

void http_exchange::came(wake how, failure why, std::size_t bytes) {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  reading_.pin.reset();
  if (how == wake::abandoned || phase_ != phase::talking) return;
  if (replacing_) return replace_locked(then);
  if (why.is_set()) return may_replace_locked() ? replace_locked(then) : follow_locked(answer_.ended(why), then);
  if (asked_.progress == progress::bytes) {
    stall_.progressed();
    wait_locked();
  }
  const answer_step step = answer_.came(bytes);
  if (asked_.fate) asked_.fate->status.store(answer_.status(), std::memory_order_relaxed);
  forget_request_locked();
  follow_locked(step, then);
}

/// A request that does not go out whole is no failure yet: the server may have said why it takes no more.
void http_exchange::went(wake how, failure why) {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  writing_.pin.reset();
  if (how == wake::abandoned || phase_ != phase::talking) return;
  broken_ = broken_ || why.is_set();
  if (replacing_) return replace_locked(then);
  forget_request_locked();
}

/// A stream may last for long, and its prompt be large.
void http_exchange::forget_request_locked() noexcept {
  if (answer_.got_byte() && !writing_.pin) std::string().swap(out_);
}

void http_exchange::follow_locked(answer_step step, consequences& then) {
  switch (step) {
    case answer_step::more: return read_locked();
    case answer_step::enough: return tell_locked(then);
    case answer_step::done: return done_locked(then);
    case answer_step::failed: return fail_locked(answer_.why(), then);
  }
}

bool http_exchange::may_replace_locked() const noexcept {
  return kept_ && !replaced_ && !answer_.got_byte() && is_repeatable(asked_.method);
}

void http_exchange::replace_locked(consequences& then) {
  if (!std::exchange(replacing_, true)) then.closed = std::move(stream_);
  if (reading_.pin || writing_.pin) return;
  replacing_ = false;
  replaced_ = true;
  connect_locked();
}

/// All of the response is here. Its connection is kept where nothing speaks against that.
void http_exchange::done_locked(consequences& then) {
  const bool clean = answer_.leaves_connection_usable() && asked_.connection == afterwards::kept && !writing_.pin && !broken_;
  why_ = answer_.why();
  if (!clean) then.closed = std::move(stream_);
  end_locked(clean ? std::move(stream_) : nullptr, then);
}

void http_exchange::fail_locked(failure why, consequences& then) noexcept {
  if (phase_ == phase::over) return;
  why_ = std::move(why);
  then.leaves_line = phase_ == phase::in_line;
  then.closed = std::move(stream_);
  then.connecting = std::move(connector_);
  end_locked(nullptr, then);
}

void http_exchange::end_locked(std::shared_ptr<transport> kept, consequences& then) noexcept {
  phase_ = phase::over;
  if (std::exchange(counted_, false)) runtime()->end_run();
  then.kept = std::move(kept);
  then.gives_place = std::exchange(has_place_, false);
  set_timer_locked();
  tell_locked(then);
}

/// Whoever waits looks at what there is.
void http_exchange::tell_locked(consequences& then) noexcept {
  if (!waiter_) return;
  stall_.end(runtime()->time->now());
  phase_end_ = no_deadline;
  then.told = std::exchange(waiter_, nullptr);
}

result<response> http_exchange::take_response() {
  const std::lock_guard lock(mutex_);
  // What came well is told well, also when no read came between it and what did not.
  if (why_.is_set() && !answer_.fails_behind_piece()) return why_;
  return answer_.take();
}

bool http_exchange::wait_for_piece(detail::exchange_waiter& w) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(piece_taken_, false)) answer_.drop_piece();
  if (!answer_.piece().empty() || phase_ == phase::over) return false;
  waiter_ = &w;
  wait_locked();
  read_locked();
  return true;
}

result<std::optional<std::string_view>> http_exchange::take_piece() {
  const std::lock_guard lock(mutex_);
  piece_taken_ = !answer_.piece().empty();
  if (piece_taken_) return std::optional(answer_.piece());
  if (why_.is_set()) return why_;
  return std::optional<std::string_view>();
}

void http_exchange::progressed() noexcept {
  const std::lock_guard lock(mutex_);
  stall_.progressed();
}

void http_exchange::give_up_after(duration patience) noexcept {
  const std::lock_guard lock(mutex_);
  stall_ = stall_watch(patience, patience);
}

void http_exchange::stop(failure why) noexcept {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  fail_locked(std::move(why), then);
}

void http_exchange::executor_gone() noexcept {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  then.how = wake::abandoned;
  fail_locked({errc::cancelled, "the executor is gone"}, then);
}

void http_exchange::wait_locked() {
  phase_end_ = stall_.begin(runtime()->time->now());
  set_timer_locked();
}

/// A moment that comes later than the timer's is waited for when that has fired.
void http_exchange::set_timer_locked() {
  const time_point moment = phase_ == phase::over ? no_deadline : std::min(deadline_, phase_end_);
  if (phase_ != phase::over && timer_.pin && timer_.when <= moment) return;
  timer_.set_locked(*runtime()->timers, moment);
}

void http_exchange::time_has_come(timer_node& n, wake how) {
  auto& timer = static_cast<catena::detail::pinned_timer<http_exchange>&>(n);
  http_exchange& self = *timer.owner;
  std::shared_ptr<http_exchange> pinned;  // before the lock: it may be the last
  if (how == wake::abandoned) {
    pinned = std::move(timer.pin);
    return;
  }
  consequences then(self);
  const std::lock_guard lock(self.mutex_);
  pinned = std::move(timer.pin);
  const time_point now = self.runtime()->time->now();
  if (self.phase_ == phase::over) return;
  if (now >= std::min(self.deadline_, self.phase_end_)) self.fail_locked(self.too_slow_locked(now), then);
  else self.set_timer_locked();
}

failure http_exchange::too_slow_locked(time_point now) const {
  const char* const doing = phase_ == phase::in_line ? "a connection to " : phase_ == phase::connecting ? "the connection to " : "the answer of ";
  if (now >= deadline_) return {errc::deadline_exceeded, "the deadline passed while " + std::string(doing) + host() + " was waited for"};
  if (phase_ == phase::connecting)
    return {errc::timed_out, "no connection to " + host() + " within " + catena::detail::in_words(timeouts().connect)};
  return {errc::timed_out, std::string(answer_.got_byte() ? "nothing more" : "nothing") + " of the answer of " + host() + " came for " +
                               catena::detail::in_words(stall_.patience())};
}

}  // namespace catena::http
