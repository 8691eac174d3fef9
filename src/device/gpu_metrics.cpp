// SPDX-License-Identifier: BSL-1.0
#include <catena/device/gpu_metrics.hpp>
#include <catena/observe/metric_families.hpp>

#include <string>
#include <utility>

namespace catena {
namespace {

class gpu_source final : public metric_source {
 public:
  explicit gpu_source(gpu_monitor gpus) : gpus_(std::move(gpus)) {}

  void collect(metric_set& to) const override {
    namespace families = metric_families;
    for (const gpu_reading& gpu : gpus_.read()) {
      const std::string number = std::to_string(gpu.index);
      const auto tell = [&](const metric_family& family, const auto& figure) {
        if (figure) to.add(family, {{"gpu", number}, {"uuid", gpu.uuid}}, static_cast<double>(*figure));
      };
      tell(families::gpu_compute, gpu.compute_utilisation);
      tell(families::gpu_memory_use, gpu.memory_utilisation);
      tell(families::gpu_memory, gpu.memory_used_bytes);
      tell(families::gpu_memory_size, gpu.memory_total_bytes);
      tell(families::gpu_temperature, gpu.temperature_celsius);
    }
  }

 private:
  const gpu_monitor gpus_;
};

}  // namespace

std::shared_ptr<const metric_source> add_gpu_metrics(const runtime& rt, gpu_monitor gpus) {
  return rt.state()->known_source(std::make_shared<const gpu_source>(std::move(gpus)));
}

}  // namespace catena
