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

std::string fault_of(const park_options& options) {
  if (options.limit <= duration{}) return "park_options::limit must be greater than zero";
  if (options.time <= duration{}) return "park_options::time must be greater than zero";
  if (options.on_limit.time() < duration{}) return "the time that park_options::on_limit gives must be more than zero";
  return {};
}

namespace {

notify_operation& operation_of(parked_place& place) noexcept { return *static_cast<notify_operation::place_of&>(place).operation; }

/// It has been taken out of the lot.
void taken_out(parked_place& place, wake how) {
  notify_operation& op = operation_of(place);
  if (how == wake::resumed) op.owner->resume_on_executor(op);
  else op.resume(op, how);
}

void timer_gone(parked_place& place) noexcept { operation_of(place).owner->release(); }

/// At the latest the last moment that the clock can show.
std::chrono::system_clock::time_point end_of(const park_options& said, std::chrono::system_clock::time_point from) {
  using wall_clock = std::chrono::system_clock;
  const auto wait = std::chrono::ceil<wall_clock::duration>(said.limit);
  return from > wall_clock::time_point::max() - wait ? wall_clock::time_point::max() : from + wait;
}

/// What is to be known of the run while it is parked; its token is in the incident.
parked_record make_record(const park_options& said, incident& what) {
  what.parked = parking_notice{make_parking_token(), end_of(said, what.when)};
  return {.token_hash = sha256(what.parked->token),
          .path = what.path,
          .run = what.run,
          .tenant = what.tenant,
          .until = what.parked->until,
          .on_limit = said.on_limit.what()};
}

void say_why_not(graph::run& r, const incident& what, const failure& why) noexcept {
  try {
    r.runtime().log(log_level::warning, "notify", "a run at " + what.path + " fails and is not parked: " + why.to_string());
  } catch (...) {
    // There is no memory to say so.
  }
}

}  // namespace

bool try_park(notify_operation& op, const noted_work& stage, const failure& why, incident& what) {
  graph::run& r = *op.owner;
  const boost::intrusive_ptr<graph::run> pinned(&r);
  const park_options& said = *stage.said.options.park;
  parked_record record;
  try {
    record = make_record(said, what);
    if (const auto place = stage.lot->reserve(record); !place) throw error(place.error());
    op.last = why;
    if (!op.place.lot) {  // later on a timer that comes late may be reading them
      op.place.on_limit = &said.on_limit;
      op.place.end = &taken_out;
      op.place.release = &timer_gone;
    }
  } catch (...) {
    what.parked.reset();
    say_why_not(r, what, failure::from(std::current_exception()));
    return false;
  }
  if (!r.park(what.path)) {
    what.parked.reset();
    stage.lot->give_back(record);
    return false;
  }
  r.retain();  // for the timer
  if (!stage.lot->add(op.place, record, later(r.runtime().time->now(), said.limit))) {
    r.release();
    r.unpark(later(r.runtime().time->now(), said.time));
    what.parked.reset();
    stage.lot->give_back(record);
    return false;
  }
  stage.said.to.tell(r.runtime().shared_from_this(), std::move(what));
  // Who stopped the run before could not take it out.
  if (r.stopped())
    if (parked_place* place = stage.lot->leave(record.token_hash)) taken_out(*place, wake::resumed);
  return true;
}

decision end_parking(notify_operation& op, const noted_work& stage) {
  parked_place& place = op.place;
  stage.lot->ended(place.hash);
  op.lapsed = place.by_limit;
  decision d = place.made ? *std::exchange(place.made, std::nullopt) : decision::fail();
  std::string().swap(place.hash);
  const duration time = d.time() > duration{} ? d.time() : stage.said.options.park->time;
  op.owner->unpark(later(op.owner->runtime().time->now(), time));
  return d;
}

bool cancel_notify(graph::operation& base) {
  auto& op = static_cast<notify_operation&>(base);
  const auto& stage = *static_cast<const noted_work*>(op.its_step().stage);
  if (stage.lot && stage.lot->leave(op.place)) taken_out(op.place, wake::resumed);
  else stop_children_locked(op);
  return false;
}

}  // namespace catena::detail
