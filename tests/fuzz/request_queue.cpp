// SPDX-License-Identifier: BSL-1.0
/// \file
/// The request queue agrees with a few lines over sorted vectors, in every order and with every bound.
#include <catena/schedule/request_queue.hpp>

#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "schedule/plain_queue.hpp"

namespace catena::fuzz::request_queue_target {

template <class Order>
class comparison {
 public:
  comparison(input& in, const request_queue_options& options) : in_(in), options_(options), queue_(options), plain_(options) {
    for (auto& r : all_) absent_.push_back(&r);
  }

  void run() {
    while (!in_.empty()) {
      now_ += std::chrono::microseconds(in_.byte());
      switch (in_.below(8)) {
        case 0: take(); break;
        case 1:
        case 2: remove(); break;
        default: push();
      }
      look();
    }
  }

 private:
  void push() {
    if (absent_.empty()) return;
    std::swap(absent_[in_.below(absent_.size())], absent_.back());
    queued_request& r = *absent_.back();
    r.arrival = now_;
    r.priority = static_cast<priority>(in_.below(4));
    r.deadline = in_.below(2) ? no_deadline : now_ + std::chrono::microseconds(in_.number(2));
    r.tenant = in_.below(5);
    r.cost = static_cast<std::uint32_t>(1 + in_.below(40));
    r.bytes = in_.below(100);
    const auto [accepted, evicted] = plain_.push(r);
    const auto result = queue_.try_push(r);
    require((result.entry == request_queue::entry::accepted) == accepted);
    if (accepted) absent_.pop_back();
    std::size_t left = 0;
    for (queued_request* e = result.evicted; e; e = e->next, ++left) require(std::count(evicted.begin(), evicted.end(), e) == 1);
    require(left == evicted.size());
    absent_.insert(absent_.end(), evicted.begin(), evicted.end());
  }
  void remove() {
    queued_request& r = all_[in_.below(all_.size())];
    const bool waited = plain_.remove(r);
    require(queue_.remove(r) == waited);
    if (waited) absent_.push_back(&r);
  }
  void take() {
    std::array<queued_request*, 20> out{};
    const std::size_t taken = queue_.take(std::span(out).first(1 + in_.below(out.size())));
    for (std::size_t i = 0; i < taken; ++i) {
      require(out[i] == plain_.pop());
      absent_.push_back(out[i]);
    }
  }
  void look() {
    const auto everybody = plain_.everybody();
    time_point oldest = no_deadline, tightest = no_deadline;
    for (const auto* r : everybody) {
      oldest = std::min(oldest, r->arrival);
      tightest = std::min(tightest, r->deadline);
    }
    require(queue_.size() == everybody.size());
    require(queue_.size() <= options_.capacity);
    require(queue_.bytes() == plain_.bytes());
    require(options_.max_bytes == 0 || queue_.bytes() <= options_.max_bytes);
    require(queue_.oldest() == oldest);
    if (in_.below(3) == 0) require(queue_.tightest_deadline() == tightest);
  }

  input& in_;
  request_queue_options options_;
  request_queue queue_;
  test::plain_queue<Order> plain_;
  std::array<queued_request, 40> all_{};
  std::vector<queued_request*> absent_;
  time_point now_ = start;
};

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, std::min<std::size_t>(size, 2000));
  request_queue_options options;
  options.capacity = 1 + in.below(30);
  options.max_bytes = in.below(2) * (1 + in.below(1500));
  if (in.below(2)) options.class_limits[in.below(4)] = 1 + in.below(options.capacity);
  options.ageing = std::chrono::microseconds(1 + in.number(2));
  options.quantum = static_cast<std::uint32_t>(1 + in.below(30));
  options.full = in.below(2) ? when_full::refuse_new : when_full::drop_oldest_of_lowest;
  options.order = static_cast<queue_order>(in.below(3));
  switch (options.order) {
    case queue_order::fifo: comparison<test::plain_fifo>(in, options).run(); break;
    case queue_order::earliest_deadline: comparison<test::plain_deadline>(in, options).run(); break;
    case queue_order::fair_share: comparison<test::plain_fair>(in, options).run(); break;
  }
}

const target registered("request_queue", on_input);

}  // namespace catena::fuzz::request_queue_target
