// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/deadline_order.hpp>
#include <catena/schedule/fair_order.hpp>
#include <catena/schedule/fifo_order.hpp>
#include <catena/schedule/request_queue.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>
#include <variant>

namespace catena {
namespace {

constexpr std::size_t class_count = 4;

template <class Order>
using by_priority = std::array<Order, class_count>;
using any_order = std::variant<by_priority<detail::fifo_order>, by_priority<detail::deadline_order>,
                               by_priority<detail::fair_order>>;

template <class Order>
by_priority<Order> make_classes(const request_queue_options& o) {
  return {Order(o), Order(o), Order(o), Order(o)};
}

any_order make_order(const request_queue_options& options) {
  switch (options.order) {
    case queue_order::earliest_deadline: return make_classes<detail::deadline_order>(options);
    case queue_order::fair_share: return make_classes<detail::fair_order>(options);
    case queue_order::fifo: break;
  }
  return make_classes<detail::fifo_order>(options);
}

std::size_t index_of(const queued_request& r) noexcept { return static_cast<std::size_t>(r.priority); }

/// Whose turn it is: the class with the earliest rank, of equal ones the highest. It keeps the turn while its rank is before
/// the others'.
struct turn {
  std::size_t of = class_count;  ///< nobody's
  time_point rank = time_point::max();
  time_point others = time_point::max();
};

/// A class's standing as though its next request had come earlier by what it has ahead of the lowest class.
template <class Order>
time_point rank_of(const by_priority<Order>& classes, std::size_t i, duration ahead) noexcept {
  return classes[i].standing() - static_cast<duration::rep>(i) * ahead;
}

template <class Order>
turn next_turn(const by_priority<Order>& classes, duration ahead) noexcept {
  turn next;
  for (std::size_t i = class_count; i-- > 0;) {
    if (classes[i].size() == 0) continue;
    const time_point rank = rank_of(classes, i, ahead);
    if (rank < next.rank) next = {.of = i, .rank = rank, .others = next.rank};
    else next.others = std::min(next.others, rank);
  }
  return next;
}

/// What is left of the cost of one take(). A request is read only where there is a bound.
struct cost_bound {
  std::uint64_t left;
  [[nodiscard]] bool is_set() const noexcept { return left != ~std::uint64_t{0}; }
  [[nodiscard]] bool admits(const queued_request& r, std::size_t taken) noexcept {
    if (taken != 0 && r.cost > left) return false;
    left -= std::min<std::uint64_t>(left, r.cost);
    return true;
  }
};

template <class Order>
std::size_t take_from(by_priority<Order>& classes, duration ahead, std::span<queued_request*> out, cost_bound bound) noexcept {
  std::size_t taken = 0;
  while (taken < out.size()) {
    const turn now = next_turn(classes, ahead);
    if (now.of == class_count) break;
    Order& from = classes[now.of];
    const bool alone = now.others == time_point::max();  // then no arrival need be read
    do {
      if (bound.is_set() && !bound.admits(from.next(), taken)) return taken;
      out[taken++] = &from.pop();
    } while (taken < out.size() && from.size() != 0 && (alone || rank_of(classes, now.of, ahead) < now.others));
  }
  return taken;
}

}  // namespace

struct request_queue::orders {
  any_order classes;
};

request_queue::request_queue(const request_queue_options& options) : options_(options) {
  check(options);
  orders_ = std::make_unique<orders>(make_order(options));
}

request_queue::~request_queue() = default;

void request_queue::set_options(const request_queue_options& options) noexcept {
  options_.capacity = options.capacity;
  options_.max_bytes = options.max_bytes;
  options_.class_limits = options.class_limits;
  options_.ageing = options.ageing;
  options_.full = options.full;
}

request_queue::push_result request_queue::try_push(queued_request& r) {
  push_result result{.entry = room_for(r)};
  if (result.entry != entry::accepted) return result;
  const load bound = bound_beside(waiting());
  std::visit([&](auto& classes) { classes[index_of(r)].push(r); }, orders_->classes);
  ++size_;
  result.evicted = evict(bound);  // not before: the push may have thrown
  return result;
}

std::size_t request_queue::take(std::span<queued_request*> out, std::uint64_t most) noexcept {
  const duration ahead = detail::head_start(options_);
  const std::size_t taken = std::visit([&](auto& classes) { return take_from(classes, ahead, out, {most}); }, orders_->classes);
  size_ -= taken;
  return taken;
}

bool request_queue::remove(queued_request& r) noexcept {
  const bool waited = std::visit([&](auto& classes) { return classes[index_of(r)].remove(r); }, orders_->classes);
  size_ -= waited;
  return waited;
}

std::size_t request_queue::bytes() const noexcept { return below(class_count).bytes; }

time_point request_queue::oldest() const noexcept {
  time_point oldest = no_deadline;
  std::visit(
      [&](const auto& classes) {
        for (const auto& c : classes)
          if (c.size() != 0) oldest = std::min(oldest, c.oldest_arrival());
      },
      orders_->classes);
  return oldest;
}

time_point request_queue::tightest_deadline() noexcept {
  time_point tightest = no_deadline;
  std::visit(
      [&](auto& classes) {
        for (auto& c : classes) tightest = std::min(tightest, c.tightest_deadline());
      },
      orders_->classes);
  return tightest;
}

time_point request_queue::standing() const noexcept {
  return std::visit([&](const auto& classes) { return next_turn(classes, detail::head_start(options_)).rank; }, orders_->classes);
}

const queued_request& request_queue::next() noexcept {
  return std::visit(
      [&](auto& classes) -> const queued_request& { return classes[next_turn(classes, detail::head_start(options_)).of].next(); },
      orders_->classes);
}

request_queue::entry request_queue::room_for(const queued_request& r) const noexcept {
  const std::size_t i = index_of(r);
  const std::size_t limit = options_.class_limits[i];
  if (limit != 0 && below(i + 1).count - below(i).count >= limit) return entry::class_full;
  const bool full = size_ >= options_.capacity;
  const bool bytes_bounded = options_.max_bytes != 0;
  const std::size_t bytes_free = bytes_bounded ? options_.max_bytes - std::min(bytes(), options_.max_bytes) : 0;
  if (!full && (!bytes_bounded || r.bytes <= bytes_free)) return entry::accepted;
  const load lower = options_.full == when_full::drop_oldest_of_lowest ? below(i) : load{};
  if (full && lower.count == 0) return entry::full;
  if (bytes_bounded && r.bytes > bytes_free + lower.bytes) return entry::bytes_full;
  return entry::accepted;
}

request_queue::load request_queue::below(std::size_t end) const noexcept {
  load sum;
  std::visit(
      [&](const auto& classes) {
        for (std::size_t i = 0; i < end; ++i) {
          sum.count += classes[i].size();
          sum.bytes += classes[i].bytes();
        }
      },
      orders_->classes);
  return sum;
}

request_queue::load request_queue::waiting() const noexcept { return {size_, options_.max_bytes != 0 ? bytes() : 0}; }

request_queue::load request_queue::bound_beside(const load& waited) const noexcept {
  return {std::max(options_.capacity, waited.count), std::max(options_.max_bytes, waited.bytes)};
}

queued_request* request_queue::evict(const load& bound) noexcept {
  queued_request* evicted = nullptr;
  for (load now = waiting(); now.count > bound.count || now.bytes > bound.bytes; now = waiting()) {
    queued_request& leaves = oldest_of_lowest();
    [[maybe_unused]] const bool waited = remove(leaves);
    assert(waited);
    leaves.next = std::exchange(evicted, &leaves);
  }
  return evicted;
}

queued_request& request_queue::oldest_of_lowest() const noexcept {
  return std::visit(
      [](const auto& classes) -> queued_request& {
        return std::ranges::find_if(classes, [](const auto& c) { return c.size() != 0; })->oldest();
      },
      orders_->classes);
}

}  // namespace catena
