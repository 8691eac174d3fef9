// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The requests that wait for one model, and which of them are computed together next.
#include <catena/schedule/batch_options.hpp>
#include <catena/schedule/request_queue.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace catena {

/// Whether the size of a batch is how many requests it has, or what they cost together.
enum class batch_unit : std::uint8_t { request, cost };

/// What a batch was, for those who learn from it.
struct formed_batch {
  std::size_t count = 0;    ///< requests
  std::size_t size = 0;     ///< in units
  std::uint64_t shape = 0;
  std::string_view why = {};  ///< the policy's word
};

/// Forms batches: asks the batch policy whether and how many, and takes those from the queue.
///
/// Requests of one shape share batches; each shape has a queue and a copy of the policy of its own, so that it learns what
/// batches of this shape cost. Of shapes that are ready the one goes first whose next request would in a common queue, of
/// equal ones the one that was not served for longest. The bounds of request_queue_options hold for each shape.
/// \units    where the unit is cost, a batch's size and max_size, what a policy is told and what it answers are cost
/// \cost     as request_queue; a decision asks the policy of every shape of which a request waits
/// \threads  unsafe
/// \lifetime as request_queue
class batch_former {
 public:
  enum class entry : std::uint8_t {
    accepted,
    full,        ///< as in request_queue
    class_full,  ///< as in request_queue
    bytes_full,  ///< as in request_queue
    shapes_full, ///< requests of max_shapes other shapes wait
    too_large,   ///< it costs more than a batch may
  };
  struct push_result {
    batch_former::entry entry = entry::accepted;
    queued_request* evicted = nullptr;  ///< those that left for it, linked by `next`; they wait no longer
  };

  /// \errors std::invalid_argument, as the options' check()
  batch_former(const batch_options& batches, const request_queue_options& queue, batch_unit unit = batch_unit::request);
  ~batch_former();

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// How many requests of one shape wait, of that of which most do.
  [[nodiscard]] std::size_t longest_queue() const noexcept;
  /// Whether requests must be stamped with the moment in which they came. Otherwise any moment since the last batch was
  /// formed will do: only their priorities age by it.
  /// \threads safe
  [[nodiscard]] bool needs_arrivals() const noexcept { return needs_arrivals_.load(std::memory_order_relaxed); }

  /// From now on batches have another max_size, max_delay and max_shapes.
  void set_options(const batch_options& options) noexcept;
  /// From now on other bounds hold, as in request_queue.
  void set_options(const request_queue_options& options) noexcept;

  /// Lets a request wait, one that does not wait already and has all its facts.
  /// \errors std::bad_alloc; nothing has changed then
  [[nodiscard]] push_result try_push(queued_request& r, time_point now);
  /// Takes a request out wherever it stands; false if it does not wait.
  [[nodiscard]] bool remove(queued_request& r) noexcept;
  /// Takes any one out; null if none waits.
  [[nodiscard]] queued_request* take_any() noexcept;

  /// An instance is idle: is a batch to be begun now, or when is it time to look again?
  [[nodiscard]] batch_decision decide(time_point now) { return choose(now).decision; }
  /// The first request of the batch that would be begun now; null if none would be.
  [[nodiscard]] const queued_request* next(time_point now);
  /// Whether the batch that would be begun now would not grow by waiting: it has all that a batch may have, or leaves some behind.
  [[nodiscard]] bool has_complete(time_point now);
  /// The next batch, its requests in `out`, which has room for max_size; none if it is not time.
  [[nodiscard]] formed_batch take(std::span<queued_request*> out, time_point now);
  /// What take() gave has been computed.
  void computed(const formed_batch& batch, duration took, time_point now);
  /// Whether the policy says so, of this shape.
  [[nodiscard]] bool has_learnt(std::uint64_t shape) const;

 private:
  struct lane {
    lane(std::uint64_t its_shape, const request_queue_options& options, const batch_policy& untaught)
        : shape(its_shape), queue(options), policy(untaught) {}
    std::uint64_t shape;
    request_queue queue;
    batch_policy policy;
    std::size_t cost = 0;    ///< of those that wait, where the unit is cost
    std::uint64_t pushed = 0;  ///< number of the last push to it
    std::uint64_t taken = 0;   ///< number of the last batch taken from it
  };
  struct choice {
    lane* of = nullptr;
    batch_decision decision{};
  };

  [[nodiscard]] lane* find(std::uint64_t shape) const noexcept;
  [[nodiscard]] lane* find_or_make(std::uint64_t shape);
  /// Requests, or what they cost.
  [[nodiscard]] std::size_t waiting_in(const lane& of) const noexcept;
  [[nodiscard]] batch_decision ask(lane& of, time_point now) const;
  [[nodiscard]] choice choose(time_point now);
  [[nodiscard]] static bool goes_before(const lane& one, const lane& other) noexcept;
  void left(lane& from, const queued_request& r) noexcept;

  batch_limits limits_;
  request_queue_options queue_options_;
  const batch_policy policy_;
  std::size_t max_shapes_;
  const batch_unit unit_;
  std::atomic<bool> needs_arrivals_;
  std::vector<std::unique_ptr<lane>> lanes_;  ///< never empty
  std::size_t size_ = 0;
  std::uint64_t pushes_ = 0;
  std::uint64_t batches_ = 0;
};

}  // namespace catena
