// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The way to a server: a stream, a proxy in between, TLS.
#include "client_core.hpp"
#include "response_parser.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace catena::http {

/// \threads  safe
/// \lifetime held by who waits for it, and by what is under way
class connector final : public std::enable_shared_from_this<connector>, body_sink {
 public:
  /// Called once, on the executor, under no lock.
  using function = std::function<void(wake, failure, std::shared_ptr<transport>)>;

  connector(std::shared_ptr<client_core> core, url target, function ended) : core_(std::move(core)), target_(std::move(target)), ended_(std::move(ended)) {}

  void start();
  /// Gives up; ended() comes soon, and means nothing.
  void close() noexcept;

 private:
  struct step_node : io_node {
    std::shared_ptr<connector> pin;
  };
  using step = void (connector::*)(std::size_t bytes);

  /// Whose operation is being begun: its end leads to `next`.
  [[nodiscard]] io_node& then(step next);
  void opened(std::size_t);
  void asked_proxy(std::size_t);
  void proxy_answered(std::size_t bytes);
  void begin_tls();
  void finished(std::size_t = 0);
  void finish(wake how, failure why);
  void body_came(std::string_view) override {}

  const std::shared_ptr<client_core> core_;
  const url target_;
  function ended_;
  std::mutex mutex_;
  std::shared_ptr<transport> stream_;
  bool closed_ = false;
  step_node node_;
  step next_ = nullptr;
  std::string asking_;
  std::vector<char> answer_;
  std::size_t answered_ = 0;
  std::size_t parsed_ = 0;  ///< of that
  std::optional<response_parser> parser_;
};

}  // namespace catena::http
