// SPDX-License-Identifier: BSL-1.0
#include <catena/policy/apply.hpp>

#include "nearest.hpp"
#include "option_table.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <typeindex>
#include <utility>

namespace catena {
namespace detail {
namespace {

/// What a set of options is known by, however many stages have it.
using tunable_key = std::pair<const void*, std::type_index>;

tunable_key key_of(const tunable& t) { return {t.subject, std::type_index(*t.type)}; }

/// "'a', 'b'".
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& n : names) text += (text.empty() ? "'" : ", '") + n + "'";
  return text;
}

std::string joined(std::span<const std::string> path) {
  std::string text;
  for (const std::string& name : path) text += (text.empty() ? "" : "/") + name;
  return text;
}

/// What a document means for some chains and models: new options of theirs, or what is wrong.
class policy_plan {
 public:
  policy_plan(const policy_document& document, std::span<const std::shared_ptr<const tunable_site>> sites, unknown_names how) {
    for (const policy_entry& entry : document.entries()) look_up(entry, sites, how);
    for (change& c : changes_) expect_allowed(c);
  }

  [[nodiscard]] std::vector<policy_fault>& faults() noexcept { return faults_; }

  /// What make() will change.
  [[nodiscard]] std::set<tunable_key> keys() const {
    std::set<tunable_key> all;
    for (const change& c : changes_) all.insert(key_of(*c.what));
    return all;
  }
  void make() const noexcept {
    for (const change& c : changes_) c.what->tune(c.options.get());
  }

 private:
  struct change {
    std::shared_ptr<const tunable> what;
    const option_table* table;
    std::shared_ptr<void> options;
    std::vector<std::pair<std::size_t, std::string>> said = {};  ///< the fields, and where
    std::string pointer;                                         ///< of the first entry
  };

  void fault(std::string pointer, std::string text) {
    // Several chains may have a stage of one name.
    if (told_.emplace(pointer, text).second) faults_.push_back({std::move(pointer), std::move(text)});
  }

  void look_up(const policy_entry& entry, std::span<const std::shared_ptr<const tunable_site>> sites, unknown_names how) {
    const auto is = entry.path[0] == "stages" ? tunable_site::kind::stage : tunable_site::kind::model;
    bool is_known = false;
    for (const auto& site : sites) {
      for (const tunable_site::part& part : site->parts) {
        if (part.is != is || part.name != entry.path[1]) continue;
        is_known = true;
        look_up(entry, part);
      }
    }
    if (!is_known && how == unknown_names::are_faults) fault_name(entry, is, sites);
  }

  void fault_name(const policy_entry& entry, tunable_site::kind is, std::span<const std::shared_ptr<const tunable_site>> sites) {
    std::vector<std::string> names;
    for (const auto& site : sites)
      for (const tunable_site::part& part : site->parts)
        if (part.is == is) names.push_back(part.name);
    const std::string noun = is == tunable_site::kind::stage ? "stage" : "model";
    fault(pointer_to(std::span(entry.path).first(2)),
          "there is no " + noun + " of this name" + (names.empty() ? ", nor any other" : "; the nearest: '" + nearest_to(entry.path[1], names) + "'"));
  }

  void look_up(const policy_entry& entry, const tunable_site::part& part) {
    const std::span path = std::span(entry.path).subspan(2);
    bool found = false;
    std::vector<std::string> others;
    for (const tunable_place& place : part.places) {
      others.push_back(joined(place.path));
      if (!std::ranges::equal(place.path, path)) continue;
      found = true;
      change_options(entry, place.what);
    }
    if (found) return;
    const std::string noun = part.is == tunable_site::kind::stage ? "stage" : "model";
    const std::string nearest =
        others.empty() ? ", and nothing else that can be changed" : "; the nearest that it has: '" + nearest_to(joined(path), others) + "'";
    fault(pointer_to(entry.path), "the " + noun + " has no " + joined(path) + nearest);
  }

  void change_options(const policy_entry& entry, const std::shared_ptr<const tunable>& what) {
    const option_table& table = *entry.shape->options;
    auto known = std::ranges::find_if(changes_, [&](const change& c) { return key_of(*c.what) == key_of(*what); });
    if (known == changes_.end())
      known = changes_.insert(known, {.what = what, .table = &table, .options = table.copy(what->original.get()), .pointer = pointer_to(entry.path)});
    for (const auto& [number, value] : entry.settings) {
      const option_field& field = table.fields[number];
      const std::string pointer = entry.shape->is_scalar ? pointer_to(entry.path) : pointer_to(entry.path, field.name);
      if (!what->only.empty() && std::ranges::find(what->only, field.name) == what->only.end()) {
        fault(pointer, "this one has none; it has: " + listed({what->only.begin(), what->only.end()}));
        continue;
      }
      const auto before = std::ranges::find(known->said, number, &std::pair<std::size_t, std::string>::first);
      if (before != known->said.end() && field.get(known->options.get()) != value)
        fault(pointer, "is something else at " + before->second + ", and the two are one");
      if (before == known->said.end()) known->said.emplace_back(number, pointer);
      field.set(known->options.get(), value);
    }
  }

  void expect_allowed(const change& c) {
    try {
      c.table->check(c.options.get());
      if (c.what->expect) c.what->expect(c.options.get());
    } catch (const std::invalid_argument& e) {
      fault(c.pointer, std::string(e.what()) + ", with what is given in C++");
    }
  }

  std::vector<change> changes_;
  std::vector<policy_fault> faults_;
  std::set<std::pair<std::string, std::string>> told_;
};

/// The document that is in force.
class policy_in_force final : public tunable_registry::tuner {
 public:
  policy_in_force(policy_document document, const runtime_state& of) : document_(std::move(document)), runtime_(of) {}

  /// As all is as in C++.
  void came(const tunable_site& site) noexcept override {
    try {
      const std::shared_ptr<const tunable_site> borrowed(std::shared_ptr<const void>(), &site);
      policy_plan plan(document_, {&borrowed, 1}, unknown_names::may_come);
      for (const policy_fault& f : plan.faults()) runtime_.log(log_level::error, "policy", f.to_string());
      if (!plan.faults().empty()) return;
      tuned.merge(plan.keys());
      plan.make();
    } catch (const std::exception& e) {
      runtime_.log(log_level::error, "policy", e.what());
    }
  }

  std::set<tunable_key> tuned;

 private:
  const policy_document document_;
  const runtime_state& runtime_;  ///< which has it
};

void forget(const std::set<tunable_key>& before, const std::set<tunable_key>& now, const tunable_registry::sites& sites) noexcept {
  for (const auto& site : sites) {
    for (const tunable_site::part& part : site->parts) {
      for (const tunable_place& place : part.places) {
        const tunable_key key = key_of(*place.what);
        if (before.contains(key) && !now.contains(key)) place.what->tune(place.what->original.get());
      }
    }
  }
}

}  // namespace
}  // namespace detail

boost::system::result<void, policy_faults> apply_policies(const runtime& rt, const policy_document& document, unknown_names how) {
  using reply = boost::system::result<void, policy_faults>;
  const auto next = std::make_shared<detail::policy_in_force>(document, *rt.state());
  std::shared_ptr<tunable_registry::tuner> last;
  return rt.state()->tunables.change([&](const tunable_registry::sites& sites, std::shared_ptr<tunable_registry::tuner>& tuner) -> reply {
    detail::policy_plan plan(document, sites, how);
    if (!plan.faults().empty()) return policy_faults{std::move(plan.faults())};
    next->tuned = plan.keys();  // what may throw comes before the first change
    // What the last document changed, and this one does not, is again as in C++.
    if (tuner) detail::forget(static_cast<const detail::policy_in_force&>(*tuner).tuned, next->tuned, sites);
    plan.make();
    last = std::exchange(tuner, next);
    return {};
  });
}

}  // namespace catena
