// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Everything of the core: runtime, chains, models, replica pools, versions, gates, caches, notifiers, metrics, traces, policies from JSON and GPUs.
/// Adapters such as catena/torch/ are included by name.
#include <catena/balance.hpp>
#include <catena/cache.hpp>
#include <catena/chain.hpp>
#include <catena/device/gpu_monitor.hpp>
#include <catena/error.hpp>
#include <catena/incident/notifier.hpp>
#include <catena/incident/ticket.hpp>
#include <catena/inventory.hpp>
#include <catena/model.hpp>
#include <catena/observe/chrome_trace.hpp>
#include <catena/observe/metrics.hpp>
#include <catena/observe/trace_note.hpp>
#include <catena/observe/trace_ring.hpp>
#include <catena/observe/tracer.hpp>
#include <catena/policy.hpp>
#include <catena/residency/residency.hpp>
#include <catena/result.hpp>
#include <catena/runtime.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/schedule/concurrency_limit.hpp>
#include <catena/stream.hpp>
#include <catena/version.hpp>
#include <catena/version/versions.hpp>
