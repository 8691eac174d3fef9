// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The addresses of a name.
#include <catena/http/transport.hpp>

#include <boost/asio/ip/address.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace catena::http {

using addresses = std::vector<boost::asio::ip::address>;
using result_of_lookup = result<addresses>;

/// Asks the machine, and blocks until it knows.
/// \errors errc::unavailable
[[nodiscard]] result_of_lookup look_up_now(const std::string& host);

/// One lookup, held by whoever waits for it and by the thread that does it.
struct lookup : ready_node {
  std::string host;
  result_of_lookup found = failure(errc::cancelled);
  /// Called once, on the executor, unless it was abandoned before; `wake::abandoned`: the executor is gone.
  std::function<void(wake)> ended;
  std::shared_ptr<lookup> pin;  ///< while it stands in the runtime's ready queue
  bool wanted = true;           ///< the line's lock is held
};

/// Does lookups on threads of their own, which end with them. One that is abandoned keeps its thread until it ends by itself: it cannot be
/// stopped.
/// \threads  safe
/// \lifetime held by its threads, which touch nothing else of the process's
class lookup_line : public std::enable_shared_from_this<lookup_line> {
 public:
  using function = std::function<result_of_lookup(const std::string&)>;
  lookup_line(std::shared_ptr<runtime_state> runtime, std::size_t most, function look_up = look_up_now)
      : runtime_(std::move(runtime)), most_(most), look_up_(std::move(look_up)) {}

  void begin(std::shared_ptr<lookup> one);
  /// From now on it does not end. False: it has, or is about to.
  bool abandon(lookup& one) noexcept;
  /// How many are under way.
  [[nodiscard]] std::size_t busy_count() const;

 private:
  void work(std::shared_ptr<lookup> one);
  void fail(std::shared_ptr<lookup> one);
  void deliver(std::shared_ptr<lookup> one);

  const std::weak_ptr<runtime_state> runtime_;
  const std::size_t most_;
  const function look_up_;
  mutable std::mutex mutex_;
  std::size_t busy_ = 0;
  std::deque<std::shared_ptr<lookup>> waiting_;
};

}  // namespace catena::http
