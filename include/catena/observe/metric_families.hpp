// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// All that catena's core measures, by name.
#include <catena/observe/metric_set.hpp>

namespace catena::metric_families {

using kind = metric_family::kind;

// ---- chains and their stages; labels chain, stage ----

inline constexpr metric_family
    runs{"catena_runs", kind::counter, "Runs that ended, by outcome: answered, degraded (a fallback did), failed, cancelled."},
    run_errors{"catena_run_errors", kind::counter, "Runs that failed, by the stage that did and the error's code."},
    runs_in_flight{"catena_runs_in_flight", kind::gauge, "Runs that have begun and not ended."},
    run_duration{"catena_run_duration_seconds", kind::histogram, "From a run's first stage to the end of its last.", "seconds"},
    stage_duration{"catena_stage_duration_seconds", kind::histogram, "How long a stage took, with all its waiting and attempts.", "seconds"},
    slo_events{"catena_slo_events", kind::counter, "Runs that count for an objective: success (all but cancelled ones), latency (answered ones)."},
    slo_good_events{"catena_slo_good_events", kind::counter, "Those of them that kept it."},
    slo_target{"catena_slo_target_ratio", kind::state, "The share of events that is promised to be good.", "ratio"};

// ---- stages; labels chain, stage ----

inline constexpr metric_family
    retries{"catena_stage_retries", kind::counter, "Attempts after the first one."},
    hedges{"catena_stage_hedges", kind::counter, "Attempts beside one that took long."},
    fallbacks{"catena_stage_fallbacks", kind::counter, "Answers that a fallback gave."},
    breaker_open{"catena_stage_breaker_open", kind::state, "One while its breaker lets nobody through, a half while it probes."},
    stage_waiting{"catena_stage_queue_length", kind::gauge, "Runs that wait in the stage's queue."},
    stage_inside{"catena_stage_queue_consumers", kind::gauge, "Runs that the stage's queue has let in."};

// ---- models; labels model, version ----

inline constexpr metric_family
    model_batches{"catena_model_batches", kind::counter, "Batches handed to an instance."},
    model_rows{"catena_model_rows", kind::counter, "Requests in those batches."},
    model_padding{"catena_model_padding_rows", kind::counter, "Rows that padded batches to allowed sizes."},
    model_wasted{"catena_model_wasted_rows", kind::counter, "Requests that were computed and that nobody waited for any more."},
    model_repeated{"catena_model_repeated_rows", kind::counter, "Requests computed again to find the row that a batch threw for."},
    model_lost{"catena_model_lost_requests", kind::counter, "Requests that were not computed: refused (no room), evicted (for a higher priority), expired."},
    model_waiting{"catena_model_queue_length", kind::gauge, "Requests that wait."},
    model_wait{"catena_model_queue_wait_seconds", kind::histogram, "From a request's coming until an instance takes it.", "seconds"},
    model_batch_rows{"catena_model_batch_rows", kind::histogram, "Rows of a batch.", "rows"},
    model_batch_time{"catena_model_batch_duration_seconds", kind::histogram, "From when an instance takes a batch until it is done.", "seconds"},
    model_instances{"catena_model_instances", kind::gauge, "Batches that can be computed at once."},
    model_load_time{"catena_model_load_seconds", kind::state, "What it last took to load.", "seconds"},
    model_warm_up_time{"catena_model_warm_up_seconds", kind::state, "What it last took to warm up.", "seconds"};

// ---- the runtime and its process ----

inline constexpr metric_family
    runs_live{"catena_runtime_runs", kind::gauge, "Runs of all chains and models that have begun and not ended."},
    wasted{"catena_runtime_wasted_answers", kind::counter, "Answers that came too late for anybody to want them."},
    left_behind{"catena_runtime_left_behind", kind::gauge, "Work that goes on and that nobody waits for any more."},
    draining{"catena_runtime_draining", kind::state, "One while no new runs are taken."},
    parked_runs{"catena_runtime_parked_runs", kind::gauge, "Runs that wait for a person's decision."},
    process_cpu{"process_cpu_seconds", kind::counter, "User and system time of the process.", "seconds"},
    process_memory{"process_resident_memory_bytes", kind::state, "Memory of the process that is resident.", "bytes"},
    process_virtual{"process_virtual_memory_bytes", kind::state, "Address space of the process.", "bytes"},
    process_start{"process_start_time_seconds", kind::state, "When the process began, since 1970.", "seconds"},
    process_fds{"process_open_fds", kind::state, "File descriptors that are open."},
    process_max_fds{"process_max_fds", kind::state, "File descriptors that may be open."},
    process_threads{"process_threads", kind::state, "Threads of the process."};

}  // namespace catena::metric_families
