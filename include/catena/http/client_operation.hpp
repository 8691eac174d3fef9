// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The asynchronous operations of a client. Included by client.hpp.
#include <catena/http/exchange.hpp>
#include <catena/runtime.hpp>
#include <catena/runtime/posted_end.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace catena::http {
class response_stream;
}

namespace catena::http::detail {

struct whole_response {
  using value = response;
  static bool waits(exchange& e, exchange_waiter& w) {
    e.start(w);
    return true;
  }
  template <class Value = value>
  static result<Value> end(const std::shared_ptr<exchange>& e) {
    return e->take_response();
  }
};

struct opened_response {
  using value = response_stream;
  static bool waits(exchange& e, exchange_waiter& w) { return whole_response::waits(e, w); }
  template <class Value = value>
  static result<Value> end(const std::shared_ptr<exchange>& e) {
    result<response> r = e->take_response();
    if (!r) return r.error();
    return Value(e, std::move(*r));
  }
};

struct next_piece {
  using value = std::optional<std::string_view>;
  static bool waits(exchange& e, exchange_waiter& w) { return e.wait_for_piece(w); }
  template <class Value = value>
  static result<Value> end(const std::shared_ptr<exchange>& e) {
    return e->take_piece();
  }
};

/// Waits for the end of a Step and completes a handler with its outcome. Whoever tells it posts its completion, and it lives until that
/// runs, on the handler's executor, where its slot may be touched.
template <class Step, class Handler>
struct exchange_operation : exchange_waiter {
  using memory = catena::detail::operation_memory<exchange_operation, Handler>;
  Handler handler;
  std::shared_ptr<exchange> of;
  [[no_unique_address]] catena::detail::held_work_for<Handler> work;

  exchange_operation(Handler&& h, std::shared_ptr<exchange> e) : handler(std::move(h)), of(std::move(e)), work(executor()) {
    told = [](exchange_waiter& w, wake how) {
      auto& self = static_cast<exchange_operation&>(w);
      if (how == wake::resumed) self.finish();
      else (void)memory::release(&self);
    };
  }

  [[nodiscard]] auto executor() const { return boost::asio::get_associated_executor(handler, of->runtime()->ready->executor()); }

  void begin() {
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected())
      slot.assign([pinned = of](boost::asio::cancellation_type) { pinned->stop(errc::cancelled); });
    const auto pinned = of;
    if (!Step::waits(*pinned, *this)) finish();
  }

  auto end() { return Step::template end<>(of); }

 private:
  void finish() { boost::asio::post(executor(), catena::detail::posted_end(*this)); }
};

template <class Step, class Token>
auto async_in_exchange(std::shared_ptr<exchange> of, Token&& token) {
  return boost::asio::async_initiate<Token, void(result<typename Step::value>)>(
      [](auto handler, std::shared_ptr<exchange> e) {
        using operation = exchange_operation<Step, decltype(handler)>;
        operation::memory::create(std::move(handler), std::move(e))->begin();
      },
      token, std::move(of));
}

}  // namespace catena::http::detail
