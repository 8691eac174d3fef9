// SPDX-License-Identifier: BSL-1.0
#include "http/support/scripted_server.hpp"

#include "src/http/tcp_transport.hpp"
#include "src/http/tls.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <utility>

namespace catena::test {

using boost::asio::ip::tcp;

std::string answer(const std::string& status, const std::string& body, const std::string& fields) {
  return "HTTP/1.1 " + status + "\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string in_chunks(const std::string& body, std::size_t size, const std::string& fields) {
  std::string text = "HTTP/1.1 200 OK\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += size) {
    const std::string chunk = body.substr(at, size);
    char length[20];
    std::snprintf(length, sizeof length, "%zx;name=value\r\n", chunk.size());
    text += length + chunk + "\r\n";
  }
  return text + "0\r\nTrailer: ignored\r\n\r\n";
}

/// Follows its script. Its own operations keep it, and so does a stall, until the server goes.
class scripted_server::connection : public std::enable_shared_from_this<connection> {
 public:
  connection(std::shared_ptr<state> s, http::memory_arrival a, script what) : state_(std::move(s)), arrival_(std::move(a)), script_(std::move(what)) {}

  void begin() {
    node_.ended = [](http::io_node& n, wake how, failure why, std::size_t bytes) {
      const auto self = std::exchange(static_cast<step_node&>(n).pin, nullptr);
      if (how == wake::resumed) self->stepped(why, bytes);
    };
    if (!state_->tls) return perform();
    auto secured = http::make_tls(state_->rt.state(), state_->tls, arrival_.stream, "client", 0);
    stream_ = secured;
    handshaking_ = true;
    secured->handshake(pinned());
  }
  void close() noexcept {
    stalled_.reset();
    if (stream_) stream_->close();
    arrival_.stream->close();
  }

 private:
  struct step_node : http::io_node {
    std::shared_ptr<connection> pin;
  };

  http::io_node& pinned() {
    node_.pin = shared_from_this();
    return node_;
  }
  http::transport& stream() { return stream_ ? *stream_ : *arrival_.stream; }

  void stepped(const failure& why, std::size_t bytes) {
    if (why.is_set()) return close();
    if (std::exchange(handshaking_, false)) {
      state_->resumed += stream_->resumed_session();
      return perform();
    }
    const auto& now = script_[at_];
    if (std::holds_alternative<await_request>(now) || std::holds_alternative<answer_each>(now)) {
      read_.append(into_.data(), bytes);
    } else if (const auto* slow = std::get_if<send_slowly>(&now); slow && ++sent_ < slow->text.size()) {
      return wait(slow->between);
    } else if (const auto* often = std::get_if<send_often>(&now); often && ++sent_ < often->count) {
      // Once more.
    } else {
      sent_ = 0;
      ++at_;
    }
    perform();
  }
  void perform() {
    if (at_ == script_.size()) return close();
    std::visit([&](const auto& s) { do_this(s); }, script_[at_]);
  }
  void do_this(const await_request&) {
    if (!take_request()) return stream().read_some(into_, pinned());
    ++at_;
    perform();
  }
  void do_this(const answer_each& s) {
    if (!take_request()) return stream().read_some(into_, pinned());
    answer_each::reply r = s.decide(state_->requests.back());
    script_.insert(script_.begin() + static_cast<std::ptrdiff_t>(at_), {pause{r.after}, send{std::move(r.text)}});
    if (r.resets) script_.insert(script_.begin() + static_cast<std::ptrdiff_t>(at_) + 2, reset{});
    perform();
  }
  bool take_request() {
    const std::size_t end = read_.find("\r\n\r\n");
    if (end == read_.npos) return false;
    const std::size_t length = read_.find("Content-Length: ");
    const std::size_t whole = end + 4 + (length < end ? std::stoul(read_.substr(length + 16)) : 0);
    if (read_.size() < whole) return false;
    state_->requests.push_back(read_.substr(0, whole));
    read_.erase(0, whole);
    return true;
  }
  void do_this(const send& s) { stream().write(s.text, pinned()); }
  void do_this(const send_often& s) { stream().write(s.text, pinned()); }
  void do_this(const send_slowly& s) { stream().write(std::string_view(s.text).substr(sent_, 1), pinned()); }
  void do_this(const pause& s) {
    ++at_;
    wait(s.wait);
  }
  void do_this(const hang_up&) { stream().shutdown(pinned()); }
  void do_this(const cut_off&) { close(); }
  void do_this(const reset&) { arrival_.reset(); }
  void do_this(const stall&) { stalled_ = shared_from_this(); }

  void wait(duration d) {
    state_->rt.async_wait_until(state_->rt.now() + d, [self = shared_from_this()](boost::system::error_code) { self->perform(); });
  }

  const std::shared_ptr<state> state_;
  http::memory_arrival arrival_;
  std::shared_ptr<http::tls_transport> stream_;
  script script_;
  std::size_t at_ = 0;
  std::size_t sent_ = 0;
  bool handshaking_ = false;
  std::string read_;
  std::array<char, 4096> into_;
  step_node node_;
  std::shared_ptr<connection> stalled_;
};

scripted_server::scripted_server(const runtime& rt, std::shared_ptr<http::tls_context> tls) : state_(std::make_shared<state>(rt, std::move(tls))) {}

scripted_server::~scripted_server() {
  state_->gone = true;
  if (acceptor_) acceptor_->close();
  for (const auto& weak : state_->open)
    if (const auto c = weak.lock()) c->close();
}

void scripted_server::serve(const std::shared_ptr<state>& s, http::memory_arrival a) {
  if (s->gone) return;
  ++s->connections;
  const script what = s->scripts.front();
  if (s->scripts.size() > 1) s->scripts.pop_front();
  const auto made = std::make_shared<connection>(s, std::move(a), what);
  s->open.push_back(made);
  made->begin();
}

http::memory_network::accept scripted_server::acceptor() {
  return [s = state_](http::memory_arrival a) { serve(s, std::move(a)); };
}

std::uint16_t scripted_server::listen() {
  acceptor_ = std::make_shared<tcp::acceptor>(state_->rt.get_executor(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  accept_next();
  return acceptor_->local_endpoint().port();
}

void scripted_server::accept_next() {
  acceptor_->async_accept([this, s = state_](boost::system::error_code code, tcp::socket socket) {
    if (code || s->gone) return;
    const int handle = socket.native_handle();
    auto stream = std::make_shared<http::tcp_transport>(s->rt.state(), std::move(socket));
    serve(s, {stream, [stream, handle] {
                const ::linger at_once{1, 0};
                ::setsockopt(handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
                stream->close();
              }});
    accept_next();
  });
}

}  // namespace catena::test
