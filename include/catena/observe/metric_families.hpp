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
    slo_target{"catena_slo_target_ratio", kind::state, "The share of events that is promised to be good.", "ratio"},
    slo_bound{"catena_slo_bound_seconds", kind::state, "What an answer may take to be good for the objective latency.", "seconds"};

// ---- stages; labels chain, stage; a bulkhead is no gauge: chains of one name may share it, and it is not added up ----

inline constexpr metric_family
    retries{"catena_stage_retries", kind::counter, "Attempts after the first one."},
    hedges{"catena_stage_hedges", kind::counter, "Attempts beside one that took long."},
    fallbacks{"catena_stage_fallbacks", kind::counter, "Answers that a fallback gave."},
    breaker_open{"catena_stage_breaker_open", kind::state, "One while its breaker lets nobody through, a half while it probes."},
    stage_waiting{"catena_stage_queue_length", kind::gauge, "Runs that wait in the stage's queue."},
    stage_inside{"catena_stage_queue_consumers", kind::gauge, "Runs that the stage's queue has let in."},
    bulkhead_places{"catena_stage_bulkhead_places", kind::state, "Places that the stage's bulkhead has; of several the most."},
    bulkhead_taken{"catena_stage_bulkhead_taken", kind::state, "Those that are taken, by runs of all stages that share it; of several the most."},
    bulkhead_refused{"catena_stage_bulkhead_refused", kind::counter, "Times that it refused a run at this stage."};

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

// ---- caches; label cache: cache_options::name ----

inline constexpr metric_family
    cache_lookups{"catena_cache_lookups", kind::counter, "Look-ups, by outcome: hit, negative_hit (a failure), miss, wait (for somebody else's computation)."},
    cache_evictions{"catena_cache_evictions", kind::counter, "Entries that made room for others."},
    cache_expired{"catena_cache_expired", kind::counter, "Entries found when their time had passed."},
    cache_load_failures{"catena_cache_load_failures", kind::counter, "Computations that failed."},
    cache_corrupt{"catena_cache_corrupt", kind::counter, "Values that had changed since they were stored, in checked caches."},
    cache_entries{"catena_cache_entries", kind::gauge, "Entries."},
    cache_bytes{"catena_cache_bytes", kind::gauge, "What they weigh.", "bytes"};

// ---- gates; label gate: the name of an admission or a concurrency limit ----

inline constexpr metric_family
    gate_waiting{"catena_gate_waiting", kind::gauge, "Requests in its line."},
    gate_refused{"catena_gate_refused", kind::counter, "Requests that were refused."},
    gate_in_flight{"catena_gate_in_flight", kind::gauge, "Requests that a concurrency limit has let in."},
    gate_limit{"catena_gate_limit", kind::gauge, "How many it lets in by now."},
    bucket_tokens{"catena_bucket_tokens", kind::state, "Tokens that are there; label bucket."};

// ---- replicas and versions; labels pool, replica, and name, version; how long a version takes is told as of the chain `name@version` ----

inline constexpr metric_family
    replica_requests{"catena_replica_requests", kind::counter, "Requests that it was chosen for."},
    replica_failures{"catena_replica_failures", kind::counter, "Those that failed there, or ran out of time."},
    replica_outstanding{"catena_replica_outstanding", kind::gauge, "Requests that have not ended."},
    replica_latency{"catena_replica_latency_seconds", kind::state, "The mean of its answers lately.", "seconds"},
    replica_ejected{"catena_replica_ejected", kind::state, "One while it is left alone, a half while it is probed."},
    version_runs{"catena_version_runs", kind::counter, "Runs that were given it; as a shadow, requests that were sent."},
    version_requests{"catena_version_requests", kind::counter, "Requests, by outcome: answered, failed, ignored (they say nothing about it)."},
    version_label_state{"catena_version_label", kind::state, "One for the label that it has: none, stable, canary, shadow."};

// ---- memory that models share; labels memory, model ----

inline constexpr metric_family
    memory_held{"catena_memory_held_bytes", kind::gauge, "What models hold of it.", "bytes"},
    residency_state{"catena_model_residency_ratio", kind::state, "Where a model is: 0 in its file, 0.5 in host memory, 1 where it computes.", "ratio"},
    residency_loads{"catena_model_loads", kind::counter, "Times that it was loaded."},
    residency_unloads{"catena_model_unloads", kind::counter, "Times that it had to leave."};

// ---- GPUs; labels gpu (its number), uuid ----

inline constexpr metric_family
    gpu_compute{"catena_gpu_compute_utilization_ratio", kind::state, "The share of the last sample period in which it computed.", "ratio"},
    gpu_memory_use{"catena_gpu_memory_utilization_ratio", kind::state, "The same for reading and writing its memory.", "ratio"},
    gpu_memory{"catena_gpu_memory_used_bytes", kind::state, "Memory in use, by all processes.", "bytes"},
    gpu_memory_size{"catena_gpu_memory_size_bytes", kind::state, "Memory that it has.", "bytes"},
    gpu_temperature{"catena_gpu_temperature_celsius", kind::state, "Its temperature.", "celsius"};

// ---- traces ----

inline constexpr metric_family traces{"catena_traces", kind::counter, "Requests that were recorded, by what became of it: kept, dropped, limited (slow or failed, but too many in a second)."};

// ---- who is told of failed runs: all notifiers together ----

inline constexpr metric_family
    incidents{"catena_incidents", kind::counter, "Failed runs, by what their notifier made of it: told, suppressed (by rate or window)."},
    notices{"catena_notices", kind::counter,
            "Incidents and dead letters, by what their sinks made of them: taken, failed (it threw), dropped (it was slow)."},
    notices_waiting{"catena_notices_waiting", kind::gauge, "Those that wait for their sinks."};

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
