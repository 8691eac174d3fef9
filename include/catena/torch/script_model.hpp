// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A TorchScript model with a codec between a user's types and rows of tensors.
#include <catena/model/model.hpp>
#include <catena/torch/script_instance.hpp>

#include <concepts>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::torch {

/// Writes an input into its row: `void(const In&, row&)`, or the row by value.
template <class F, class In>
concept row_encoder = std::copy_constructible<F> && std::invocable<F&, const In&, row&>;

/// Reads an answer out of its row: `Out(const row&)`, or `Out(const row&, const In&)` where it needs the input as well;
/// may answer result<Out>.
template <class F, class In, class Out>
concept row_decoder = std::copy_constructible<F> && (std::is_invocable_r_v<result<Out>, F&, const row&, const In&> ||
                                                     std::is_invocable_r_v<result<Out>, F&, const row&>);

namespace detail {

/// Computes batches: encodes the rows, runs the model, decodes.
template <class In, class Out, class Encode, class Decode>
class script_worker {
 public:
  script_worker(script_instance instance, const std::string& name, Encode encode, Decode decode)
      : instance_(std::move(instance)), name_(name), encode_(std::move(encode)), decode_(std::move(decode)) {}

  void operator()(batch<In, Out>& b) {
    rows_.clear();
    for (std::size_t i = 0; i < b.size(); ++i)
      if (b.is_wanted(i)) encode(b, i);
    if (rows_.empty()) return;
    instance_.compute(rows_.size());
    for (std::size_t k = 0; k < rows_.size(); ++k) decode(b, k);
    instance_.drop_output();
  }

 private:
  /// A row that cannot be encoded fails alone; the others close ranks.
  void encode(batch<In, Out>& b, std::size_t i) {
    try {
      row to = instance_.input(rows_.size());
      encode_(b.input(i), to);
    } catch (...) {
      return b.fail(i, codec_failure(errc::invalid_input, "the input cannot be encoded"));
    }
    rows_.push_back(i);
  }

  void decode(batch<In, Out>& b, std::size_t k) {
    const std::size_t i = rows_[k];
    try {
      const row from = instance_.output(k);
      result<Out> answer = [&]() -> result<Out> {
        if constexpr (std::is_invocable_r_v<result<Out>, Decode&, const row&, const In&>) return decode_(from, b.input(i));
        else return decode_(from);
      }();
      if (answer) b.answer(i, *std::move(answer));
      else b.fail(i, std::move(answer).error());
    } catch (...) {
      b.fail(i, codec_failure(errc::model_failed, "the output cannot be decoded"));
    }
  }

  /// The failure of the exception in flight: what a catena::error says keeps its code.
  [[nodiscard]] failure codec_failure(errc code, const char* what) const {
    const failure thrown = failure::from(std::current_exception());
    const std::string text = "model '" + name_ + "': " + what + ": " + thrown.message();
    if (thrown.is(errc::stage_failed)) return failure(code, text).with_cause(thrown.cause());
    return failure(thrown.code(), text).with_cause(thrown.cause());
  }

  script_instance instance_;
  std::string name_;
  Encode encode_;
  Decode decode_;
  std::vector<std::size_t> rows_;  ///< the rows of the batch that stand in the tensor, in its order
};

}  // namespace detail

/// A model that runs TorchScript.
///
///     script_model<txn, float> risk{rt, {.name = "risk", .file = "risk.pt", .input = {.shape = {64}}},
///                                   [](const txn& t, row& to) { to.assign<float>(t.features); },
///                                   [](const row& from) { return from.values()[0]; }};
///
/// Each instance has copies of the codec; they run on compute threads, several at once.
/// \shape    in [n, input.shape...], out [n, output.shape...], 1 <= n <= batch.max_size, or n one of batch.allowed_sizes: then
///           copies of the first row pad the batch, and their answers are dropped
/// \errors   as model; errc::shape_mismatch and dtype_mismatch name what was expected and what was given
template <class In, class Out>
class script_model : public model<In, Out> {
 public:
  /// \errors catena::error: errc::model_not_found (no such file), model_invalid (not TorchScript, does not compile, no such
  ///         method), device_unavailable; std::invalid_argument: an option is out of range
  template <row_encoder<In> Encode, row_decoder<In, Out> Decode>
  script_model(const runtime& rt, const script_options& options, Encode encode, Decode decode, request_measures<In> measures = {})
      : model<In, Out>(rt, model_options_of(options), workers(options, std::move(encode), std::move(decode)), std::move(measures)) {}

 private:
  static model_options model_options_of(const script_options& options) {
    return {.name = options.name,
            .version = options.version,
            .batch = options.batch,
            .queue = options.queue,
            .instances = options.instances,
            .effects = options.effects};
  }
  template <class Encode, class Decode>
  static auto workers(const script_options& options, Encode encode, Decode decode) {
    std::vector<detail::script_worker<In, Out, Encode, Decode>> made;
    for (script_instance& instance : script_instance::load(options))
      made.emplace_back(std::move(instance), options.name, encode, decode);
    return made;
  }
};

}  // namespace catena::torch
