// SPDX-License-Identifier: BSL-1.0
// What can be changed of the steps of a stage while it serves.
#include <catena/chain/steps/attempt_step.hpp>
#include <catena/chain/steps/early_step.hpp>
#include <catena/chain/steps/hedge_step.hpp>
#include <catena/chain/steps/queue_step.hpp>
#include <catena/recover/time_limit.hpp>

namespace catena::detail {
namespace {

/// Options that are one stage's own: tune(subject, options).
template <class Options, class Subject, class Tune>
std::shared_ptr<const tunable> own_tunable(const std::shared_ptr<Subject>& subject, const void* part, const Options& original, Tune tune) {
  auto what = std::make_shared<tunable>(tunable_of(part, original));
  what->tune = [subject, tune](const void* options) { tune(*subject, *static_cast<const Options*>(options)); };
  return what;
}

template <duration attempt_numbers::*Limit>
std::shared_ptr<const tunable> limit_tunable(const std::shared_ptr<attempted_work>& stage, const std::optional<duration>& original) {
  return own_tunable(stage, &original, time_limit{*original}, [](attempted_work& of, const time_limit& options) {
    attempt_numbers numbers = of.numbers.load();
    numbers.*Limit = options.limit;
    of.numbers.store(numbers);
    if (Limit == &attempt_numbers::attempt_timeout && of.options.attempt_limit)
      of.options.attempt_limit->store(options.limit.count(), std::memory_order_relaxed);
  });
}

}  // namespace

attempt_numbers::attempt_numbers(const attempt_options& o) {
  if (o.timeout) timeout = *o.timeout;
  if (o.attempt_timeout) attempt_timeout = *o.attempt_timeout;
  if (o.retry) set_retry(*o.retry);
}

void attempt_numbers::set_retry(const retry_options& o) {
  first_wait = o.first_wait;
  longest_wait = o.longest_wait;
  factor = o.factor;
  retries = static_cast<std::uint32_t>(o.retries);
  spread = o.jitter;
}

std::vector<tunable_place> tunables_of(const std::shared_ptr<attempted_work>& stage) {
  const attempt_options& said = stage->options;
  std::vector<tunable_place> places;
  if (said.timeout) places.push_back({{"timeout"}, limit_tunable<&attempt_numbers::timeout>(stage, said.timeout)});
  if (said.attempt_timeout)
    places.push_back({{"attempt_timeout"}, limit_tunable<&attempt_numbers::attempt_timeout>(stage, said.attempt_timeout)});
  if (said.retry) {
    const auto tune = [](attempted_work& of, const retry_options& options) {
      attempt_numbers numbers = of.numbers.load();
      numbers.set_retry(options);
      of.numbers.store(numbers);
    };
    retry_options original = *said.retry;
    original.when = {};  // the user's function is not copied about
    places.push_back({{"retry"}, own_tunable(stage, stage.get(), original, tune)});
    places.push_back({{"retry", "budget"}, stage->budget->tuning()});
  }
  if (said.breaker) places.push_back({{"breaker"}, said.breaker->tuning()});
  return places;
}

std::vector<tunable_place> tunables_of(const std::shared_ptr<hedged_work>& stage) {
  const auto tune = [](hedged_work& of, const hedge_options& options) {
    of.extra.store(options.extra, std::memory_order_relaxed);
    of.clock.set_options(options);
  };
  return {{{"hedge"}, own_tunable(stage, stage.get(), stage->options, tune)}, {{"hedge", "budget"}, stage->budget.tuning()}};
}

std::vector<tunable_place> tunables_of(const std::shared_ptr<early_core>& core) {
  const auto tune = [](early_core& of, const fail_early_options& options) { of.set_options(options); };
  return {{{"fail_early"}, own_tunable(core, core.get(), core->original, tune)}};
}

std::vector<tunable_place> tunables_of(const std::shared_ptr<queued_work>& stage, void (*let_in)(graph::queue_place&)) {
  const auto tune = [let_in](queued_work& of, const queue_options& options) {
    of.queue.set_options(options);
    while (graph::queue_place* next = of.queue.let_in()) let_in(*next);
  };
  return {{{"queue"}, own_tunable(stage, stage.get(), stage->queue.original(), tune)}};
}

}  // namespace catena::detail
