// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model: something that answers batches, called one request at a time, as a stage or directly.
#include <catena/chain/chain.hpp>
#include <catena/model/batch.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena {

/// Something that computes batches: a function, or a class with a call operator. It must not be called by two threads at
/// once, and never is.
template <class T, class In, class Out>
concept instance_of = std::invocable<T&, batch<In, Out>&>;

/// An instance that can be elsewhere than where it computes, in its file or in host memory; see model_options::residency.
/// It begins cold. What several instances of one model share, the first one of them holds.
template <class T>
concept movable_instance = requires(T& t, const T& c, residency_level level) {
  t.move_to(level);  // takes as long as it takes, and throws where it cannot be brought nearer; to cold it must not throw
  { c.footprint() } -> std::convertible_to<residency_book::footprint>;
};

/// An instance that computes a batch of so many rows that nobody asked for.
template <class T>
concept warmable_instance = requires(T& t, std::size_t rows) { t.warm_up(rows); };

/// The same for each of several shapes of rows.
template <class T>
concept shaped_warmable_instance = requires(T& t, const T& c, std::size_t rows, std::size_t shape) {
  { c.warm_up_shapes() } -> std::convertible_to<std::size_t>;  // how many there are
  t.warm_up(rows, shape);
};

/// An instance that is somewhere, or an input that lies there: on a device, say, which has a number.
template <class T>
concept located = requires(const T& c) {
  { c.locality() } -> std::convertible_to<std::uint32_t>;
};

namespace detail {

/// A batcher with its instances.
template <class In, class Out, class Instance>
class model_core final : public batcher {
 public:
  model_core(std::shared_ptr<runtime_state> runtime, const model_options& options, std::vector<Instance> instances,
             request_measures<In> measures)
      : batcher(std::move(runtime), options, model_step<In, Out>::operations,
                measures.cost ? batch_unit::cost : batch_unit::request,
                measures.cost || measures.shape || options.queue.max_bytes != 0 || is_located(measures) ? measuring::yes : measuring::no),
        instances_(std::move(instances)),
        measures_(std::move(measures)) {
    if constexpr (located<Instance>) {
      if (!is_located(measures_)) return;
      std::vector<std::uint32_t> where;
      for (const Instance& i : instances_) where.push_back(i.locality());
      locate(where);
    }
  }

  [[nodiscard]] measured measure(const void* erased) const override {
    const In& input = *static_cast<const In*>(erased);
    return {.cost = measures_.cost ? std::max<std::uint32_t>(measures_.cost(input), 1) : 1,
            .shape = measures_.shape ? measures_.shape(input) : 0,
            .bytes = measures_.bytes ? measures_.bytes(input) : sizeof(In),
            .locality = locality_of(input)};
  }

  /// Of all instances together.
  [[nodiscard]] residency_book::footprint footprint() const {
    residency_book::footprint all;
    if constexpr (movable_instance<Instance>) {
      for (const Instance& i : instances_) {
        const residency_book::footprint one = i.footprint();
        all.warm.insert(all.warm.end(), one.warm.begin(), one.warm.end());
        all.hot.insert(all.hot.end(), one.hot.begin(), one.hot.end());
      }
    }
    return all;
  }

 private:
  [[nodiscard]] static bool is_located(const request_measures<In>& measures) noexcept {
    return located<Instance> && (located<In> || measures.locality);
  }
  [[nodiscard]] std::uint32_t locality_of([[maybe_unused]] const In& input) const {
    if (measures_.locality) return measures_.locality(input);
    if constexpr (located<In>) return input.locality();
    else return 0;
  }
  void move_instances([[maybe_unused]] residency_level level) override {
    if constexpr (movable_instance<Instance>) {
      try {
        for (Instance& i : instances_) i.move_to(level);
      } catch (...) {
        for (Instance& i : instances_) i.move_to(residency_level::cold);
        throw;
      }
    }
  }
  [[nodiscard]] std::size_t warm_up_shapes() const override {
    if constexpr (shaped_warmable_instance<Instance>) return instances_.front().warm_up_shapes();
    else return warmable_instance<Instance> ? 1 : 0;
  }
  void warm_up([[maybe_unused]] std::size_t instance, [[maybe_unused]] std::size_t rows, [[maybe_unused]] std::size_t shape) override {
    if constexpr (shaped_warmable_instance<Instance>) instances_[instance].warm_up(rows, shape);
    else if constexpr (warmable_instance<Instance>) instances_[instance].warm_up(rows);
  }
  void compute(batch_place& place) noexcept override {
    batch<In, Out> b(place);
    const auto alone = call_lock(place);
    try {
      instances_[place.index](b);
    } catch (...) {
      if (b.size() != 0) place.threw(std::current_exception());
      else log(log_level::warning, says("threw after its batch was done: " + failure::from(std::current_exception()).message()));
    }
  }

  std::vector<Instance> instances_;
  request_measures<In> measures_;
};

}  // namespace detail

/// A model from In to Out: requests wait in its queue, are joined into batches and computed on the runtime's compute
/// threads. It is a stage, and it is called like a chain: `co_await m(c, x)`, `m.async_run(x, token)`.
/// \threads   safe
/// \lifetime  a cheap shared handle; chains, runs and batches in flight pin what they need
/// \cancel    a request that waits leaves at once; one that is computed is not waited for, and counted as waste
/// \errors    errc::invalid_input (it costs more than a batch may), errc::queue_full with retry_after,
///            errc::deadline_exceeded, errc::row_unanswered, errc::model_failed, and what the instance fails rows with
template <class In, class Out>
class model : private chain<In, Out> {
 public:
  using typename chain<In, Out>::input_type;
  using typename chain<In, Out>::output_type;

  /// \param instances  one for each of options.instances
  /// \param measures   what of an input its queue and its batch must know
  /// \errors std::invalid_argument: an option is out of range
  template <instance_of<In, Out> Instance>
  model(const runtime& rt, const model_options& options, std::vector<Instance> instances, request_measures<In> measures = {})
      : model(make_core(rt, options, std::move(instances), std::move(measures))) {}

  using chain<In, Out>::operator();
  using chain<In, Out>::try_run;
  using chain<In, Out>::async_run;
  using chain<In, Out>::describe;
  using chain<In, Out>::async_warm_up;
  using chain<In, Out>::warm_up;

  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }
  [[nodiscard]] const std::string& version() const noexcept { return core_->options().version; }
  [[nodiscard]] model_stats stats() const { return core_->stats(); }

  /// The same model behind a gate: every request through what is returned pays, from whatever chain it comes, as
  /// stage_of::limit says. Hand out only that, and all pay:
  ///
  ///     const auto risk = make_model<txn, float>(rt, {.name = "risk"}, score).limit(gate);
  ///
  /// \param cost  a number, or a function of the request
  template <gate Gate, class Cost = std::int64_t, class TrueCost = detail::true_as_estimated>
  [[nodiscard]] model limit(Gate through, Cost cost = 1, TrueCost true_cost = {}) const {
    using gate_terms = detail::limit_charge<Gate, Out, In>;
    const gate_terms each = detail::terms_of(std::move(through), std::move(cost), std::move(true_cost));
    const auto prepare = [work = chain<In, Out>::plan(), each](graph::builder& b, graph::stage_request& request) {
      detail::limit_step<Gate, Out, In>::prepare(b, request, work, each);
    };
    return model(core_, prepare);
  }
  [[nodiscard]] const std::shared_ptr<detail::batcher>& core() const noexcept { return core_; }

  // A model is a stage: see model/model_step.hpp.
  struct step : detail::model_step<In, Out> {
    static void prepare(graph::builder& chain, graph::stage_request& request, const model& m) {
      if (!m.limited_) return detail::model_step<In, Out>::prepare(chain, request, m);
      detail::model_step<In, Out>::expect_same_runtime(chain, request, *m.core_);
      (*m.limited_)(chain, request);
    }
  };
  using catena_takes = takes<In>;
  template <class... Given>
  using catena_step = step;

 private:
  using prepare_function = std::function<void(graph::builder&, graph::stage_request&)>;

  struct stage_alone {
    const std::shared_ptr<detail::batcher>& of;
    [[nodiscard]] const std::shared_ptr<detail::batcher>& core() const noexcept { return of; }
  };

  explicit model(const std::shared_ptr<detail::batcher>& core)
      : chain<In, Out>(detail::plan_alone<In>(core->runtime(), core->name(), [&](graph::builder& alone, graph::stage_request& request) {
          detail::model_step<In, Out>::prepare(alone, request, stage_alone{core});
        })),
        core_(core) {}
  model(const std::shared_ptr<detail::batcher>& core, prepare_function limited)
      : chain<In, Out>(detail::plan_alone<In>(core->runtime(), core->name(), limited)),
        core_(core),
        limited_(std::make_shared<const prepare_function>(std::move(limited))) {
    graph::announce(*chain<In, Out>::plan());
  }

  template <class Instance>
  static std::shared_ptr<detail::batcher> make_core(const runtime& rt, const model_options& options,
                                                    std::vector<Instance> instances, request_measures<In> measures) {
    static_assert(!std::is_same_v<typename detail::signature<Instance>::parameters, takes<const batch<In, Out>&>>,
                  "catena: an instance takes batch<In, Out>&: through a const one it cannot answer");
    static_assert(std::is_void_v<std::invoke_result_t<Instance&, batch<In, Out>&>>,
                  "catena: an instance answers row by row through its batch, and returns nothing");
    check(options);
    if (instances.size() != options.instances)
      throw std::invalid_argument("model_options::instances is " + std::to_string(options.instances) + ", but " +
                                  std::to_string(instances.size()) + " are given");
    auto core = std::make_shared<detail::model_core<In, Out, Instance>>(rt.state(), options, std::move(instances),
                                                                              std::move(measures));
    rt.state()->add_executor_user(core);
    if (!options.residency) {
      if constexpr (movable_instance<Instance> || warmable_instance<Instance> || shaped_warmable_instance<Instance>)
        core->move_to(residency_level::hot);
    } else if constexpr (movable_instance<Instance>) {
      core->share_memory(core->footprint());
    } else {
      throw std::invalid_argument("model '" + options.name + "' has a residency, but its instances have no move_to() and footprint()");
    }
    core->announce();
    return core;
  }

  std::shared_ptr<detail::batcher> core_;
  std::shared_ptr<const prepare_function> limited_;  ///< null: no gate stands before it
};

/// Makes a model of a function; with several instances each has a copy of it.
///
///     auto doubled = make_model<int, int>(rt, {.name = "double"}, [](batch<int, int>& b) {
///       for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, 2 * b.input(i));
///     });
template <class In, class Out, instance_of<In, Out> Instance>
[[nodiscard]] model<In, Out> make_model(const runtime& rt, const model_options& options, Instance instance,
                                        request_measures<In> measures = {}) {
  check(options);
  std::vector<Instance> instances;
  instances.reserve(options.instances);
  if constexpr (std::copy_constructible<Instance>) {
    for (std::size_t i = 1; i < options.instances; ++i) instances.push_back(instance);
  }
  instances.push_back(std::move(instance));
  return model<In, Out>(rt, options, std::move(instances), std::move(measures));
}

}  // namespace catena
