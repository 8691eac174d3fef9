// SPDX-License-Identifier: BSL-1.0
#include <catena/chain/steps/notify_step.hpp>

namespace catena::detail {

std::string path_of(graph::run& r, const graph::step& s) {
  std::string path = r.description(s).name;
  const auto within = [&](const std::string& segment) {
    if (!segment.empty()) path = path.empty() ? segment : segment + "/" + path;
  };
  graph::run* here = &r;
  while (here->began_by().around == &child_tail::around) {
    const auto& tail = here->tail<child_tail>();
    const auto& about = tail.parent_run->description(*tail.parent_step);
    within(about.kind == "each" ? about.name + "[" + std::to_string(tail.index) + "]" : about.name);
    here = tail.parent_run;
  }
  within(here->of().name);
  return path;
}

bool concerns_somebody(const notify_options& options, graph::run& r, const failure& why) noexcept {
  if (r.stopped() || why.is(errc::cancelled)) return false;
  if (why.is(errc::deadline_exceeded) && r.runtime().time->now() >= r.deadline) return false;
  try {
    return !options.when || options.when(why);
  } catch (...) {
    return true;
  }
}

incident make_incident(notify_operation& op, const failure& why, std::vector<std::optional<std::string>> inputs) {
  graph::run& r = *op.owner;
  incident what;
  what.run = r.id;
  what.tenant = r.tenant;
  what.path = path_of(r, op.its_step());
  what.attempts = why.attempt();
  for (const failure& hidden : op.failures) what.failures.push_back(hidden.within(what.path));
  what.failures.push_back(why.within(what.path));
  what.inputs = std::move(inputs);
  what.when = std::chrono::system_clock::now();
  return what;
}

void report(const noted_work& stage, graph::run& r, incident what) noexcept {
  const auto runtime = r.runtime().shared_from_this();
  const notifier& to = stage.said.to;
  if (to.keeps_dead_letters()) to.bury(runtime, what);
  to.tell(runtime, std::move(what));
}

}  // namespace catena::detail
