// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the process takes of its machine.
#include <catena/observe/metric_set.hpp>

namespace catena {

/// Adds the process_… metrics that Prometheus' clients have; where the system does not tell one, it is left out.
void collect_process(metric_set& to);

}  // namespace catena
