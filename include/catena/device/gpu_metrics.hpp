// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// GPUs among a runtime's metrics.
#include <catena/device/gpu_monitor.hpp>
#include <catena/observe/metric_source.hpp>
#include <catena/runtime.hpp>

#include <memory>

namespace catena {

/// Adds what the monitor reads to rt.metrics() for as long as what it returns is held. Each look takes what gpu_monitor::read() takes,
/// up to milliseconds for each GPU, on the thread that asks for the metrics.
[[nodiscard]] std::shared_ptr<const metric_source> add_gpu_metrics(const runtime& rt, gpu_monitor gpus);

}  // namespace catena
