// SPDX-License-Identifier: BSL-1.0
#include <catena/residency/residency_book.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

namespace catena {
namespace {

[[nodiscard]] std::size_t index(residency_level level) noexcept { return static_cast<std::size_t>(level); }
[[nodiscard]] double seconds(duration d) noexcept { return std::chrono::duration<double>(d).count(); }

}  // namespace

void check(const residency_options& options) {
  const auto bad = [](const std::string& text) { throw std::invalid_argument("residency_options::" + text); };
  for (const memory_use& b : options.budgets) {
    if (b.memory.empty()) bad("budgets must name their memories, as in \"cpu\"");
    if (b.bytes == 0) bad("budgets: '" + b.memory + "' must have at least 1 byte");
    if (std::ranges::count(options.budgets, b.memory, &memory_use::memory) > 1) bad("budgets: '" + b.memory + "' is named twice");
  }
  if (options.patience < duration{} || options.patience > std::chrono::hours(1)) bad("patience must be 0 to 1 hour");
  if (options.use_window < std::chrono::milliseconds(1) || options.use_window > std::chrono::hours(24))
    bad("use_window must be 1 ms to 1 day");
}

residency_book::residency_book(residency_options options) : options_(std::move(options)) {
  check(options_);
  for (const memory_use& b : options_.budgets) budgets_.push_back({.memory = b.memory, .bytes = b.bytes});
}

// ---- models come and go -----------------------------------------------------------------------------------------------------

std::size_t residency_book::index_of(const std::string& memory) {
  const auto found = std::ranges::find(budgets_, memory, &budget::memory);
  if (found == budgets_.end()) budgets_.push_back({.memory = memory, .bytes = most_bytes});
  return static_cast<std::size_t>(std::ranges::find(budgets_, memory, &budget::memory) - budgets_.begin());
}

std::vector<residency_book::amount> residency_book::amounts(const std::vector<memory_use>& uses) {
  std::vector<amount> all;
  for (const memory_use& u : uses) {
    const std::size_t memory = index_of(u.memory);
    const auto known = std::ranges::find(all, memory, &amount::memory);
    if (known == all.end()) all.push_back({memory, u.bytes});
    else known->bytes += u.bytes;
  }
  return all;
}

void residency_book::check_fits(const std::vector<amount>& amounts) const {
  for (const amount& a : amounts)
    if (a.bytes > budgets_[a.memory].bytes)
      throw std::invalid_argument("it needs " + std::to_string(a.bytes) + " bytes of '" + budgets_[a.memory].memory +
                                  "', of which models may hold " + std::to_string(budgets_[a.memory].bytes));
}

residency_book::number residency_book::add(const footprint& f, time_point now) {
  entry e;
  e.holds[index(residency_level::warm)] = amounts(f.warm);
  e.holds[index(residency_level::hot)] = amounts(f.hot);
  for (const auto& level : e.holds) check_fits(level);
  e.has_warm = !f.warm.empty();
  e.counted = now;
  const auto free = std::ranges::find(entries_, false, &entry::live);
  if (free == entries_.end()) {
    entries_.push_back(std::move(e));
    return static_cast<number>(entries_.size() - 1);
  }
  *free = std::move(e);
  return static_cast<number>(free - entries_.begin());
}

void residency_book::remove(number n) {
  entry& e = entries_[n];
  end(e, residency_level::cold);
  e = {};
  e.live = false;
}

void residency_book::want(number n, time_point now) {
  entry& e = entries_[n];
  if (e.level != residency_level::hot && e.wanted == no_deadline) e.wanted = now;
  e.has_failed = false;
}

// ---- what is held -----------------------------------------------------------------------------------------------------------

std::size_t residency_book::held(const std::string& memory) const noexcept {
  const auto found = std::ranges::find(budgets_, memory, &budget::memory);
  return found == budgets_.end() ? 0 : found->held;
}

std::vector<memory_use> residency_book::held() const {
  std::vector<memory_use> all;
  for (const budget& b : budgets_) all.push_back({.memory = b.memory, .bytes = b.held});
  return all;
}

std::size_t residency_book::bytes_of(const std::vector<amount>& amounts, std::size_t memory) noexcept {
  const auto found = std::ranges::find(amounts, memory, &amount::memory);
  return found == amounts.end() ? 0 : found->bytes;
}

std::size_t residency_book::lacks(const entry& e, std::size_t memory) const noexcept {
  const std::size_t has = bytes_of(e.holds[index(e.level)], memory);
  const std::size_t needs = bytes_of(e.holds[index(residency_level::hot)], memory);
  return needs > has ? needs - has : 0;
}

bool residency_book::fits(const entry& e) const noexcept {
  return std::ranges::all_of(e.holds[index(residency_level::hot)], [&](const amount& a) {
    const budget& b = budgets_[a.memory];
    return lacks(e, a.memory) <= b.bytes - std::min(b.bytes, b.held);
  });
}

bool residency_book::will_fit(const entry& e) const noexcept {
  return std::ranges::all_of(e.holds[index(residency_level::hot)], [&](const amount& a) {
    const budget& b = budgets_[a.memory];
    return lacks(e, a.memory) <= b.bytes - std::min(b.bytes, b.held - b.leaving);
  });
}

/// While a model moves it holds the larger of both levels of each memory.
residency_book::move residency_book::begin(number n, residency_level to, time_point now) {
  entry& e = entries_[n];
  const auto& before = e.holds[index(e.level)];
  const auto& after = e.holds[index(to)];
  for (std::size_t m = 0; m < budgets_.size(); ++m) {
    const std::size_t had = bytes_of(before, m), will = bytes_of(after, m);
    if (will > had) budgets_[m].held += will - had;
    else budgets_[m].leaving += had - will;
  }
  e.going = to;
  e.began = now;
  return {.of = n, .from = e.level, .to = to};
}

void residency_book::end(entry& e, residency_level at) {
  const auto& before = e.holds[index(e.level)];
  const auto& meant = e.holds[index(e.going.value_or(e.level))];
  const auto& after = e.holds[index(at)];
  for (std::size_t m = 0; m < budgets_.size(); ++m) {
    const std::size_t had = bytes_of(before, m), would = bytes_of(meant, m);
    budgets_[m].held -= std::max(had, would);
    budgets_[m].held += bytes_of(after, m);
    if (had > would) budgets_[m].leaving -= had - would;
  }
  e.level = at;
  e.going.reset();
}

void residency_book::moved(number n, time_point now) {
  entry& e = entries_[n];
  const residency_level from = e.level;
  end(e, *e.going);
  if (e.level != residency_level::hot) return;
  e.wanted = no_deadline;
  if (from == residency_level::cold || e.load_seconds == 0) e.load_seconds = std::max(seconds(now - e.began), 1e-6);
}

void residency_book::failed(number n) {
  entry& e = entries_[n];
  end(e, residency_level::cold);
  e.wanted = no_deadline;
  e.has_failed = true;
}

// ---- what is decided --------------------------------------------------------------------------------------------------------

void residency_book::look_at_all(time_point now, const std::function<activity(number)>& activity_of) {
  const double window = seconds(options_.use_window);
  for (number n = 0; n < entries_.size(); ++n) {
    entry& e = entries_[n];
    if (!e.live) continue;
    const activity a = activity_of(n);
    const double passed = seconds(std::max(now - e.counted, duration{}));
    e.recent_uses = e.recent_uses * std::exp(-passed / window) + static_cast<double>(a.use_count - e.uses);
    e.uses = a.use_count;
    e.counted = now;
    e.in_use = a.in_use;
    e.needed = a.needed_count != 0;
  }
}

/// Of one never loaded it is not known how long that takes: as long as it is large.
double residency_book::value(const entry& e, std::size_t memory) const noexcept {
  const auto frees = static_cast<double>(std::max<std::size_t>(bytes_of(e.holds[index(residency_level::hot)], memory), 1));
  const double load = e.load_seconds > 0 ? e.load_seconds : frees / 1e9;
  return e.recent_uses / seconds(options_.use_window) * load / frees;
}

/// It stays in host memory where that costs nobody anything.
residency_level residency_book::level_below(const entry& e) const noexcept {
  if (e.level != residency_level::hot || !e.has_warm) return residency_level::cold;
  const auto& warm = e.holds[index(residency_level::warm)];
  const bool has_room = std::ranges::all_of(warm, [&](const amount& a) {
    const std::size_t has = bytes_of(e.holds[index(e.level)], a.memory);
    const budget& b = budgets_[a.memory];
    return a.bytes <= has || a.bytes - has <= b.bytes - std::min(b.bytes, b.held);
  });
  return has_room ? residency_level::warm : residency_level::cold;
}

/// Before it is waited for, only what is worth less leaves for it.
bool residency_book::may_leave(const entry& e, const entry& for_it, std::size_t memory, leave who) const noexcept {
  if (!e.live || e.going || e.level == residency_level::cold || e.wanted != no_deadline || &e == &for_it) return false;
  if (who == leave::idle && e.in_use) return false;
  return for_it.wanted != no_deadline || (!e.needed && value(e, memory) < value(for_it, memory));
}

std::optional<residency_book::number> residency_book::victim(const entry& for_it, leave who) const noexcept {
  using rank = std::tuple<bool, bool, double>;  // in use, needed, value: the least leaves
  std::optional<number> least;
  rank lowest{};
  for (const amount& a : for_it.holds[index(residency_level::hot)]) {
    const budget& b = budgets_[a.memory];
    const std::size_t lack = lacks(for_it, a.memory);
    const std::size_t coming = b.bytes - std::min(b.bytes, b.held - b.leaving);
    if (lack <= coming) continue;
    std::size_t could_come = coming;
    std::optional<number> first;
    for (number n = 0; n < entries_.size(); ++n) {
      const entry& e = entries_[n];
      if (!may_leave(e, for_it, a.memory, who)) continue;
      const std::size_t stays = bytes_of(e.holds[index(level_below(e))], a.memory);
      const std::size_t has = bytes_of(e.holds[index(e.level)], a.memory);
      if (has <= stays) continue;
      could_come += has - stays;
      const rank r{e.in_use, e.needed, value(e, a.memory)};
      if (first && !(r < lowest)) continue;
      first = n;
      lowest = r;
    }
    if (could_come < lack) return std::nullopt;  // nobody leaves in vain
    if (!least) least = first;
  }
  return least;
}

std::optional<residency_book::move> residency_book::make_room(const entry& for_it, leave who, time_point now) {
  const auto n = victim(for_it, who);
  if (!n) return std::nullopt;
  move made = begin(*n, level_below(entries_[*n]), now);
  made.is_urgent = who == leave::anyone;
  return made;
}

std::optional<residency_book::move> residency_book::next(time_point now, const std::function<activity(number)>& activity_of) {
  look_again_ = no_deadline;
  look_at_all(now, activity_of);
  std::vector<number> upward;
  for (number n = 0; n < entries_.size(); ++n) {
    const entry& e = entries_[n];
    if (e.live && !e.going && e.level != residency_level::hot && (e.wanted != no_deadline || (e.needed && !e.has_failed))) upward.push_back(n);
  }
  std::ranges::sort(upward, {}, [&](number n) { return std::pair(entries_[n].wanted, n); });  // those only needed come last
  std::vector<bool> spoken_for(budgets_.size());
  for (const number n : upward) {
    const entry& e = entries_[n];
    const auto& needs = e.holds[index(residency_level::hot)];
    if (std::ranges::any_of(needs, [&](const amount& a) { return spoken_for[a.memory] && lacks(e, a.memory) != 0; })) continue;
    if (fits(e)) return begin(n, residency_level::hot, now);
    if (!will_fit(e)) {
      const bool is_wanted = e.wanted != no_deadline;
      const bool has_lost_patience = is_wanted && now - e.wanted >= options_.patience;
      if (auto m = make_room(e, leave::idle, now)) return m;
      if (has_lost_patience) {
        if (auto m = make_room(e, leave::anyone, now)) return m;
      } else if (is_wanted) {
        look_again_ = std::min(look_again_, detail::later(e.wanted, options_.patience));
      }
    }
    if (e.wanted == no_deadline) continue;
    for (const amount& a : needs) spoken_for[a.memory] = true;
  }
  return std::nullopt;
}

}  // namespace catena
