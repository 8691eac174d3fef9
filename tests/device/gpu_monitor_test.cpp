// SPDX-License-Identifier: BSL-1.0
/// \file
/// Reading GPUs, through a fake NVML: what is told, what is missing, and when it is loaded and shut down.
#include <catena/device/gpu_metrics.hpp>
#include <catena/device/gpu_monitor.hpp>
#include <catena/observe/metric_set.hpp>
#include <catena/testing/manual_world.hpp>

#include <dlfcn.h>

#include <atomic>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "device/fake_nvml.hpp"

#include "support/catch.hpp"

namespace {

using namespace catena;
using Catch::Matchers::ContainsSubstring;

/// The library in this process, and its machine as it was in the beginning.
class fake_nvml {
 public:
  explicit fake_nvml(const char* file = CATENA_FAKE_NVML) : library_(dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
    if (!library_) throw std::runtime_error(dlerror());
    machine_ = reinterpret_cast<test::fake_machine* (*)()>(dlsym(library_, "fake_nvml_machine"))();
    machine_->gpus.clear();
    machine_->start_code = machine_->count_code = 0;
    machine_->starts = machine_->users = 0;
  }
  fake_nvml(const fake_nvml&) = delete;
  fake_nvml& operator=(const fake_nvml&) = delete;
  ~fake_nvml() { (void)dlclose(library_); }

  test::fake_machine* operator->() const noexcept { return machine_; }

 private:
  void* library_;
  test::fake_machine* machine_;
};

const gpu_monitor_options gpu_fakes{.library = CATENA_FAKE_NVML};

// [watch]
void watch(const catena::gpu_monitor& gpus, std::ostream& log) {
  if (!gpus.is_available()) log << gpus.why_not() << "\n";            // no library, no driver, or one of another version
  for (const catena::gpu_reading& gpu : gpus.read())
    if (gpu.compute_utilisation && gpu.temperature_celsius > 85)      // what a driver does not tell is missing
      log << gpu.name << " is hot: " << *gpu.temperature_celsius << " degrees, " << 100 * *gpu.compute_utilisation << " % busy\n";
}
// [/watch]

}  // namespace

TEST_CASE("a GPU is read with its name, uuid, utilisation, memory and temperature") {
  const fake_nvml fake;
  fake->gpus = {{.name = "NVIDIA H100", .uuid = "GPU-7", .compute_percent = 70, .memory_percent = 25, .total_bytes = 80'000'000'000,
                 .used_bytes = 5'000'000'000, .celsius = 61}};
  const gpu_monitor gpus(gpu_fakes);
  CHECK(gpus.is_available());
  CHECK(gpus.why_not().empty());
  const auto all = gpus.read();
  REQUIRE(all.size() == 1);
  CHECK(all[0].index == 0);
  CHECK(all[0].name == "NVIDIA H100");
  CHECK(all[0].uuid == "GPU-7");
  CHECK(all[0].compute_utilisation == 0.7);
  CHECK(all[0].memory_utilisation == 0.25);
  CHECK(all[0].memory_used_bytes == 5'000'000'000u);
  CHECK(all[0].memory_total_bytes == 80'000'000'000u);
  CHECK(all[0].temperature_celsius == 61);
  CHECK(all[0].fault.empty());
}

TEST_CASE("GPUs are among a runtime's metrics while somebody wants them there") {
  const fake_nvml fake;
  fake->gpus = {{.uuid = "GPU-7", .compute_percent = 70, .used_bytes = 5'000'000'000}};
  testing::manual_world world;
  const runtime rt = world.runtime();
  auto gpus = add_gpu_metrics(rt, gpu_monitor(gpu_fakes));
  CHECK(rt.metrics().value("catena_gpu_compute_utilization_ratio", R"(gpu="0",uuid="GPU-7")") == 0.7);
  CHECK(rt.metrics().value("catena_gpu_memory_used_bytes", R"(gpu="0",uuid="GPU-7")") == 5e9);
  gpus.reset();
  CHECK(!rt.metrics().families().contains("catena_gpu_memory_used_bytes"));
}

TEST_CASE("several GPUs are read in NVML's order, each time as they are by then") {
  const fake_nvml fake;
  fake->gpus = {{.uuid = "GPU-a", .compute_percent = 100}, {.uuid = "GPU-b"}, {.uuid = "GPU-c"}};
  const gpu_monitor gpus(gpu_fakes);
  const auto before = gpus.read();
  REQUIRE(before.size() == 3);
  CHECK(before[0].uuid == "GPU-a");
  CHECK(before[0].compute_utilisation == 1.0);
  CHECK(before[2].uuid == "GPU-c");
  CHECK(before[2].index == 2);
  CHECK(before[2].compute_utilisation == 0.0);
  fake->gpus[2].compute_percent = 40;
  CHECK(gpus.read()[2].compute_utilisation == 0.4);
}

TEST_CASE("a machine without GPUs is available and reads none") {
  const fake_nvml fake;
  const gpu_monitor gpus(gpu_fakes);
  CHECK(gpus.is_available());
  CHECK(gpus.read().empty());
}

TEST_CASE("a figure that a GPU does not support is missing, which is no fault, and the others are there") {
  const fake_nvml fake;
  fake->gpus = {{.compute_percent = 70, .celsius = 50, .utilisation_told = 3}, {.compute_percent = 70}};
  const auto all = gpu_monitor(gpu_fakes).read();
  REQUIRE(all.size() == 2);
  CHECK_FALSE(all[0].compute_utilisation);
  CHECK_FALSE(all[0].memory_utilisation);
  CHECK(all[0].temperature_celsius == 50);
  CHECK(all[0].memory_total_bytes == 1u);
  CHECK(all[0].fault.empty());
  CHECK(all[1].compute_utilisation == 0.7);
}

TEST_CASE("an NVML without one of the functions reads the rest") {
  const fake_nvml fake(CATENA_COLD_NVML);
  fake->gpus = {{.compute_percent = 70}};
  const gpu_monitor gpus({.library = CATENA_COLD_NVML});
  const auto all = gpus.read();
  REQUIRE(all.size() == 1);
  CHECK(all[0].compute_utilisation == 0.7);
  CHECK_FALSE(all[0].temperature_celsius);
  CHECK(all[0].fault.empty());
}

TEST_CASE("a GPU that is lost between two reads says so, and the others are still read") {
  const fake_nvml fake;
  fake->gpus = {{.uuid = "GPU-a"}, {.uuid = "GPU-b"}, {.uuid = "GPU-c"}};
  const gpu_monitor gpus(gpu_fakes);
  CHECK(gpus.read()[0].fault.empty());
  fake->gpus[0].found = 15;  // it cannot even be found
  fake->gpus[1].told = 15;   // it was found, and then was lost
  const auto all = gpus.read();
  REQUIRE(all.size() == 3);
  for (int lost : {0, 1}) {
    const gpu_reading& gpu = all[static_cast<std::size_t>(lost)];
    CHECK(gpu.fault == "GPU is lost");
    CHECK(gpu.uuid.empty());
    CHECK_FALSE(gpu.compute_utilisation);
    CHECK_FALSE(gpu.memory_used_bytes);
    CHECK_FALSE(gpu.temperature_celsius);
  }
  CHECK(all[2].uuid == "GPU-c");
  CHECK(all[2].fault.empty());
  CHECK(all[2].temperature_celsius == 30);
}

TEST_CASE("a driver that cannot say how many GPUs there are reads as none") {
  const fake_nvml fake;
  fake->gpus = {{}};
  fake->count_code = 18;
  CHECK(gpu_monitor(gpu_fakes).read().empty());
}

TEST_CASE("a watch that compares what may be missing tells of the GPU that is hot") {
  const fake_nvml fake;
  fake->gpus = {{.name = "cool", .celsius = 60}, {.name = "H100", .compute_percent = 90, .celsius = 91}, {.name = "gone", .told = 15}};
  std::ostringstream log;
  watch(gpu_monitor(gpu_fakes), log);
  CHECK(log.str() == "H100 is hot: 91 degrees, 90 % busy\n");
}

TEST_CASE("without the library a monitor reads nothing and says why") {
  const gpu_monitor gpus({.library = "libcatena_no_such_nvml.so.1"});
  CHECK_FALSE(gpus.is_available());
  CHECK_THAT(gpus.why_not(), ContainsSubstring("there is no NVML: libcatena_no_such_nvml.so.1"));
  CHECK(gpus.read().empty());
}

TEST_CASE("a library that is something else is told from NVML") {
  const gpu_monitor gpus({.library = "libc.so.6"});
  CHECK_FALSE(gpus.is_available());
  CHECK(gpus.why_not() == "'libc.so.6' is not NVML: it has no nvmlInit_v2");
  CHECK(gpus.read().empty());
}

TEST_CASE("an NVML that does not start says why, and is not shut down") {
  const fake_nvml fake;
  fake->gpus = {{}};
  for (const auto& [code, why] : {std::pair(9u, "Driver Not Loaded"), std::pair(18u, "Driver/library version mismatch")}) {
    fake->start_code = code;
    const gpu_monitor gpus(gpu_fakes);
    CHECK_FALSE(gpus.is_available());
    CHECK(gpus.why_not() == std::string("NVML does not start: ") + why);
    CHECK(gpus.read().empty());
  }
  CHECK(fake->users == 0);
  fake->start_code = 0;
  CHECK(gpu_monitor(gpu_fakes).read().size() == 1);
}

TEST_CASE("NVML is shut down when the last monitor has gone") {
  const fake_nvml fake;
  fake->gpus = {{}};
  {
    std::optional<gpu_monitor> one(gpu_fakes);
    const gpu_monitor other(gpu_fakes);
    CHECK(fake->users == 2);
    one.reset();
    CHECK(fake->users == 1);
    CHECK(other.read().size() == 1);
  }
  CHECK(fake->users == 0);
}

TEST_CASE("copies of a monitor share one start, which lasts as long as any of them") {
  const fake_nvml fake;
  fake->gpus = {{}};
  std::optional<gpu_monitor> one(gpu_fakes);
  {
    const gpu_monitor copy = *one;
    CHECK(fake->starts == 1);
    one.reset();
    CHECK(copy.read().size() == 1);
  }
  CHECK(fake->starts == 1);
  CHECK(fake->users == 0);
}

TEST_CASE("a monitor without a library's name is refused") {
  CHECK_THROWS_WITH(gpu_monitor({.library = ""}), "gpu_monitor_options::library must not be empty");
}

TEST_CASE("threads make, share and drop monitors while others read", "[concurrency]") {
  const fake_nvml fake;
  fake->gpus = {{.compute_percent = 70}, {.compute_percent = 30}};
  std::atomic<int> wrong{0};
  {
    const gpu_monitor shared(gpu_fakes);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          const gpu_monitor own = i % 2 == 0 ? gpu_monitor(gpu_fakes) : shared;
          for (const gpu_monitor* from : {&own, &shared}) {
            const auto all = from->read();
            wrong += all.size() != 2 || all[0].compute_utilisation != 0.7 || all[1].compute_utilisation != 0.3;
          }
        }
      });
    for (auto& t : threads) t.join();
  }
  CHECK(wrong == 0);
  CHECK(fake->starts == 1 + 4 * 100);
  CHECK(fake->users == 0);
}
