// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What an instance is given to compute: rows that are answered or failed one by one, now or later.
#include <catena/model/model_step.hpp>

#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace catena {

/// The requests that one instance computes together. They may belong to different runs, chains and priorities.
///
/// The instance answers or fails each row and says when the batch is done. When its function returns, the batch is done
/// as well, unless it was moved away to be done later:
///
///     [&](batch<txn, float>& b) { remote.send(b, [later = std::move(b)](auto scores) mutable { ...; later.done(); }); }
///
/// A row without an answer fails with errc::row_unanswered when the batch is done or destroyed. If the instance throws,
/// all rows without an answer fail with errc::model_failed and the exception's text, or with what a catena::error holds; of a
/// model whose effects are pure, halves of them are computed again, so that only the row it was about fails.
/// \threads  answer() and fail() are safe with each other, for different rows and for one; the batch itself is moved, done
///           and destroyed by one thread at a time
/// \lifetime the instance works on nothing else until the batch is done; it may outlive handles, chains and runtimes
/// \cancel   a run that is stopped takes its answer no more; is_wanted(i) says so
template <class In, class Out>
class batch {
 public:
  using input_type = In;
  using output_type = Out;

  explicit batch(detail::batch_place& place) noexcept : place_(&place) {}
  batch(batch&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}
  batch& operator=(batch&& other) noexcept {
    batch taken(std::move(other));
    std::swap(place_, taken.place_);
    return *this;
  }
  ~batch() {
    if (place_) place_->finish();
  }

  /// How many rows there are; zero once it is done or moved from.
  [[nodiscard]] std::size_t size() const noexcept { return place_ ? place_->size : 0; }

  /// How many rows it is to be computed with where batch_options::allowed_sizes says which may be: size(), or the next one
  /// allowed. The rows from size() on have no input and no answer.
  [[nodiscard]] std::size_t padded_size() const noexcept { return place_ ? place_->owner->padded(place_->size) : 0; }

  /// The input of row i, which stands where the run keeps it until the row has been answered or failed.
  /// \errors std::out_of_range: no such row; std::logic_error: it has been answered
  [[nodiscard]] const In& input(std::size_t i) const { return *static_cast<const In*>(row(i).input); }
  /// The call that row i belongs to: its deadline, its priority. Lives as long as its input.
  [[nodiscard]] catena::call call(std::size_t i) const { return step::call_of(row(i)); }
  /// False once nobody waits for row i any more. It may be left unanswered then.
  [[nodiscard]] bool is_wanted(std::size_t i) const { return step::is_wanted(row(i)); }

  /// Answers row i. A second answer is dropped, with a line in the log.
  void answer(std::size_t i, Out value) {
    detail::batch_place& place = opened();
    const std::lock_guard lock(place.mutex);
    if (auto* r = place.take_locked(i)) step::answer_locked(place, *r, std::move(value));
  }
  /// Fails row i alone.
  void fail(std::size_t i, failure why) {
    detail::batch_place& place = opened();
    const std::lock_guard lock(place.mutex);
    if (auto* r = place.take_locked(i)) step::fail_locked(place, *r, std::move(why));
  }
  /// Sends the answers given so far on their way. Until the instance's function has returned they wait for each other,
  /// so that a batch wakes an executor once; afterwards each leaves at once, unless they are gathered.
  void hand_over() { opened().hand_over(); }
  /// From now on answers wait for each other until hand_over() or done(), also after the instance's function has returned.
  void gather() {
    detail::batch_place& place = opened();
    const std::lock_guard lock(place.mutex);
    place.gathers = true;
  }
  /// For traces, of an instance that has work of other kinds to do: what comes before and behind is span_part::transfer. Costs a clock read
  /// and the batch's lock, where there is a tracer.
  void note_computing() { opened().note_computing(); }
  void note_computed() { opened().note_computed(); }
  /// Ends the batch: the instance is free for the next one.
  void done() {
    auto* place = &opened();
    place_ = nullptr;
    place->finish();
  }

 private:
  using step = detail::model_step<In, Out>;

  [[nodiscard]] detail::batch_place& opened() const {
    if (!place_) throw std::logic_error("the batch is done, or has been moved from");
    return *place_;
  }
  [[nodiscard]] const detail::pending_request& row(std::size_t i) const {
    const detail::batch_place& place = opened();
    if (i >= place.size) throw std::out_of_range("no row " + std::to_string(i) + " in a batch of " + std::to_string(place.size));
    const detail::pending_request* asked = place.rows[place.first + i];
    if (!asked) throw std::logic_error("row " + std::to_string(i) + " has been answered; its input is gone");
    return *asked;
  }

  detail::batch_place* place_;
};

}  // namespace catena
