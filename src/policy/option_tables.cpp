// SPDX-License-Identifier: BSL-1.0
#include "option_table.hpp"

#include <catena/cache/store.hpp>
#include <catena/graph/stage_queue.hpp>
#include <catena/recover/breaker.hpp>
#include <catena/recover/fail_early.hpp>
#include <catena/recover/hedge.hpp>
#include <catena/recover/retry.hpp>
#include <catena/recover/time_limit.hpp>
#include <catena/schedule/batch_options.hpp>
#include <catena/schedule/bulkhead.hpp>
#include <catena/schedule/gate_options.hpp>
#include <catena/schedule/queue_options.hpp>
#include <catena/schedule/token_bucket.hpp>

#include <array>
#include <chrono>
#include <type_traits>

namespace catena::detail {
namespace {

using std::chrono::hours;

template <class>
struct owner_of;
template <class Owner, class Member>
struct owner_of<Member Owner::*> {
  using type = Owner;
};

/// The field of an option: the member, or the member of a member, and what is known of it.
template <auto First, auto... Rest>
constexpr option_field field(option_field f) {
  using owner = typename owner_of<decltype(First)>::type;
  using value = std::remove_cvref_t<decltype(((std::declval<owner&>().*First) .* ... .* Rest))>;
  f.get = [](const void* options) -> option_value {
    const value& v = ((static_cast<const owner*>(options)->*First) .* ... .* Rest);
    if constexpr (std::is_same_v<value, double>) return v;
    else if constexpr (std::is_same_v<value, duration>) return static_cast<std::int64_t>(v.count());
    else return static_cast<std::int64_t>(v);
  };
  f.set = [](void* options, option_value given) {
    value& v = ((static_cast<owner*>(options)->*First) .* ... .* Rest);
    if constexpr (std::is_same_v<value, double>) v = std::get<double>(given);
    else if constexpr (std::is_same_v<value, duration>) v = duration(std::get<std::int64_t>(given));
    else v = static_cast<value>(std::get<std::int64_t>(given));
  };
  return f;
}

constexpr option_field time_of(std::string_view name, std::string_view about, duration least, std::int64_t most = no_most) {
  return {.name = name, .kind = option_kind::time, .least = least.count(), .most = most, .about = about};
}
constexpr option_field time_of(std::string_view name, std::string_view about, duration least, duration most) {
  return time_of(name, about, least, most.count());
}
constexpr option_field count_of(std::string_view name, std::string_view about, std::int64_t least, std::int64_t most = no_most) {
  return {.name = name, .kind = option_kind::count, .least = least, .most = most, .about = about};
}
constexpr option_field size_of(std::string_view name, std::string_view about) {
  return {.name = name, .kind = option_kind::size, .about = about};
}
constexpr option_field number_of(std::string_view name, std::string_view about, double least, double most) {
  return {.name = name, .kind = option_kind::number, .least_number = least, .most_number = most, .about = about};
}
constexpr option_field choice_of(std::string_view name, std::string_view about, std::span<const std::string_view> choices) {
  return {.name = name, .kind = option_kind::choice, .most = static_cast<std::int64_t>(choices.size()) - 1, .choices = choices, .about = about};
}

template <class Options>
constexpr option_table table(std::string_view name, std::span<const option_field> fields) {
  return {.name = name,
          .type = &typeid(Options),
          .fields = fields,
          .make = []() -> std::shared_ptr<void> { return std::make_shared<Options>(); },
          .copy = [](const void* o) -> std::shared_ptr<void> { return std::make_shared<Options>(*static_cast<const Options*>(o)); },
          .check = [](const void* o) { check(*static_cast<const Options*>(o)); }};
}

constexpr duration zero{};
constexpr duration above_zero{1};

// ---- recover ----------------------------------------------------------------------------------------------------------------

constexpr option_field time_limit_fields[] = {field<&time_limit::limit>(time_of("limit", "how long it may take", above_zero))};
constexpr option_table time_limit_table = table<time_limit>("time_limit", time_limit_fields);

constexpr std::string_view jitters[] = {"none", "equal", "full"};
constexpr option_field retry_fields[] = {
    field<&retry_options::retries>(count_of("retries", "attempts after the first one", 0, 100)),
    field<&retry_options::first_wait>(time_of("first_wait", "before the first retry, up to longest_wait", zero, hours(24))),
    field<&retry_options::factor>(number_of("factor", "each wait is so many times as long as the one before", 1, 100)),
    field<&retry_options::longest_wait>(time_of("longest_wait", "no wait is longer, unless the failure says so", zero, hours(24))),
    field<&retry_options::jitter>(choice_of("jitter", "which part of a wait is random", jitters))};
constexpr option_table retry_table = table<retry_options>("retry_options", retry_fields);

constexpr option_field budget_fields[] = {
    field<&retry_budget_options::share>(number_of("share", "extra calls for each ordinary one of the last second", 0, 10)),
    field<&retry_budget_options::per_second>(number_of("per_second", "and so many in each second beside", 0, 1e6))};
constexpr option_table budget_table = table<retry_budget_options>("retry_budget_options", budget_fields);

constexpr option_field breaker_fields[] = {
    field<&breaker_options::consecutive>(count_of("consecutive", "bad attempts in a row that open it; 0: they do not count", 0, 1000)),
    field<&breaker_options::bad_share>(number_of("bad_share", "bad ones among the last that open it; 0: they do not count", 0, 1)),
    field<&breaker_options::least_count>(count_of("least_count", "attempts in the window before their share counts", 1, 1'000'000)),
    field<&breaker_options::window>(time_of("window", "how long an attempt counts", above_zero, hours(24))),
    field<&breaker_options::slow>(time_of("slow", "an answer that took longer is bad; 0s: none is too slow", zero)),
    field<&breaker_options::patience>(time_of("patience", "how long an answer may take until some have shown how long", above_zero)),
    field<&breaker_options::first_wait>(time_of("first_wait", "how long it is open the first time, up to longest_wait", above_zero, hours(24))),
    field<&breaker_options::longest_wait>(time_of("longest_wait", "opening again soon, twice as long each time up to this", above_zero, hours(24))),
    field<&breaker_options::probes>(count_of("probes", "good attempts in a row that close it", 1, 1000)),
    field<&breaker_options::ramp>(time_of("ramp", "how long its share grows then; 0s: all at once", zero, hours(24)))};
constexpr option_table breaker_table = table<breaker_options>("breaker_options", breaker_fields);

constexpr option_field hedge_fields[] = {
    field<&hedge_options::quantile>(number_of("quantile", "another attempt begins when the last one takes longer than so many did", 0.5, 0.999)),
    field<&hedge_options::extra>(count_of("extra", "attempts beside the first one", 1, 3)),
    field<&hedge_options::least_count>(count_of("least_count", "answers that must have been seen before", 1, 1'000'000)),
    field<&hedge_options::least_delay>(time_of("least_delay", "none begins sooner than after this", zero))};
constexpr option_table hedge_table = table<hedge_options>("hedge_options", hedge_fields);

constexpr option_field fail_early_fields[] = {
    field<&fail_early_options::chance>(number_of("chance", "who has less of a chance to end in time fails at once", 0.001, 0.5)),
    field<&fail_early_options::least_count>(count_of("least_count", "calls that must have shown lately whether they end in that time", 10, 100'000)),
    field<&fail_early_options::probe_share>(number_of("probe_share", "so many of those that would fail go on all the same", 0.001, 1)),
    field<&fail_early_options::probes>(count_of("probes", "probes in a row that end in time before all that was seen is forgotten", 1, 100)),
    field<&fail_early_options::memory>(time_of("memory", "after so long without a call nothing is known any more", above_zero, hours(24)))};
constexpr option_table fail_early_table = table<fail_early_options>("fail_early_options", fail_early_fields);

// ---- queues, batches, caches ------------------------------------------------------------------------------------------------

constexpr option_field stage_queue_fields[] = {
    field<&queue_options::capacity>(count_of("capacity", "how many may wait", 0)),
    field<&queue_options::ttl>(time_of("ttl", "how long one may wait; 0s: as long as its deadline", zero)),
    field<&queue_options::consumers>(count_of("consumers", "how many runs may be in the stage at once", 1))};
constexpr option_table stage_queue_table = table<queue_options>("queue_options", stage_queue_fields);

constexpr std::string_view when_full_names[] = {"refuse_new", "drop_oldest_of_lowest"};
constexpr option_field request_queue_fields[] = {
    field<&request_queue_options::capacity>(count_of("capacity", "requests that may wait, of each shape", 1, 16'777'216)),
    field<&request_queue_options::max_bytes>(size_of("max_bytes", "bytes of the requests that wait, of each shape; 0: no bound")),
    field<&request_queue_options::ageing>(
        time_of("ageing", "how much longer a request waits to go before a higher priority; 0s: for ever", zero, hours(24))),
    field<&request_queue_options::full>(choice_of("full", "what happens to a request that finds no room", when_full_names))};
constexpr option_table request_queue_table = table<request_queue_options>("request_queue_options", request_queue_fields);

constexpr option_field batch_fields[] = {
    field<&batch_options::max_size>(count_of("max_size", "requests in one batch, or their cost; no more than in C++, for which there is room", 1, 65'536)),
    field<&batch_options::max_delay>(time_of("max_delay", "how long a request waits for others", zero, hours(1))),
    field<&batch_options::max_shapes>(count_of("max_shapes", "shapes of which requests may wait at once", 1, 1024))};
constexpr option_table batch_table = table<batch_options>("batch_options", batch_fields);

constexpr option_field cache_fields[] = {
    field<&cache_options::capacity_count>(
        count_of("capacity_count", "entries; no more than in C++, for which there is room", 1, std::int64_t{1} << 31)),
    field<&cache_options::capacity_bytes>(size_of("capacity_bytes", "what all entries may weigh together; 0: no limit")),
    field<&cache_options::ttl>(time_of("ttl", "how long a value that is stored now stays; 0s: until it is evicted", zero)),
    field<&cache_options::ttl_jitter>(number_of("ttl_jitter", "the greatest share by which times to live are shortened at random", 0, 1)),
    field<&cache_options::negative_ttl>(time_of("negative_ttl", "how long a remembered failure stays; 0s: none is remembered", zero))};
constexpr option_table cache_table = table<cache_options>("cache_options", cache_fields);

// ---- gates --------------------------------------------------------------------------------------------------------------------

constexpr option_field gate_fields[] = {
    field<&gate_options::line_capacity>(count_of("line_capacity", "requests that may wait; 0: refused at once", 0, 1'048'576)),
    field<&gate_options::count>(count_of("count", "of a fixed_limit: requests in flight", 1)),
    field<&gate_options::least>(count_of("least", "of an aimd_limit or gradient_limit: the smallest limit, up to most", 1, 1'048'576)),
    field<&gate_options::most>(count_of("most", "of an aimd_limit or gradient_limit: the largest limit", 1, 1'048'576)),
    field<&gate_options::target>(time_of("target", "of an aimd_limit: what nine of ten are to take", above_zero)),
    field<&gate_options::backoff>(number_of("backoff", "of an aimd_limit: what the limit is multiplied by when they take longer", 0.5, 0.99)),
    field<&gate_options::tolerance>(number_of("tolerance", "of a gradient_limit: how many times the latency without load is fine", 1, 10)),
    field<&gate_options::probe_interval>(
        time_of("probe_interval", "of a gradient_limit: how long the latency without load is believed", above_zero))};
constexpr option_table gate_table = table<gate_options>("gate_options", gate_fields);

constexpr option_field bulkhead_fields[] = {field<&bulkhead_options::places>(count_of("places", "runs that may be in the stage at once", 1))};
constexpr option_table bulkhead_table = table<bulkhead_options>("bulkhead_options", bulkhead_fields);

constexpr option_field rate_fields[] = {
    field<&token_bucket_options::refill, &rate::tokens>(number_of("tokens", "so many come in each time of 'per'", 1e-9, 1e18)),
    field<&token_bucket_options::refill, &rate::per>(time_of("per", "the time in which 'tokens' come", above_zero))};
constexpr option_table rate_table = table<token_bucket_options>("token_bucket_options", rate_fields);

// ---- the document -------------------------------------------------------------------------------------------------------------

constexpr option_shape budget_shape[] = {{.name = "budget", .about = "how many extra calls there may be beside ordinary ones", .options = &budget_table}};
constexpr option_shape bucket_shape = {.name = "bucket", .about = "by the bucket's name", .options = &rate_table};
constexpr option_shape gate_children[] = {{.name = "buckets", .about = "of an admission, by their names", .each = &bucket_shape}};
constexpr option_shape gate_shape = {.name = "gate", .about = "by the gate's name", .options = &gate_table, .children = gate_children};

constexpr option_shape stage_children[] = {
    {.name = "timeout", .about = "what is said with .timeout()", .options = &time_limit_table, .is_scalar = true},
    {.name = "attempt_timeout", .about = "what is said with .attempt_timeout()", .options = &time_limit_table, .is_scalar = true},
    {.name = "retry", .about = "what is said with .retry()", .options = &retry_table, .children = budget_shape},
    {.name = "breaker", .about = "of the circuit_breaker that is given to .breaker()", .options = &breaker_table},
    {.name = "hedge", .about = "what is said with .hedge()", .options = &hedge_table, .children = budget_shape},
    {.name = "fail_early", .about = "what is said with .fail_early()", .options = &fail_early_table},
    {.name = "queue", .about = "what is said with .queue()", .options = &stage_queue_table},
    {.name = "bulkhead", .about = "how many places the one has that is given to .bulkhead()", .options = &bulkhead_table, .is_scalar = true},
    {.name = "cache", .about = "of the cache that is given to .cache()", .options = &cache_table},
    {.name = "limit", .about = "of the gates that are given to .limit(), by their names", .each = &gate_shape}};
constexpr option_shape model_children[] = {{.name = "batch", .about = "how requests are joined", .options = &batch_table},
                                       {.name = "queue", .about = "how they wait", .options = &request_queue_table}};
constexpr option_shape stage_shape = {.name = "stage", .about = "by its path, chain/stage; a gate before a whole chain or model by that one's name", .children = stage_children};
constexpr option_shape model_shape = {.name = "model", .about = "by its name", .children = model_children};
constexpr option_shape document_children[] = {{.name = "stages", .about = "options of stages", .each = &stage_shape},
                                          {.name = "models", .about = "options of models", .each = &model_shape}};

}  // namespace

constinit const option_shape document_shape = {.name = "", .about = "Options of catena's stages and models.", .children = document_children};

std::span<const option_table* const> option_tables() noexcept {
  static const std::array all{&time_limit_table, &retry_table, &budget_table, &breaker_table, &hedge_table, &fail_early_table, &stage_queue_table,
                              &request_queue_table, &batch_table, &cache_table, &gate_table, &bulkhead_table, &rate_table};
  return all;
}

}  // namespace catena::detail
