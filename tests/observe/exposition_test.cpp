// SPDX-License-Identifier: BSL-1.0
/// \file
/// All that catena measures, as Prometheus reads it: what tests/ops/exposition.sh holds against the rules and promtool.
#include <catena/catena.hpp>
#include <catena/device/gpu_metrics.hpp>
#include <catena/testing/manual_world.hpp>

#include <dlfcn.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "device/fake_nvml.hpp"
#include "residency/resident_models.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

/// What has something to tell only as long as it is there.
struct exposed_sources {
  explicit exposed_sources(const runtime& on) : rt(on) {
    const auto gpus = reinterpret_cast<test::fake_machine* (*)()>(dlsym(nvml.get(), "fake_nvml_machine"))();
    gpus->gpus = {{.name = "NVIDIA H100", .uuid = "GPU-7", .compute_percent = 70}};
    gpu_metrics = add_gpu_metrics(rt, gpu_monitor({.library = CATENA_FAKE_NVML}));
    pool.add(stage("here", echo));
    risk.add("3", stage("echo", echo));
  }

  static result<int> echo(int i) {
    if (i < 0) return failure(errc::invalid_input);
    return i;
  }
  chain<int, int> make_chain_of_all() const {
    return make_chain<int>(rt, "all", [&](auto in) {
      return in >> stage("call", echo).retry({}).hedge({}).breaker(circuit_breaker()).queue({}).limit(gate).limit(limit).bulkhead(4).notify(us)
                >> stage("kept", echo).cache(kept).fallback([](int i) { return i; })
                >> stage("pool", pool) >> stage("versions", risk) >> stage("model", score);
    });
  }

  runtime rt;
  std::shared_ptr<void> nvml{dlopen(CATENA_FAKE_NVML, RTLD_NOW | RTLD_LOCAL), dlclose};
  std::shared_ptr<const metric_source> gpu_metrics;
  cache<int> kept{rt, {.name = "answers"}};
  admission gate{rt, {.name = "asking", .buckets = {shared_bucket(rt, "tokens", {.refill = {.tokens = 1}, .capacity = 3})}}};
  concurrency_limit limit{rt, {.name = "at once"}};
  notifier us{{.sinks = {[](const incident&) {}}}};
  residency memory{rt, {.budgets = {{"cpu", 1000}}}};
  model<int, int> score = make_model<int, int>(rt, {.name = "score", .residency = memory},
                                               test::movable_negative(std::make_shared<test::whereabouts_of_instance>()));
  replica_pool<int, int> pool{rt, {.name = "pool"}};
  versions<int, int> risk{rt, {.name = "risk"}};
};

}  // namespace

TEST_CASE("all that is measured is told together, and written into the file that $CATENA_EXPOSITION names") {
  testing::manual_world world;
  runtime_options watched;
  watched.metrics = std::make_shared<metrics>(metrics_options{.slos = {{"all", {.success = 0.999, .p99 = 150ms}}}});
  watched.tracer = tracer::create({});
  const runtime rt = world.runtime(watched);
  const exposed_sources sources(rt);
  const auto all = sources.make_chain_of_all();
  for (const int i : {1, -1}) {
    test::outcome<int> end;
    all.async_run(i, end.take());
    world.run();
    CHECK(end.answered() == (i > 0));
  }
  const metric_set now = rt.metrics();
  CHECK(now.families().size() >= 75);
  if (const char* const file = std::getenv("CATENA_EXPOSITION")) std::ofstream(file) << prometheus_text(now);
}
