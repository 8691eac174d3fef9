// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the handles of one model share.
#include "call_in_flight.hpp"
#include "request_body.hpp"

#include <catena/http/client.hpp>
#include <catena/llm/chat_model.hpp>
#include <catena/llm/chat_options.hpp>
#include <catena/llm/chat_settings.hpp>
#include <catena/runtime.hpp>
#include <catena/schedule/concurrency_limit.hpp>

#include <memory>
#include <utility>

namespace catena::llm::detail {

/// \threads  safe
class chat_core : public metric_source {
 public:
  chat_core(const runtime& rt, chat_options options);

  [[nodiscard]] const chat_options& options() const noexcept { return options_; }
  [[nodiscard]] const runtime& rt() const noexcept { return rt_; }
  [[nodiscard]] const http::client& client() const noexcept { return client_; }
  /// What is sent with each request, with the key.
  [[nodiscard]] const http::fields& headers() const noexcept { return headers_; }
  [[nodiscard]] const concurrency_limit& limit() const noexcept { return limit_; }
  /// Its call, for which a place has been given.
  [[nodiscard]] call_in_flight let_in(concurrency_slot slot) const noexcept { return {std::move(slot), counts_}; }
  [[nodiscard]] chat_stats stats() const {
    chat_stats all = counts_->so_far();
    all.in_flight = limit_.in_flight_approx();
    all.limit = limit_.limit();
    return all;
  }
  void collect(metric_set& to) const override;

  [[nodiscard]] result<http::request> request_for(const chat_settings& how, const messages& asked, const run_options& within, delivery as) const;
  /// \errors errc::budget_exceeded
  [[nodiscard]] result<void> reserve(call_in_flight& in_flight, http::request& what, const chat_settings& how, const run_options& within) const;
  /// Fills in what is known only at the end.
  void complete(answer& a, time_point began, time_point first_token) const;
  [[nodiscard]] failure named(const failure& why) const;

 private:
  const runtime rt_;
  const chat_options options_;
  const http::url base_;
  http::fields headers_;  ///< with the key
  const http::client client_;
  const concurrency_limit limit_;
  const std::shared_ptr<call_counts> counts_ = std::make_shared<call_counts>();
};

}  // namespace catena::llm::detail
