// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the handles of one model share, and an answer that is being read.
#include "answer_text.hpp"
#include "request_body.hpp"

#include <catena/http/client.hpp>
#include <catena/http/sse_parser.hpp>
#include <catena/llm/chat_model.hpp>
#include <catena/llm/chat_options.hpp>
#include <catena/llm/chat_settings.hpp>
#include <catena/runtime.hpp>
#include <catena/schedule/concurrency_limit.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace catena::llm {

/// \errors std::invalid_argument: what a call takes would have no bound, or no price
void check_budget(const chat_options& options, const chat_settings& how);

}  // namespace catena::llm

namespace catena::llm::detail {

/// What calls have come to.
/// \threads  safe
class call_counts {
 public:
  void answered(const answer& a) noexcept {
    const std::lock_guard lock(mutex_);
    ++stats_.answered;
    if (a.usage) stats_.used += *a.usage;
    stats_.cost += a.cost;
  }
  void failed() noexcept {
    const std::lock_guard lock(mutex_);
    ++stats_.failed;
  }
  [[nodiscard]] chat_stats so_far() const noexcept {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  chat_stats stats_;
};

/// A call that has been let in, until it has ended: its place at the limit, and what it may cost.
class call_in_flight {
 public:
  call_in_flight(concurrency_slot slot, std::shared_ptr<call_counts> counts) noexcept
      : slot_(std::move(slot)), began_(slot_.entered()), counts_(std::move(counts)) {}
  call_in_flight(call_in_flight&&) noexcept = default;
  call_in_flight& operator=(call_in_flight&&) = delete;
  /// What never reached the server costs nothing; of everything else it is taken to have been billed in full.
  ~call_in_flight() {
    if (sent_ && !sent_->load(std::memory_order_relaxed)) cost_.release();
    if (counts_) counts_->failed();
  }

  /// Under a budget: what it may cost, and what shows whether the server can know of it.
  void reserve(budget_reservation most, std::shared_ptr<std::atomic<bool>> sent) noexcept {
    cost_ = std::move(most);
    sent_ = std::move(sent);
  }
  void ended(const answer& a) {
    slot_.leave(request_outcome::answered);
    if (const auto counts = std::exchange(counts_, nullptr)) counts->answered(a);
    if (a.usage) cost_.settle({a.usage->total(), a.cost});
  }
  void failed(const failure& why) { slot_.leave(outcome_of(why)); }
  [[nodiscard]] time_point began() const noexcept { return began_; }

 private:
  concurrency_slot slot_;
  time_point began_;
  budget_reservation cost_;
  std::shared_ptr<std::atomic<bool>> sent_;
  std::shared_ptr<call_counts> counts_;  ///< until it has been counted
};

/// \threads  safe
class chat_core : public std::enable_shared_from_this<chat_core> {
 public:
  chat_core(const runtime& rt, chat_options options);

  [[nodiscard]] const chat_options& options() const noexcept { return options_; }
  [[nodiscard]] const runtime& rt() const noexcept { return rt_; }
  [[nodiscard]] const http::client& client() const noexcept { return client_; }
  [[nodiscard]] const concurrency_limit& limit() const noexcept { return limit_; }
  /// Its call, for which a place has been given.
  [[nodiscard]] call_in_flight let_in(concurrency_slot slot) const noexcept { return {std::move(slot), counts_}; }
  [[nodiscard]] chat_stats stats() const {
    chat_stats all = counts_->so_far();
    all.in_flight = limit_.in_flight_approx();
    all.limit = limit_.limit();
    return all;
  }

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

/// Reads one answer while it is written.
class open_answer {
 public:
  open_answer(std::shared_ptr<chat_core> core, call_in_flight in_flight, http::response_stream from)
      : core_(std::move(core)), in_flight_(std::move(in_flight)), from_(std::move(from)), parser_({.max_event_bytes = core_->options().max_answer_bytes}) {}

  [[nodiscard]] static boost::asio::awaitable<std::optional<answer_piece>> next(open_answer& self);

 private:
  /// The next piece out of the bytes that have come; nothing: they are used up.
  [[nodiscard]] result<std::optional<answer_piece>> parse();
  [[nodiscard]] result<std::optional<answer_piece>> take_event();
  [[nodiscard]] result<answer_piece> end();

  std::shared_ptr<chat_core> core_;
  call_in_flight in_flight_;
  http::response_stream from_;
  http::sse_parser parser_;
  chunk_reader reader_;
  std::string_view unread_;
  std::size_t answer_bytes_ = 0;
  time_point first_token_{};
  bool is_over_ = false;
};

}  // namespace catena::llm::detail
