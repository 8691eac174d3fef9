// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One request and its response, apart from the handlers that wait for it. Included by client.hpp.
#include <catena/http/message.hpp>
#include <catena/runtime/state.hpp>
#include <catena/runtime/wake.hpp>

#include <memory>
#include <optional>
#include <string_view>

namespace catena::http::detail {

/// Somebody who waits for the next part of an exchange.
struct exchange_waiter {
  /// Called once, under no lock: it posts. `wake::abandoned`: the executor is gone.
  void (*told)(exchange_waiter&, wake how) = nullptr;
};

/// \threads  safe; one waits at a time
class exchange {
 public:
  virtual ~exchange() = default;
  [[nodiscard]] virtual const std::shared_ptr<runtime_state>& runtime() const noexcept = 0;
  /// Begins. The waiter is told when the response has come: its head, or all of it.
  virtual void start(exchange_waiter& w) = 0;
  /// The response, if it has come well.
  [[nodiscard]] virtual result<response> take_response() = 0;
  /// False: it need not wait.
  [[nodiscard]] virtual bool wait_for_piece(exchange_waiter& w) = 0;
  /// The next piece of the body, which holds until the next wait; nothing: that was all.
  [[nodiscard]] virtual result<std::optional<std::string_view>> take_piece() = 0;
  virtual void progressed() noexcept = 0;
  /// From now on nobody waits longer than that without progress.
  virtual void give_up_after(duration patience) noexcept = 0;
  /// Gives up: the connection is closed, and whoever waits is told.
  virtual void stop(failure why) noexcept = 0;
};

}  // namespace catena::http::detail
