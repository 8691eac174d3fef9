// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One request's rows in the tensors of a batch, where a model has several inputs or outputs, or shapes that vary.
#include <catena/torch/kept_row.hpp>
#include <catena/torch/script_instance.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>

namespace catena::torch {

/// Where a codec writes a request to: a row of each input.
///
///     [](const text& t, input_rows& to) {
///       to.shaped("ids", t.ids.size()).assign<std::int64_t>(t.ids);      // input "ids" has the shape {any_extent}
///       to.shaped("mask", t.ids.size()).assign<std::int64_t>(t.mask);
///     }
///
/// Rows of one batch have one shape: request_measures::shape keeps others apart, by the length, or by the length to which the
/// codec pads.
/// \lifetime the call of the codec
class input_rows {
 public:
  input_rows(script_instance& of, std::size_t i) noexcept : of_(&of), i_(i) {}

  /// The row of an input, by name or by place.
  /// \errors errc::invalid_input: there is no such input; errc::shape_mismatch: its shape is open, and has not been said
  [[nodiscard]] row operator[](std::string_view input) const { return of_->input(of_->find_input(input), i_); }
  [[nodiscard]] row operator[](std::size_t input) const { return of_->input(input, i_); }

  /// The row of an input some of whose extents are any_extent; all extents are said.
  /// \errors errc::invalid_input; errc::shape_mismatch: not what the options say, or not what an earlier row of the batch has
  template <std::integral... Extents>
  [[nodiscard]] row shaped(std::string_view input, Extents... extents) const {
    const std::array<std::int64_t, sizeof...(Extents)> shape{static_cast<std::int64_t>(extents)...};
    return of_->input(of_->find_input(input), i_, shape);
  }

  /// Lets an input's row be one that another model has answered. Its shape says the extents that are open.
  /// \errors errc::invalid_input: there is no such input; errc::shape_mismatch, dtype_mismatch: it is not what the options say, or
  ///         has not the shape of an earlier row of the batch
  void give(std::string_view input, const kept_row& from) const { of_->give(of_->find_input(input), i_, from); }
  void give(std::size_t input, const kept_row& from) const { of_->give(input, i_, from); }

 private:
  script_instance* of_;
  std::size_t i_;
};

/// Where a codec reads an answer from: a row of each output.
/// \lifetime the call of the codec
class output_rows {
 public:
  output_rows(script_instance& of, std::size_t i) noexcept : of_(&of), i_(i) {}

  /// The row of an output, by name or by place.
  /// \errors errc::invalid_input: there is no such output, or it stays on its device
  [[nodiscard]] row operator[](std::string_view output) const { return of_->output(of_->find_output(output), i_); }
  [[nodiscard]] row operator[](std::size_t output) const { return of_->output(output, i_); }

  /// The row of an output that stays on its device.
  /// \errors errc::invalid_input: there is no such output, or it does not stay
  [[nodiscard]] kept_row keep(std::string_view output) const { return of_->keep(of_->find_output(output), i_); }
  [[nodiscard]] kept_row keep(std::size_t output) const { return of_->keep(output, i_); }

 private:
  script_instance* of_;
  std::size_t i_;
};

/// Codec of a model whose only input is what another one has answered.
struct give_kept {
  void operator()(const kept_row& from, input_rows& to) const { to.give(0, from); }
};

/// Codec of a model whose only output stays on its device.
struct keep_answer {
  [[nodiscard]] kept_row operator()(const output_rows& from) const { return from.keep(0); }
};

}  // namespace catena::torch
