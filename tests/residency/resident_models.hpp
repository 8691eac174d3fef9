// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Models that can be elsewhere, and tell a test where they are.
#include <catena/model.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace catena::test {

/// Where an instance is, and how often it came there.
struct whereabouts_of_instance {
  std::atomic<residency_level> level{residency_level::cold};
  std::atomic<int> load_count{0};
  std::atomic<int> unload_count{0};
  std::atomic<int> warm_up_count{0};
  std::atomic<int> cold_batch_count{0};  ///< batches it was given when it was not hot
  std::atomic<bool> fails{false};        ///< to be loaded
  bool has_warm = false;                 ///< it may be in host memory
  std::atomic<bool> fails_to_warm{false};
};

/// Answers an int with its negative.
class movable_negative {
 public:
  explicit movable_negative(std::shared_ptr<whereabouts_of_instance> where, std::size_t bytes = 100)
      : where_(std::move(where)), bytes_(bytes) {}

  void operator()(batch<int, int>& b) {
    if (where_->level != residency_level::hot) ++where_->cold_batch_count;
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, -b.input(i));
  }
  void move_to(residency_level level) {
    if (level == residency_level::hot) {
      if (where_->fails) throw std::runtime_error("its file is gone");
      ++where_->load_count;
    } else if (where_->level == residency_level::hot) {
      if (level == residency_level::warm && where_->fails_to_warm) throw std::runtime_error("its file is gone");
      ++where_->unload_count;
    }
    where_->level = level;
  }
  [[nodiscard]] residency_book::footprint footprint() const {
    if (where_->has_warm) return {.warm = {{"host", bytes_}}, .hot = {{"cpu", bytes_}}};
    return {.hot = {{"cpu", bytes_}}};
  }
  void warm_up(std::size_t) { ++where_->warm_up_count; }

 private:
  std::shared_ptr<whereabouts_of_instance> where_;
  std::size_t bytes_;
};

/// The same for a test that answers the batches itself.
template <class Hold>
class movable_holder {
 public:
  movable_holder(std::shared_ptr<whereabouts_of_instance> where, Hold hold) : where_(std::move(where)), hold_(std::move(hold)) {}
  void operator()(batch<int, int>& b) { hold_(b); }
  void move_to(residency_level level) { where_->level = level; }
  [[nodiscard]] residency_book::footprint footprint() const { return {.hot = {{"cpu", 100}}}; }

 private:
  std::shared_ptr<whereabouts_of_instance> where_;
  Hold hold_;
};

}  // namespace catena::test
