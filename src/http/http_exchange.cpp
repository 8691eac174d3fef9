// SPDX-License-Identifier: BSL-1.0
#include "http_exchange.hpp"

#include "connector.hpp"
#include "request_text.hpp"
#include "status_failure.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace catena::http {

namespace {
constexpr std::size_t first_buffer_size = 16384;
}

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
      taken_(taken),
      kind_(how.part_of ? work_kind::old : work_kind::fresh),
      origin_(asked_.target.origin()) {
  timer_.owner = reading_.owner = writing_.owner = this;
  timer_.fire = &time_has_come;
  reading_.ended = [](io_node& n, wake how_ended, failure why, std::size_t bytes) {
    const auto pinned = std::move(static_cast<node&>(n).pin);
    pinned->came(how_ended, std::move(why), bytes);
  };
  writing_.ended = [](io_node& n, wake how_ended, failure why, std::size_t) {
    const auto pinned = std::move(static_cast<node&>(n).pin);
    pinned->went(how_ended, std::move(why));
  };
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
      return fail_locked({errc::queue_full, "as many requests wait for a connection as client_options::most_waiting, " + std::to_string(core_->options().most_waiting)}, then);
  }
}

void http_exchange::given(std::shared_ptr<transport> kept) {
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
  const duration patience = core_->options().timeouts.connect;
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
  const client_timeouts& patience = core_->options().timeouts;
  stall_ = stall_watch(patience.first_byte, patience.between_bytes);
  parser_.emplace(static_cast<body_sink&>(*this), core_->options().max_head_bytes, asked_.method == "HEAD" ? body_follows::never : body_follows::as_its_head_says);
  unparsed_ = end_ = 0;
  broken_ = false;
  writing_.pin = shared_from_this();
  stream_->write(out_, writing_);
  wait_locked();
  read_locked();
}

void http_exchange::read_locked() {
  if (unparsed_ != end_) std::memmove(buffer_.data(), buffer_.data() + unparsed_, end_ - unparsed_);
  end_ -= std::exchange(unparsed_, 0);
  if (end_ == buffer_.size()) buffer_.resize(buffer_.empty() ? first_buffer_size : 2 * buffer_.size());
  reading_.pin = shared_from_this();
  stream_->read_some(std::span(buffer_).subspan(end_), reading_);
}

void http_exchange::came(wake how, failure why, std::size_t bytes) {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  if (how == wake::abandoned || phase_ != phase::talking) return;
  if (replacing_) return replace_locked(then);
  if (why.is_set()) return ended_locked(why, then);
  got_byte_ = true;
  end_ += bytes;
  if (asked_.progress == progress::bytes) {
    stall_.progressed();
    wait_locked();
  }
  parse_locked(then);
}

/// A request that does not go out whole is no failure yet: the server may have said why it takes no more.
void http_exchange::went(wake how, failure why) {
  consequences then(*this);
  const std::lock_guard lock(mutex_);
  if (how == wake::abandoned || phase_ != phase::talking) return;
  broken_ = broken_ || why.is_set();
  if (replacing_) replace_locked(then);
}

/// The stream from the server has ended, well or not.
void http_exchange::ended_locked(const failure& why, consequences& then) {
  if (may_replace_locked()) return replace_locked(then);
  if (unexpected_) return fail_locked(unexpected_locked(), then);
  if (why.code() != boost::asio::error::eof) return fail_locked({errc::unavailable, "the connection to " + host() + " was lost: " + why.message()}, then);
  if (!got_byte_) return fail_locked({errc::unavailable, host() + " closed the connection before it answered"}, then);
  if (const std::string missing = parser_->end(); !missing.empty()) return fail_locked({errc::bad_response, "the answer of " + host() + " came in part: " + missing}, then);
  done_locked(then);
}

void http_exchange::replace_locked(consequences& then) {
  if (!std::exchange(replacing_, true)) then.closed = std::move(stream_);
  if (reading_.pin || writing_.pin) return;
  replacing_ = false;
  replaced_ = true;
  connect_locked();
}

void http_exchange::parse_locked(consequences& then) {
  for (;;) {
    const auto taken = parser_->feed({buffer_.data() + unparsed_, end_ - unparsed_});
    unparsed_ += taken.bytes;
    if (!taken.why.empty()) {
      const std::string beginning = parser_->has_head() ? "" : "; it begins with '" + shown({buffer_.data(), end_}, asked_.headers, 80) + "'";
      return fail_locked({errc::bad_response, "the answer of " + host() + " is not to be understood: " + taken.why + beginning}, then);
    }
    // 100, 103: more about the request, and the response itself comes later.
    const bool preliminary = parser_->is_done() && parser_->head().status / 100 == 1 && parser_->head().status != 101;
    if (!preliminary) break;
    parser_.emplace(static_cast<body_sink&>(*this), core_->options().max_head_bytes, asked_.method == "HEAD" ? body_follows::never : body_follows::as_its_head_says);
  }
  if (parser_->has_head()) judge_locked();
  go_on_locked(then);
}

void http_exchange::judge_locked() {
  if (std::exchange(judged_, true)) return;
  const response_head& head = parser_->head();
  unexpected_ = asked_.success == success::status_2xx && (head.status / 100 != 2 || is_unexpected(asked_, head));
}

void http_exchange::body_came(std::string_view bytes) {
  judge_locked();
  if (unexpected_) {
    body_.append(bytes.substr(0, body_looked_at - std::min(body_looked_at, body_.size())));
  } else if (taken_ == body_taken::whole) {
    too_large_ = too_large_ || bytes.size() > core_->options().max_body_bytes - body_.size();
    if (!too_large_) body_.append(bytes);
  } else {
    // What is parsed makes room for the piece, which is no longer than that.
    std::memmove(buffer_.data() + piece_size_, bytes.data(), bytes.size());
    piece_size_ += bytes.size();
  }
}

void http_exchange::go_on_locked(consequences& then) {
  if (too_large_)
    return fail_locked({errc::bad_response, "the body of the answer of " + host() + " is longer than client_options::max_body_bytes, " +
                                                std::to_string(core_->options().max_body_bytes)},
                       then);
  if (parser_->is_done()) return done_locked(then);
  if (unexpected_ && body_.size() >= body_looked_at) return fail_locked(unexpected_locked(), then);
  const bool head_is_enough = taken_ == body_taken::in_pieces && judged_ && !unexpected_;
  if (head_is_enough && (!answered_ || piece_size_ != 0)) return tell_locked(then);
  read_locked();
}

/// All of the response is here. Its connection is kept where nothing speaks against that.
void http_exchange::done_locked(consequences& then) {
  const bool clean = parser_->is_done() && parser_->keeps_alive() && unparsed_ == end_ && !writing_.pin && !broken_ && !reading_.pin;
  if (unexpected_) why_ = unexpected_locked();
  if (!clean) then.closed = std::move(stream_);
  end_locked(clean ? std::move(stream_) : nullptr, then);
}

failure http_exchange::unexpected_locked() {
  const response_head& head = parser_->head();
  if (head.status / 100 != 2) return status_failure(asked_, head, body_, std::chrono::system_clock::now());
  return content_failure(asked_, head, body_);
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
  answered_ = true;
  then.told = std::exchange(waiter_, nullptr);
}

result<response> http_exchange::take_response() {
  const std::lock_guard lock(mutex_);
  if (why_.is_set()) return why_;
  response all;
  static_cast<response_head&>(all) = std::move(parser_->head());
  all.body = std::move(body_);
  return all;
}

bool http_exchange::wait_for_piece(detail::exchange_waiter& w) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(piece_taken_, false)) piece_size_ = 0;
  if (piece_size_ != 0 || phase_ == phase::over) return false;
  waiter_ = &w;
  wait_locked();
  read_locked();
  return true;
}

result<std::optional<std::string_view>> http_exchange::take_piece() {
  const std::lock_guard lock(mutex_);
  piece_taken_ = piece_size_ != 0;
  if (piece_taken_) return std::optional(std::string_view(buffer_.data(), piece_size_));
  if (why_.is_set()) return why_;
  return std::optional<std::string_view>();
}

void http_exchange::progressed() noexcept {
  const std::lock_guard lock(mutex_);
  stall_.progressed();
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
  if (phase_ == phase::connecting) return {errc::timed_out, "no connection to " + host() + " within " + catena::detail::in_words(core_->options().timeouts.connect)};
  return {errc::timed_out, std::string(got_byte_ ? "nothing more" : "nothing") + " of the answer of " + host() + " came for " + catena::detail::in_words(stall_.patience())};
}

}  // namespace catena::http
