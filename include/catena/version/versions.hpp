// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Several versions of one stage behind one name: swapped under load, tried on a share of runs, or in the shadow of the others.
#include <catena/chain/chain.hpp>
#include <catena/version/version_chooser.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace catena {

/// The versions of a model, or of any other stage from In to Out. They are one stage, and called like a chain:
/// `co_await risk(c, x)`, `risk.async_run(x, token)`.
///
///     versions<txn, float> risk(rt, {.name = "risk"});
///     risk.add("3", risk_v3);                        // the first one is stable
///     risk.add("4", risk_v4);
///     risk.begin_canary("4", {.share = 0.05});       // promoted or rolled back by itself, see canary_rule
///     ...
///     risk.promote("4");                             // or by hand, at any time
///     risk.remove("3");                              // destroyed when the last run that has it has ended
///
/// A run is given a version when it first asks, and has that one in all its stages, in chains inside it, and in what its
/// coroutines call with their `call`. So nothing that is set here disturbs a run that has begun.
///
/// Which runs get the canary is decided by a key: by default the run's id, and where the same customer is to have the same
/// version all along, a function of the request or of the call. Whoever is in a share is in every larger one.
///
/// A canary is judged by the first request of each run. One that was cancelled, refused or never began does not count.
/// A cache belongs to a version, `risk.add("4", stage("4", f).cache(c))`: in front of a chain that asks versions it would keep
/// what any of them has answered. Metrics tell of a version's runs as of those of a chain `risk@4`.
/// \threads   safe
/// \lifetime  a cheap shared handle; chains and runs in flight pin what they need
/// \cancel    as the version's stage
/// \errors    errc::unavailable: there is no version yet; and those of the versions. The path names the version: `fraud/risk/4`
template <class In, class Out>
class versions : private chain<In, Out> {
 public:
  using typename chain<In, Out>::input_type;
  using typename chain<In, Out>::output_type;

  /// \errors std::invalid_argument: an option is out of range
  versions(const runtime& rt, versions_options options)
      : versions(rt, std::move(options), [](call c) { return c.id(); }) {}

  /// \param key  by what a run gets a canary: a function of the request, `const In&`, or of the call; what it answers is hashed
  ///             as a part of a cache's key is
  ///
  ///     versions<txn, float> risk(rt, {.name = "risk"}, &txn::customer);
  ///     versions<txn, float> risk(rt, {.name = "risk"}, [](call c) { return c.tenant(); });
  template <class Key>
  versions(const runtime& rt, versions_options options, Key key)
      : versions(chooser{rt.state()->known_source(std::make_shared<detail::version_set>(rt.state(), std::move(options))),
                         std::make_shared<const key_function>(key_of(std::move(key)))}) {}

  using chain<In, Out>::operator();
  using chain<In, Out>::try_run;
  using chain<In, Out>::async_run;
  using chain<In, Out>::describe;       // names the versions that there are by then, and what each is for
  using chain<In, Out>::async_warm_up;  // of all versions that there are by then, so also of one that is to be promoted next
  using chain<In, Out>::warm_up;

  [[nodiscard]] const std::string& name() const noexcept { return chooser_.set->name(); }

  // What follows throws std::invalid_argument where there is no such version.

  /// Adds a version: a model, a chain, a function, or `stage("name", f)` with what is said about it, such as a cache. It serves
  /// nobody until it is given a label, but the first one is stable.
  /// \errors  graph_error: it belongs to another runtime, or would move its input; std::invalid_argument: there is one of this name
  template <class Stage>
  void add(std::string version, Stage what) const {
    auto plan = plan_of(version, std::move(what));
    graph::announce(*plan);
    chooser_.set->add(std::move(version), std::move(plan));
  }
  /// Takes a version out; runs that have it go on with it.
  /// \errors  std::invalid_argument: it is stable
  void remove(std::string_view version) const { chooser_.set->remove(version); }
  /// Makes a version stable. A canary beside it is from now on compared with this one.
  void promote(std::string_view version) const { chooser_.set->promote(version); }

  /// Gives a share of runs to a version, until its rule promotes it or rolls it back. It takes the place of an earlier canary.
  /// \errors  std::invalid_argument: it is stable, or an option is out of range
  void begin_canary(std::string_view version, const canary_options& options = {}) const { chooser_.set->begin_canary(version, options); }
  /// Gives the canary another share; whoever was in the smaller of the two is in both.
  /// \return  false: there is no canary, as its rule may have decided at any time
  /// \errors  std::invalid_argument: this is no share for one
  bool set_canary_share(double share) const { return chooser_.set->set_canary_share(share); }
  /// Rolls it back by hand, if there is one.
  void end_canary() const { chooser_.set->end_canary(); }

  /// Sends a version copies of a share of runs' requests, with low priority and a deadline of its own. Its answers are dropped and
  /// its failures counted; a copy begins when the executor comes to it, and drain waits for it. Where copying is costly let
  /// requests be std::shared_ptr<const T>. It takes the place of an earlier shadow.
  /// \errors  std::invalid_argument: it is stable or the canary, or an option is out of range
  void mirror(std::string_view version, const shadow_options& options = {}) const {
    static_assert(std::copy_constructible<In>,
                  "catena: a shadow is sent copies of requests: let them be copyable, or a std::shared_ptr<const T>");
    chooser_.set->mirror(version, options);
  }
  void stop_mirroring() const { chooser_.set->stop_mirroring(); }

  [[nodiscard]] versions_stats stats() const { return chooser_.set->stats(); }

  // Versions are a stage: see chain/steps/chosen_step.hpp.
  struct step : detail::chosen_step<detail::version_chooser<In>, Out, In> {
    static void prepare(graph::builder& chain, graph::stage_request& request, const versions& v) {
      chain.expect_own(request, v.chooser_.set->runtime().get(), "versions '" + v.name() + "' belong");
      prepare_chooser(chain, request, v.chooser_);
    }
    static void prepare_chooser(graph::builder& chain, graph::stage_request& request, const detail::version_chooser<In>& c) {
      request.need = c.set;
      detail::chosen_step<detail::version_chooser<In>, Out, In>::prepare(chain, request, "versions", c);
    }
  };
  using catena_takes = takes<In>;
  using catena_answers_vary = void;
  template <class... Given>
  using catena_step = step;

 private:
  using chooser = detail::version_chooser<In>;
  using key_function = typename chooser::key_function;

  explicit versions(chooser c)
      : chain<In, Out>(detail::plan_alone<In>(c.set->runtime(), c.set->name(), [&](graph::builder& alone, graph::stage_request& request) {
          step::prepare_chooser(alone, request, c);
        })),
        chooser_(std::move(c)) {}

  template <class Key>
  static key_function key_of(Key key) {
    constexpr bool of_call = std::invocable<const Key&, call>;
    static_assert(of_call || std::invocable<const Key&, const In&>,
                  "catena: versions choose by a function of the request, const In&, or of the call");
    return [key = std::move(key)](call c, const In& input) {
      hasher h;
      if constexpr (std::invocable<const Key&, call>) h.append(std::invoke(key, c));
      else h.append(std::invoke(key, input));
      (void)c, (void)input;
      return h.finish();
    };
  }

  template <class Stage>
  graph::plan_ptr plan_of(const std::string& version, Stage what) const {
    if constexpr (detail::stage_expression<Stage>) {
      using output = typename Stage::template output<In>;
      static_assert(std::is_same_v<output, Out>, "catena: a version answers what its versions<In, Out> say");
      graph::builder alone(chooser_.set->runtime(), name() + "@" + version);
      const std::uint32_t answer = std::move(what).template add_to<In>(alone, {alone.add_input(graph::value_type_of<In>)});
      const graph::plan_ptr plan = alone.compile(answer, graph::builder::exits::end_here);
      if (const std::string fault = detail::fault_of_choice<Out, In>(*plan, *chooser_.set->runtime()); !fault.empty())
        throw graph_error(plan->name, {"version '" + version + "' " + fault});
      return plan;
    } else {
      return plan_of(version, stage(version, std::move(what)));
    }
  }

  chooser chooser_;
};

}  // namespace catena
