// SPDX-License-Identifier: BSL-1.0
#include <catena/http/webhook.hpp>

#include <catena/http/client.hpp>
#include <catena/incident/json_lines.hpp>
#include <catena/observe/metric_set.hpp>
#include <catena/recover/retry.hpp>

#include <algorithm>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace catena::http {
namespace {

[[noreturn]] void wrong_hook(const std::string& what) { throw std::invalid_argument("webhook_options::" + what); }

url target_of(const webhook_options& o) {
  check(o);
  auto target = url::parse(o.url);
  if (!target) wrong_hook("url: " + target.error().message());
  return *std::move(target);
}

}  // namespace

/// Posts one after the other. Whoever puts the first one in begins, and each goes on to the next.
class webhook::core : public metric_source, public std::enable_shared_from_this<core> {
 public:
  core(const runtime& rt, webhook_options options)
      : rt_(rt), target_(target_of(options)), options_(std::move(options)), client_(rt, options_.client) {}

  void put(const incident& what) {
    std::string body = options_.body ? options_.body(what) : to_json(what);
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= options_.capacity) throw std::runtime_error("as many incidents wait for the webhook as webhook_options::capacity");
      waiting_.push_back(std::move(body));
      if (std::exchange(posting_, true)) return;
    }
    post(1);
  }
  [[nodiscard]] webhook_stats stats() const noexcept {
    const std::lock_guard lock(mutex_);
    return {delivered_, lost_, waiting_.size()};
  }
  void collect(metric_set& to) const override {
    using kind = metric_family::kind;
    static constexpr metric_family posted{"catena_webhook_incidents", kind::counter, "Incidents posted to webhooks, by outcome: delivered, lost (given up)."};
    static constexpr metric_family left{"catena_webhook_waiting", kind::gauge, "Incidents that wait or are being posted."};
    const auto [delivered, lost, waiting] = stats();
    to.add(posted, {{"outcome", "delivered"}}, static_cast<double>(delivered));
    to.add(posted, {{"outcome", "lost"}}, static_cast<double>(lost));
    to.add(left, {}, static_cast<double>(waiting));
  }

 private:
  /// The first one that waits, for the so manyth time.
  void post(int attempt) {
    request what("POST", target_);
    what.headers = options_.headers;
    what.headers.set("Content-Type", options_.content_type);
    {
      const std::lock_guard lock(mutex_);
      what.body = waiting_.front();
    }
    // A part of what has been begun: also while the runtime drains, whose incidents are the last ones.
    static const graph::call_context begun;
    client_.async_send(std::move(what), run_options{.part_of = &begun}, [self = shared_from_this(), attempt](const result<response>& r) { self->ended(attempt, r ? failure() : r.error()); });
  }

  void ended(int attempt, const failure& why) {
    const bool may_succeed = why.code() == condition::retry_later || why.is(errc::unavailable);
    if (why.is_set() && attempt < options_.attempts && may_succeed && !why.is(errc::shutting_down)) {
      constexpr duration longest_said = std::chrono::minutes(10);
      const retry_options own{.first_wait = options_.first_wait, .longest_wait = std::chrono::minutes(1), .jitter = jitter::none};
      const duration wait = std::min(backoff(own, why, static_cast<std::size_t>(attempt), 0), longest_said);
      rt_.async_wait_until(catena::detail::later(rt_.now(), wait), [self = shared_from_this(), attempt](boost::system::error_code) { self->post(attempt + 1); });
      return;
    }
    if (why.is_set()) rt_.state()->log(log_level::error, "webhook", "an incident is lost: " + why.message());
    {
      const std::lock_guard lock(mutex_);
      waiting_.pop_front();
      ++(why.is_set() ? lost_ : delivered_);
      if (waiting_.empty()) {
        posting_ = false;
        return;
      }
    }
    post(1);
  }

  const runtime rt_;
  const url target_;
  const webhook_options options_;
  const http::client client_;
  mutable std::mutex mutex_;
  std::deque<std::string> waiting_;  ///< the first one is being posted
  bool posting_ = false;
  std::uint64_t delivered_ = 0;
  std::uint64_t lost_ = 0;
};

void check(const webhook_options& o) {
  if (o.attempts < 1 || o.attempts > 100) wrong_hook("attempts must be 1 to 100, is " + std::to_string(o.attempts));
  if (o.first_wait <= duration{}) wrong_hook("first_wait must be more than zero");
  if (o.capacity < 1 || o.capacity > 1'000'000) wrong_hook("capacity must be 1 to 1000000, is " + std::to_string(o.capacity));
  if (const auto valid = o.headers.valid(); !valid) wrong_hook("headers: " + valid.error().message());
  check(o.client);
}

webhook::webhook(const runtime& rt, webhook_options options) : core_(rt.state()->known_source(std::make_shared<core>(rt, std::move(options)))) {}

void webhook::operator()(const incident& what) const { core_->put(what); }
webhook_stats webhook::stats() const noexcept { return core_->stats(); }

}  // namespace catena::http
