// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A row that stays on the device that computed it, on its way to another model.
#include <catena/torch/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace catena::torch {

struct kept_tensor;

/// A row of an answer that no host has seen: what one model answers and another one takes, in a chain.
///
///     options.output.stays = true;
///     const script_model<image, kept_row> embed{rt, options, encode, keep_answer{}};
///     const script_model<kept_row, float> judge{rt, others, give_kept{}, decode};
///     const auto c = make_chain<image>(rt, "c", [&](auto in) { return in >> stage("embed", embed) >> stage("judge", judge); });
///
/// A model that takes kept rows must not write into its input: it may be given the very memory that another model takes as well.
/// Rows that were computed together and are asked together are taken without a copy where both models are on one device, and with
/// one for all of them otherwise.
/// \threads   an immutable value
/// \lifetime  pins the batch that it was computed in, also of a model that is gone; make_owned() makes one that pins its own values
class kept_row {
 public:
  kept_row(std::shared_ptr<const kept_tensor> of, std::size_t i) noexcept : of_(std::move(of)), i_(i) {}

  [[nodiscard]] catena::torch::dtype dtype() const noexcept;
  [[nodiscard]] std::span<const std::int64_t> shape() const noexcept;
  /// Where it is: "cpu", "cuda:0".
  [[nodiscard]] std::string device() const;
  /// The number of that device among those of its kind, from 1 on; 0: host memory. See request_measures.
  [[nodiscard]] std::uint32_t locality() const noexcept;

  /// The same row in memory of its own, for a cache.
  friend kept_row make_owned(kept_row&& r);

  // ---- for models ----

  [[nodiscard]] const std::shared_ptr<const kept_tensor>& tensor() const noexcept { return of_; }
  [[nodiscard]] std::size_t index() const noexcept { return i_; }

 private:
  std::shared_ptr<const kept_tensor> of_;
  std::size_t i_;
};
kept_row make_owned(kept_row&& r);

}  // namespace catena::torch
