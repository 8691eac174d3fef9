// SPDX-License-Identifier: BSL-1.0
#include "connector.hpp"

#include "request_text.hpp"

#include <utility>

namespace catena::http {

/// The lock is held while a step begins an operation, so that close() finds the stream that it has to close.
void connector::start() {
  node_.ended = [](io_node& n, wake how, failure why, std::size_t bytes) {
    const auto pinned = std::move(static_cast<step_node&>(n).pin);
    if (how == wake::abandoned || why.is_set()) return pinned->finish(how, std::move(why));
    ((*pinned).*(pinned->next_))(bytes);
  };
  const auto& proxy = core_->options().proxy;
  const url& first = proxy ? proxy->where() : target_;
  const std::lock_guard lock(mutex_);
  stream_ = core_->net().open(first.host(), first.port(), then(&connector::opened));
}

io_node& connector::then(step next) {
  next_ = next;
  node_.pin = shared_from_this();
  return node_;
}

void connector::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (stream_) stream_->close();
}

void connector::opened(std::size_t) {
  if (!core_->options().proxy) return target_.is_secure() ? begin_tls() : finished();
  asking_ = connect_text(target_, core_->options().proxy->authorization());
  const std::lock_guard lock(mutex_);
  stream_->write(asking_, then(&connector::asked_proxy));
}

void connector::asked_proxy(std::size_t) {
  const std::size_t longest = core_->options().max_head_bytes;
  answer_.resize(longest + 1);  // the parser finds a head too long at its first byte that is too much
  parser_.emplace(static_cast<body_sink&>(*this), longest, body_follows::never);
  const std::lock_guard lock(mutex_);
  stream_->read_some(answer_, then(&connector::proxy_answered));
}

void connector::proxy_answered(std::size_t bytes) {
  answered_ += bytes;
  const auto taken = parser_->feed(std::string_view(answer_.data(), answered_).substr(parsed_));
  parsed_ += taken.bytes;
  const std::string proxy = "the proxy " + core_->options().proxy->where().host();
  if (!taken.why.empty()) return finish(wake::resumed, {errc::unavailable, "the answer of " + proxy + " is not to be understood: " + taken.why});
  if (!parser_->is_done()) {
    const std::lock_guard lock(mutex_);
    return stream_->read_some(std::span(answer_).subspan(answered_), then(&connector::proxy_answered));
  }
  const response_head& head = parser_->head();
  if (head.status / 100 != 2)
    return finish(wake::resumed, {head.status / 100 == 4 ? errc::refused : errc::unavailable,
                                  proxy + " answers " + std::to_string(head.status) + " " + shown(head.reason, core_->options().proxy->secrets(), 60) +
                                      " and does not connect to " + target_.host()});
  if (parsed_ != answered_) return finish(wake::resumed, {errc::unavailable, proxy + " says more than that it has connected"});
  return target_.is_secure() ? begin_tls() : finished();
}

void connector::begin_tls() {
  const std::lock_guard lock(mutex_);
  auto secured = make_tls(core_->runtime(), core_->tls(), std::move(stream_), target_.host(), target_.port());
  stream_ = secured;
  if (closed_) stream_->close();
  secured->handshake(then(&connector::finished));
}

void connector::finished(std::size_t) { finish(wake::resumed, {}); }

void connector::finish(wake how, failure why) {
  std::unique_lock lock(mutex_);
  auto stream = std::move(stream_);
  lock.unlock();
  const auto ended = std::move(ended_);
  ended(how, std::move(why), std::move(stream));
}

}  // namespace catena::http
