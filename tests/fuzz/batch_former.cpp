// SPDX-License-Identifier: BSL-1.0
/// \file
/// The batch former: a batch has one shape and fits, each request leaves once, and an idle instance does not wait for ever.
#include <catena/schedule/batch_former.hpp>

#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::batch_former_target {

class world {
 public:
  explicit world(input& in)
      : in_(in),
        unit_(in.below(2) ? batch_unit::request : batch_unit::cost),
        batches_{.max_size = 1 + in.below(20), .max_delay = in.below(2) ? duration{} : std::chrono::microseconds(in.byte()),
                 .policy = in.below(2) ? batch_policy(adaptive_batching{}) : batch_policy(greedy_batching{}), .max_shapes = 1 + in.below(4)},
        queue_{.capacity = 1 + in.below(20), .order = static_cast<queue_order>(in.below(3)),
               .full = in.below(2) ? when_full::refuse_new : when_full::drop_oldest_of_lowest},
        former_(batches_, queue_, unit_) {}

  void run() {
    while (!in_.empty()) {
      now_ += std::chrono::microseconds(in_.below(64));
      queued_request& r = all_[in_.below(all_.size())];
      switch (in_.below(6)) {
        case 0: take(); break;
        case 1: {
          const bool waited = waits(r);
          require(former_.remove(r) == waited);
          std::erase(waiting_, &r);
          break;
        }
        case 2: look(); break;
        default:
          if (!waits(r)) push(r);
      }
      require(former_.size() == waiting_.size());
    }
    while (queued_request* r = former_.take_any()) require(std::erase(waiting_, r) == 1);
    require(waiting_.empty() && former_.empty());
  }

 private:
  [[nodiscard]] bool waits(const queued_request& r) const { return std::count(waiting_.begin(), waiting_.end(), &r) != 0; }

  void push(queued_request& r) {
    r.arrival = now_;
    r.priority = static_cast<priority>(in_.below(4));
    r.shape = in_.below(5);
    r.cost = static_cast<std::uint32_t>(1 + in_.below(24));
    r.tenant = in_.below(3);
    if (in_.below(2)) r.deadline = now_ + std::chrono::microseconds(in_.byte());
    else r.deadline = no_deadline;
    const auto [entry, evicted] = former_.try_push(r, now_);
    if (entry == batch_former::entry::accepted) waiting_.push_back(&r);
    for (const queued_request* e = evicted; e; e = e->next) require(e->priority < r.priority && std::erase(waiting_, e) == 1);
    if (unit_ == batch_unit::cost && r.cost > batches_.max_size) require(entry == batch_former::entry::too_large);
    if (entry == batch_former::entry::full) require(waiting_.size() >= queue_.capacity);
  }

  void take() {
    std::vector<queued_request*> out(batches_.max_size);
    const formed_batch b = former_.take(out, now_);
    std::size_t size = 0;
    for (std::size_t i = 0; i < b.count; ++i) {
      require(std::erase(waiting_, out[i]) == 1);
      require(out[i]->shape == b.shape);
      size += unit_ == batch_unit::cost ? out[i]->cost : 1;
    }
    require(b.count <= batches_.max_size && b.size == size && size <= batches_.max_size);
    if (b.count != 0) former_.computed(b, std::chrono::microseconds(in_.number(2)), now_);
  }

  /// With nothing else happening.
  void look() {
    for (int looks = 0; !waiting_.empty(); ++looks) {
      const batch_decision d = former_.decide(now_);
      if (d.take != 0) return take();
      require(d.look_again > now_ && d.look_again <= now_ + batches_.max_delay);
      require(looks < 100);
      now_ = d.look_again;
    }
  }

  input& in_;
  batch_unit unit_;
  batch_options batches_;
  request_queue_options queue_;
  batch_former former_;
  std::array<queued_request, 40> all_{};
  std::vector<const queued_request*> waiting_;
  time_point now_ = start;
};

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, std::min<std::size_t>(size, 2000));
  world(in).run();
}

const target registered("batch_former", on_input);

}  // namespace catena::fuzz::batch_former_target
