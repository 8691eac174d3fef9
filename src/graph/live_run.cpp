// SPDX-License-Identifier: BSL-1.0
// A run in flight, as somebody else sees it.
#include <catena/graph/run.hpp>

#include <new>

namespace catena::graph {
namespace {

using catena::detail::step_layer;

/// In words, what a suspended step waits for that has begun no run.
std::string awaited(const step_description& s) {
  switch (s.layer) {
    case step_layer::queue: return "a place in the stage's queue";
    case step_layer::admission: return "admission";
    case step_layer::cache: return "somebody else who computes the same";
    case step_layer::attempts: return "its next attempt";
    case step_layer::notify: return "a person's decision";
    case step_layer::none:
    case step_layer::hedge:
    case step_layer::race:
    case step_layer::fallback:
    case step_layer::each:
    case step_layer::choice: break;
  }
  if (s.kind == "model" && s.need) return "model '" + s.need->name() + "'";
  if (s.kind == "function") return "another executor";
  return "its " + s.kind;
}

}  // namespace

void run::tell_waits(const std::string& path, std::vector<run_report::wait>& to) {
  struct visitor {
    const std::string& path;
    std::vector<run_report::wait>& to;
    bool found = false;
  };
  const auto tell = [&] {
    for (operation* op = operations_; op; op = op->following) {
      const step_description& about = plan_->stages[op->step];
      const std::string own = about.name.empty() ? path : path.empty() ? about.name : path + "/" + about.name;
      visitor v{own, to};
      if (about.each_child)
        about.each_child(*op, [](run& child, void* data) {
          auto& self = *static_cast<visitor*>(data);
          self.found = true;
          child.tell_waits(child.plan_->is_chain ? self.path + "/" + child.plan_->name : self.path, self.to);
        }, &v);
      if (!v.found) to.push_back({own, awaited(about), recorded_ ? spans()[op->step].began : time_point{}});
    }
  };
  guarded([&] {
    try {
      tell();
    } catch (const std::bad_alloc&) {  // what is not told for want of memory is told the next time
    }
  });
}

run_report run::report_of_live() {
  run_report r{.chain = plan_->name, .id = id, .tenant = tenant, .priority = priority, .waits = {}};
  if (recorded_) r.began = spans()[plan_->steps.size()].began;
  r.deadline = deadline;
  r.is_stopped = stopped();
  if (trace) r.trace = *trace;
  tell_waits(plan_->name, r.waits);
  return r;
}

}  // namespace catena::graph
