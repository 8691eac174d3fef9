// SPDX-License-Identifier: BSL-1.0
// Whether memory is given back: a model is loaded and put away fifty times, and what is resident afterwards is compared with what
// was after the first time, when the libraries were warm.
#include <catena/torch/script_instance.hpp>

#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <string>

#include "cases.hpp"
#include "model_folder.hpp"

namespace pool {
namespace {

[[nodiscard]] double resident_mb() {
  std::size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

bench::repetition reload(const std::string& file, std::int64_t width, catena::torch::loading how) {
  return [=]() -> std::vector<bench::reading> {
    catena::torch::script_options options{.name = "big", .file = file, .input = {.shape = {width}}, .load = how};
    options.batch.max_size = 2;
    auto model = std::move(catena::torch::script_instance::make(catena::torch::make_source(options), 1).front());
    double first = 0, loaded = 0;
    for (int cycle = 0; cycle < 50; ++cycle) {
      model.move_to(catena::residency_level::hot);  // with a dry run, which reads all weights
      if (cycle == 0) loaded = resident_mb();
      model.move_to(catena::residency_level::cold);
      if (cycle == 0) first = resident_mb();
    }
    return {{"rss_growth_ratio", resident_mb() / first}, {"loaded_mb", loaded}, {"unloaded_mb", first}};
  };
}

}  // namespace

void add_reload(std::vector<bench::subject>& subjects) {
  const auto add = [&](const char* subject, catena::torch::loading how) {
    subjects.push_back({"reload50", subject, [=](const bench::options& opts) {
                          return reload(the_folder(opts.quick).file(), big_width(opts.quick), how);
                        }});
  };
  add("catena_mapped", catena::torch::loading::mapped);
  add("catena_copied", catena::torch::loading::copied);
}

}  // namespace pool
