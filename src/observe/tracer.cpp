// SPDX-License-Identifier: BSL-1.0
#include <catena/cache/hasher.hpp>
#include <catena/observe/tracer.hpp>

#include "trace_tree.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <random>
#include <stdexcept>

namespace catena {
namespace {

tracer_options checked(tracer_options o) {
  if (!(o.sample_share >= 0 && o.sample_share <= 1)) throw std::invalid_argument("tracer_options::sample_share must be 0 to 1");
  if (o.keep_slower_than < duration{}) throw std::invalid_argument("tracer_options::keep_slower_than must not be negative");
  for (const auto& [chain, limit] : o.keep_chain_slower_than)
    if (limit < duration{}) throw std::invalid_argument("tracer_options::keep_chain_slower_than of '" + chain + "' must not be negative");
  if (o.max_runs < 1 || o.max_runs > 100'000)
    throw std::invalid_argument("tracer_options::max_runs must be 1 to 100000, is " + std::to_string(o.max_runs));
  if (std::ranges::find(o.sinks, nullptr) != o.sinks.end()) throw std::invalid_argument("tracer_options::sinks must not have a null one");
  return o;
}

std::uint64_t nobody_can_guess() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

}  // namespace

tracer::tracer(tracer_options options)
    : options_(checked(std::move(options))),
      seed_(options_.seed ? options_.seed : nobody_can_guess()),
      hash_secret_(std::make_unique<const hash_secret>(options_.hash_key != std::array<std::uint64_t, 2>{}
                                                           ? options_.hash_key
                                                           : std::array{nobody_can_guess(), nobody_can_guess()})) {}

tracer::~tracer() = default;

std::shared_ptr<tracer> tracer::create(tracer_options options) { return std::shared_ptr<tracer>(new tracer(std::move(options))); }

tracer::counts tracer::seen() const noexcept { return {words_.sum(kept_word), words_.sum(dropped_word), words_.sum(limited_word)}; }

std::uint64_t tracer::new_span() noexcept {
  const auto mine = words_.mine();
  const std::uint64_t number = std::uint64_t{mine.slot()} << 56 | mine.draw(drawn_word);
  return detail::span_of_stage(seed_ ^ number * 0xd134'2543'de82'ef95U, 0);
}

std::array<std::byte, 16> tracer::new_id() noexcept {
  std::array<std::byte, 16> id{};
  trace_context half;
  for (std::size_t i = 0; i < 2; ++i) {
    half.set_span(new_span());
    std::ranges::copy(half.span_id, id.begin() + static_cast<std::ptrdiff_t>(8 * i));
  }
  return id;
}

/// By the id: all services that go by the same share keep the same requests.
bool tracer::samples(const std::array<std::byte, 16>& id) const noexcept {
  trace_context low;
  std::copy(id.begin() + 8, id.end(), low.span_id.begin());
  constexpr double all = 0x1p56;
  return static_cast<double>(low.span_number() & 0x00ff'ffff'ffff'ffffU) < options_.sample_share * all;
}

boost::intrusive_ptr<detail::request_trace> tracer::begin(const trace_context& own) noexcept {
  const bool can_be_worth = options_.keep_failed || options_.keep_slower_than > duration{} || !options_.keep_chain_slower_than.empty();
  if (!own.is_sampled() && !can_be_worth) return nullptr;
  return boost::intrusive_ptr<detail::request_trace>(new (std::nothrow) detail::request_trace(shared_from_this(), own));
}

std::optional<kept_for> tracer::notable(const detail::run_record_of_trace& outermost) const noexcept {
  if (options_.keep_failed && outermost.why.is_set() && !outermost.why.is(errc::cancelled)) return kept_for::failed;
  duration limit = options_.keep_slower_than;
  if (!options_.keep_chain_slower_than.empty()) {
    const auto own = options_.keep_chain_slower_than.find(outermost.shape->name);
    if (own != options_.keep_chain_slower_than.end()) limit = own->second;
  }
  if (limit > duration{} && outermost.whole.ended - outermost.whole.began > limit) return kept_for::slow;
  return {};
}

bool tracer::takes_one_more(time_point now) noexcept {
  if (options_.max_kept_per_second == 0) return true;
  const auto second = static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count()) << 32;
  constexpr std::uint64_t second_bits = ~std::uint64_t{0xffff'ffff};
  std::uint64_t seen = kept_in_second_.load(std::memory_order_relaxed), next = 0;
  do {
    next = second > (seen & second_bits) ? second + 1 : seen + 1;  // who comes late begins no second again
    if ((next & ~second_bits) > options_.max_kept_per_second) return false;
  } while (!kept_in_second_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
  return true;
}

std::optional<kept_for> tracer::worth(const detail::request_trace& t, const detail::run_record_of_trace& outermost) noexcept {
  const std::optional<kept_for> why = notable(outermost);
  const bool is_limited = why && !takes_one_more(outermost.whole.ended);
  if (why && !is_limited) return why;
  if (t.is_sampled()) return kept_for::sampled;
  words_.mine().add(is_limited ? limited_word : dropped_word, 1);
  return {};
}

void tracer::deliver(detail::request_trace& t, kept_for why) noexcept {
  std::vector<std::shared_ptr<const trace>> made;
  try {
    made = detail::trace_tree(t).build(why);
  } catch (...) {
    return count_dropped();
  }
  words_.mine().add(kept_word, 1);
  for (const auto& each : made)
    for (const auto& sink : options_.sinks) sink->take(each);
}

}  // namespace catena
