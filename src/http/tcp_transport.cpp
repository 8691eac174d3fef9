// SPDX-License-Identifier: BSL-1.0
#include "tcp_transport.hpp"

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <mutex>

#include <sys/socket.h>

namespace catena::http {
namespace asio = boost::asio;

/// What is known of a stream that is not open yet.
struct tcp_transport::connecting {
  io_node* connected;
  std::string host;
  std::uint16_t port;
  duration next_address_after;
  std::shared_ptr<lookup_line> lookups;
  std::shared_ptr<lookup> looking;  ///< null once it has ended
  addresses found;
  std::size_t tries = 0;
  boost::system::error_code last;
  time_point next_at{};  ///< when the next address is tried
};

/// An attempt to connect to one address, until Asio has ended it; destroyed uncalled, the executor is gone.
class tcp_transport::attempt {
 public:
  attempt(std::shared_ptr<tcp_transport> of, std::size_t number) noexcept : of_(std::move(of)), number_(number) {}
  attempt(attempt&&) noexcept = default;
  attempt& operator=(attempt&&) = delete;
  ~attempt() {
    if (!of_) return;
    std::unique_lock lock(of_->mutex_);
    if (of_->connecting_ && of_->connecting_->tries == number_) of_->end_connecting(std::move(lock), wake::abandoned, {});
  }
  void operator()(boost::system::error_code code) {
    const auto of = std::move(of_);
    of->tried(code, number_);
  }

 private:
  std::shared_ptr<tcp_transport> of_;
  std::size_t number_;
};

tcp_transport::tcp_transport(std::shared_ptr<runtime_state> runtime) : runtime_(std::move(runtime)) {
  next_address_.owner = this;
  next_address_.fire = &next_address;
}

tcp_transport::tcp_transport(std::shared_ptr<runtime_state> runtime, tcp::socket connected) : tcp_transport(std::move(runtime)) {
  socket_.emplace(std::move(connected));
  boost::system::error_code ignored;
  socket_->set_option(tcp::no_delay(true), ignored);
}

tcp_transport::~tcp_transport() = default;

void tcp_transport::connect(const std::string& host, std::uint16_t port, duration next_address_after, std::shared_ptr<lookup_line> lookups,
                            io_node& connected) {
  connecting_ = std::make_unique<connecting>(connecting{&connected, host, port, next_address_after, std::move(lookups), nullptr, {}, 0, {}});
  // An address needs no lookup, and "localhost" gets none: it is this machine whatever a server of names says (RFC 6761, 6.3).
  boost::system::error_code no_address;
  const auto address = asio::ip::make_address(host, no_address);
  if (!no_address) connecting_->found = {address};
  else if (host == "localhost") connecting_->found = {asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
  if (!connecting_->found.empty()) {
    const std::lock_guard lock(mutex_);
    return try_next_locked();
  }
  auto looking = connecting_->looking = std::make_shared<lookup>();
  looking->host = host;
  looking->ended = [self = shared_from_this()](wake how) { self->looked_up(how); };
  runtime_->ready->hold_work();
  connecting_->lookups->begin(std::move(looking));
}

void tcp_transport::looked_up(wake how) {
  runtime_->ready->drop_work();
  std::unique_lock lock(mutex_);
  const auto looked = std::move(connecting_->looking);
  if (how == wake::abandoned || closed_) return end_connecting(std::move(lock), how, failure(errc::cancelled));
  if (!looked->found) return end_connecting(std::move(lock), how, looked->found.error());
  connecting_->found = *std::move(looked->found);
  try_next_locked();
}

void tcp_transport::try_next_locked() {
  connecting& c = *connecting_;
  const tcp::endpoint to(c.found[c.tries], c.port);
  const std::size_t number = ++c.tries;
  boost::system::error_code fault;
  socket_.emplace(runtime_->ready->executor());
  socket_->open(to.protocol(), fault);
  if (!fault) socket_->set_option(tcp::no_delay(true), fault);
  attempt one(shared_from_this(), number);
  // An address that cannot even be tried, as of a kind that this machine does not know, fails like one that has been.
  if (fault) return asio::post(runtime_->ready->executor(), [t = std::move(one), fault]() mutable { t(fault); });
  socket_->async_connect(to, std::move(one));
  if (number == c.found.size()) return;
  c.next_at = catena::detail::later(runtime_->time->now(), c.next_address_after);
  next_address_.set_locked(*runtime_->timers, c.next_at);
}

void tcp_transport::tried(boost::system::error_code code, std::size_t number) {
  std::unique_lock lock(mutex_);
  if (!connecting_ || number != connecting_->tries) return;  // the next one is being tried
  next_address_.set_locked(*runtime_->timers, no_deadline);
  if (closed_) return end_connecting(std::move(lock), wake::resumed, failure(errc::cancelled));
  if (!code) return end_connecting(std::move(lock), wake::resumed, {});
  connecting_->last = code;
  if (connecting_->tries < connecting_->found.size()) return try_next_locked();
  const std::string of_how_many = connecting_->tries == 1 ? "" : ", the last of its " + std::to_string(connecting_->tries) + " addresses";
  failure why(errc::unavailable, "cannot connect to " + connecting_->host + ", port " + std::to_string(connecting_->port) + of_how_many + ": " +
                                     code.message());
  end_connecting(std::move(lock), wake::resumed, std::move(why));
}

void tcp_transport::next_address(timer_node& node, wake how) {
  auto& timer = static_cast<catena::detail::pinned_timer<tcp_transport>&>(node);
  tcp_transport& self = *timer.owner;
  std::shared_ptr<tcp_transport> pinned;  // before the lock: it may be the last
  const std::lock_guard lock(self.mutex_);
  pinned = std::move(timer.pin);
  if (how == wake::abandoned || !self.connecting_ || self.closed_ || self.connecting_->tries == self.connecting_->found.size()) return;
  // It may have been meant for an address that has failed just now: the one that is being tried has its own time.
  if (self.runtime_->time->now() < self.connecting_->next_at) return timer.set_locked(*self.runtime_->timers, self.connecting_->next_at);
  self.try_next_locked();
}

void tcp_transport::end_connecting(std::unique_lock<brief_mutex> lock, wake how, failure why) {
  const auto ended = std::move(connecting_);
  if (why.is_set()) socket_.reset();
  lock.unlock();
  ended->connected->ended(*ended->connected, how, std::move(why), 0);
}

void tcp_transport::read_some(std::span<char> into, io_node& done) {
  const std::lock_guard lock(mutex_);
  socket_->async_read_some(asio::buffer(into.data(), into.size()),
                          asio::bind_allocator(slot_allocator<std::byte>(reading_),
                                               [this, end = io_end(done, shared_from_this())](boost::system::error_code code, std::size_t bytes) mutable {
                                                 end(failure_of(code, "reading failed"), bytes);
                                               }));
}

void tcp_transport::write(std::string_view bytes, io_node& done) {
  const std::lock_guard lock(mutex_);
  rest_ = bytes;
  written_ = bytes.size();
  write_rest_locked(io_end(done, shared_from_this()));
}

/// Not asio::async_write: it would touch the socket under no lock between two parts.
void tcp_transport::write_rest_locked(io_end done) {
  socket_->async_write_some(asio::buffer(rest_.data(), rest_.size()),
                           asio::bind_allocator(slot_allocator<std::byte>(writing_),
                                                [this, end = std::move(done)](boost::system::error_code code, std::size_t bytes) mutable {
                                                  std::unique_lock lock(mutex_);
                                                  rest_.remove_prefix(bytes);
                                                  if (!code && !rest_.empty()) return write_rest_locked(std::move(end));
                                                  const std::size_t all = written_ - rest_.size();
                                                  lock.unlock();
                                                  end(failure_of(code, "writing failed"), all);
                                                }));
}

void tcp_transport::shutdown(io_node& done) {
  boost::system::error_code code;
  {
    const std::lock_guard lock(mutex_);
    socket_->shutdown(tcp::socket::shutdown_send, code);
  }
  asio::post(runtime_->ready->executor(), [end = io_end(done, shared_from_this()), why = failure_of(code, "the end could not be told")]() mutable {
    end(std::move(why));
  });
}

void tcp_transport::close() noexcept {
  std::unique_lock lock(mutex_);
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  if (socket_) socket_->close(ignored);
  if (!connecting_) return;
  next_address_.set_locked(*runtime_->timers, no_deadline);
  if (!connecting_->looking) return;  // the attempt under way ends by itself, as its socket is closed
  if (!connecting_->lookups->abandon(*connecting_->looking)) return;
  connecting_->looking->ended = nullptr;
  connecting_->looking.reset();
  runtime_->ready->drop_work();
  asio::post(runtime_->ready->executor(), [end = io_end(*connecting_->connected, shared_from_this())]() mutable { end(failure(errc::cancelled)); });
  connecting_.reset();
}

bool tcp_transport::is_quiet() noexcept {
  const std::lock_guard lock(mutex_);
  if (!socket_ || !socket_->is_open()) return false;
  char byte;
  return ::recv(socket_->native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

failure tcp_transport::failure_of(boost::system::error_code code, const char* what) const {
  if (!code) return {};
  if (code == asio::error::eof) return code;
  if (code == asio::error::operation_aborted) return errc::cancelled;
  return {errc::unavailable, std::string(what) + ": " + code.message()};
}

}  // namespace catena::http
