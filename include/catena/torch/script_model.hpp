// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A TorchScript model with a codec between a user's types and rows of tensors.
#include <catena/model/model.hpp>
#include <catena/torch/rows.hpp>
#include <catena/torch/script_instance.hpp>

#include <algorithm>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::torch {

/// Writes an input into its row: `void(const In&, row&)`, or the row by value; into several or into one whose shape varies:
/// `void(const In&, input_rows&)`.
template <class F, class In>
concept row_encoder = std::copy_constructible<F> && (std::invocable<F&, const In&, row&> || std::invocable<F&, const In&, input_rows&>);

/// Reads an answer out of its row: `Out(const row&)`, or `Out(const row&, const In&)` where it needs the input as well; out of
/// several: `const output_rows&` in place of the row. May answer result<Out>.
template <class F, class In, class Out>
concept row_decoder = std::copy_constructible<F> && (std::is_invocable_r_v<result<Out>, F&, const row&, const In&> ||
                                                     std::is_invocable_r_v<result<Out>, F&, const row&> ||
                                                     std::is_invocable_r_v<result<Out>, F&, const output_rows&, const In&> ||
                                                     std::is_invocable_r_v<result<Out>, F&, const output_rows&>);

namespace detail {

/// Computes batches: encodes the rows, runs the model, decodes. A device computes one while the next is encoded and sent.
template <class In, class Out, class Encode, class Decode>
class script_worker {
 public:
  script_worker(script_instance instance, const std::string& name, std::size_t batches_under_way, Encode encode, Decode decode)
      : instance_(std::move(instance)),
        name_(name),
        encode_(std::move(encode)),
        decode_(std::move(decode)),
        under_way_(batches_under_way) {}

  static constexpr bool writes_one_row = std::invocable<Encode&, const In&, row&>;
  static constexpr bool reads_one_row = std::is_invocable_r_v<result<Out>, Decode&, const row&, const In&> ||
                                        std::is_invocable_r_v<result<Out>, Decode&, const row&>;

  void operator()(batch<In, Out>& b) {
    rows_.clear();
    for (std::size_t i = 0; i < b.size(); ++i)
      if (b.is_wanted(i)) encode(b, i);
    if (rows_.empty()) return;
    b.note_computing();
    if (under_way_.size() > 1) return compute_later(b);
    instance_.compute(rows_.size());
    b.note_computed();
    decode_all(b, rows_);
  }

  void move_to(residency_level level) { instance_.move_to(level); }
  [[nodiscard]] residency_book::footprint footprint() const { return instance_.footprint(); }
  [[nodiscard]] std::uint32_t locality() const { return instance_.locality(); }
  [[nodiscard]] std::size_t warm_up_shapes() const noexcept { return instance_.warm_up_shapes(); }
  void warm_up(std::size_t rows, std::size_t shape) { instance_.warm_up(rows, shape); }

 private:
  /// A batch that a device computes.
  struct batch_under_way {
    std::optional<batch<In, Out>> requests;
    std::vector<std::size_t> rows;
  };

  void compute_later(batch<In, Out>& b) {
    const std::size_t begun = instance_.begin(rows_.size());
    batch_under_way& on_its_way = under_way_[begun];
    on_its_way.rows.swap(rows_);
    on_its_way.requests.emplace(std::move(b));
    try {
      instance_.when_computed(begun, [this, begun](const std::exception_ptr& failed) { computed(under_way_[begun], failed); });
    } catch (...) {
      b = *std::exchange(on_its_way.requests, std::nullopt);
      throw;
    }
  }

  void computed(batch_under_way& of, const std::exception_ptr& failed) {
    batch<In, Out> b = *std::move(of.requests);
    of.requests.reset();
    b.note_computed();
    b.gather();
    if (!failed) return decode_all(b, of.rows);
    const failure why = failure::from(failed);
    for (const std::size_t i : of.rows) b.fail(i, why);
  }

  /// A row that cannot be encoded fails alone; the others close ranks.
  void encode(batch<In, Out>& b, std::size_t i) {
    try {
      if constexpr (writes_one_row) {
        row to = instance_.input(0, rows_.size());
        encode_(b.input(i), to);
      } else {
        input_rows to(instance_, rows_.size());
        encode_(b.input(i), to);
      }
    } catch (...) {
      return b.fail(i, codec_failure(errc::invalid_input, "the input cannot be encoded"));
    }
    rows_.push_back(i);
  }

  void decode_all(batch<In, Out>& b, const std::vector<std::size_t>& rows) {
    for (std::size_t k = 0; k < rows.size(); ++k) decode(b, rows[k], k);
    instance_.drop_output();
  }

  void decode(batch<In, Out>& b, std::size_t i, std::size_t k) {
    try {
      result<Out> answer = [&] {
        if constexpr (reads_one_row) return decoded<row>(b, i, instance_.output(0, k));
        else return decoded<output_rows>(b, i, output_rows(instance_, k));
      }();
      if (answer) b.answer(i, *std::move(answer));
      else b.fail(i, std::move(answer).error());
    } catch (...) {
      b.fail(i, codec_failure(errc::model_failed, "the output cannot be decoded"));
    }
  }

  template <class From>
  result<Out> decoded(batch<In, Out>& b, std::size_t i, const From& from) {
    if constexpr (std::is_invocable_r_v<result<Out>, Decode&, const From&, const In&>) return decode_(from, b.input(i));
    else return decode_(from);
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
  std::vector<batch_under_way> under_way_;
};

}  // namespace detail

/// A model that runs TorchScript.
///
///     script_model<txn, float> risk{rt, {.name = "risk", .file = "risk.pt", .input = {.shape = {64}}},
///                                   [](const txn& t, row& to) { to.assign<float>(t.features); },
///                                   [](const row& from) { return from.values()[0]; }};
///
/// Each instance has copies of the codec; they run on compute threads, several at once. Where batches overlap on a device the
/// decoder runs on a thread of its own, while the encoder of the same instance may be at work: what they share they must guard. A
/// model with several inputs or outputs, or with shapes that vary, has a codec of input_rows and output_rows (see rows.hpp).
/// \shape    in [n, input.shape...], out [n, output.shape...], 1 <= n <= batch.max_size, or n one of batch.allowed_sizes: then
///           copies of the first row pad the batch, and their answers are dropped
/// \errors   as model; errc::shape_mismatch and dtype_mismatch name what was expected and what was given; errc::device_memory: its
///           device has no memory for a row even alone
template <class In, class Out>
class script_model : public model<In, Out> {
 public:
  /// \errors catena::error: errc::model_not_found (no such file), model_invalid (not TorchScript, does not compile, no such
  ///         method, not what its manifest says), shape_mismatch and dtype_mismatch (the dry run answered something else than
  ///         the options say), device_unavailable, device_memory, unsupported; std::invalid_argument: an option is out of range
  template <row_encoder<In> Encode, row_decoder<In, Out> Decode>
  script_model(const runtime& rt, const script_options& options, Encode encode, Decode decode, request_measures<In> measures = {})
      : script_model(rt, options, make_source<Encode, Decode>(rt, options), batches_under_way(rt, options), std::move(encode),
                     std::move(decode), std::move(measures)) {}

  /// Writes the model to a file that loads elsewhere and answers the same to the bit, and its manifest beside it.
  /// \errors catena::error: errc::model_invalid: LibTorch cannot write it, or as the constructor where it is cold and cannot be
  ///         loaded; std::system_error: the files cannot be written
  void save(const std::string& file) const { torch::save(*source_, file); }

 private:
  template <class Encode, class Decode>
  script_model(const runtime& rt, const script_options& options, const std::shared_ptr<script_source>& source,
               std::size_t batches_under_way, Encode encode, Decode decode, request_measures<In> measures)
      : model<In, Out>(rt, model_options_of(options, batches_under_way),
                       workers(source, options, batches_under_way, std::move(encode), std::move(decode)), std::move(measures)),
        source_(source) {}

  template <class Encode, class Decode>
  static std::shared_ptr<script_source> make_source(const runtime& rt, const script_options& options) {
    using worker = detail::script_worker<In, Out, Encode, Decode>;
    if (worker::writes_one_row && !has_one_row(options))
      throw std::invalid_argument("script_options of '" + options.name +
                                  "': several inputs, or a shape with any_extent, need an encoder of input_rows&");
    if (worker::reads_one_row && options.outputs.size() > 1)
      throw std::invalid_argument("script_options of '" + options.name + "': several outputs need a decoder of const output_rows&");
    const log_hook log = [state = rt.state()](log_level level, std::string_view component, std::string_view text) {
      state->log(level, component, text);
    };
    return torch::make_source(options, log);
  }
  static bool has_one_row(const script_options& options) {
    const input_options& only = options.inputs.empty() ? options.input : options.inputs.front();
    return options.inputs.size() < 2 && std::find(only.shape.begin(), only.shape.end(), any_extent) == only.shape.end();
  }

  /// In virtual time there is no thread that waits for a device.
  static std::size_t batches_under_way(const runtime& rt, const script_options& options) {
    return is_on_cpu(options) || !rt.state()->time_is_real ? 1 : options.batches_under_way;
  }

  static model_options model_options_of(const script_options& options, std::size_t batches_under_way) {
    return {.name = options.name,
            .version = options.version,
            .batch = options.batch,
            .queue = options.queue,
            .instances = options.instances * options.devices.size(),
            .batches_under_way = batches_under_way,
            .effects = options.effects,
            .warm_up = options.check == spec_check::at_load ? options.warm_up : warm_up_options{.max_runs = 0},
            .residency = options.residency};
  }
  template <class Encode, class Decode>
  static auto workers(const std::shared_ptr<script_source>& source, const script_options& options, std::size_t batches_under_way,
                      Encode encode, Decode decode) {
    std::vector<detail::script_worker<In, Out, Encode, Decode>> made;
    for (script_instance& instance : script_instance::make(source, batches_under_way))
      made.emplace_back(std::move(instance), options.name, batches_under_way, encode, decode);
    return made;
  }

  std::shared_ptr<script_source> source_;
};

}  // namespace catena::torch
