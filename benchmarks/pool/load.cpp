// SPDX-License-Identifier: BSL-1.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cases.hpp"
#include "model_folder.hpp"

namespace pool {
namespace {

namespace fs = std::filesystem;

struct loaded {
  double loaded_ms = 0, first_answer_ms = 0, private_mb = 0;
  std::uint64_t answer = 0;
};

/// Runs this program to load the model, and reads the line that it prints.
loaded load_in_fresh_process(const std::string& subject, const std::string& file) {
  const std::string program = fs::read_symlink("/proc/self/exe").string();
  const std::string command = "'" + program + "' --load " + subject + " '" + file + "'";
  const std::unique_ptr<FILE, int (*)(FILE*)> out(::popen(command.c_str(), "r"), &::pclose);
  if (!out) throw std::runtime_error("cannot run " + command);
  char line[256] = "";
  if (!std::fgets(line, sizeof line, out.get())) throw std::runtime_error("no figures from " + command);
  loaded l;
  std::istringstream(line) >> l.loaded_ms >> l.first_answer_ms >> l.private_mb >> l.answer;
  return l;
}

/// Takes a file out of the page cache.
/// \return whether it left; on a file system that is memory it stays
bool evict(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDONLY);
  if (fd < 0) throw std::runtime_error("cannot open " + file);
  ::fdatasync(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  struct stat status {};
  ::fstat(fd, &status);
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  std::vector<unsigned char> pages((size + 4095) / 4096);
  ::mincore(map, size, pages.data());
  ::munmap(map, size);
  std::size_t resident = 0;
  for (const unsigned char page : pages) resident += page & 1U;
  return resident * 100 <= pages.size();
}

/// The model, and the answer that all subjects must give.
struct shared_model {
  const model_folder& folder;
  std::uint64_t answer;

  explicit shared_model(const model_folder& f) : folder(f), answer(load_in_fresh_process("jit_load", folder.file()).answer) {
    load_in_fresh_process("catena_mapped", folder.file());  // the first time it writes the mapped file
  }
};

const shared_model& the_model(const bench::options& opts) {
  static const shared_model model(the_folder(opts.quick));
  return model;
}

enum class cached { yes, no };

void add(std::vector<bench::subject>& subjects, const std::string& case_name, const std::string& subject, cached files) {
  subjects.push_back({case_name, subject, [=](const bench::options& opts) -> bench::repetition {
                        const shared_model& model = the_model(opts);
                        return [&model, subject, files]() -> std::vector<bench::reading> {
                          if (files == cached::no && !(evict(model.folder.file()) && evict(model.folder.mapped_file()))) {
                            std::fprintf(stderr, "the files cannot be taken out of the page cache here\n");
                            return {};
                          }
                          const loaded l = load_in_fresh_process(subject, model.folder.file());
                          if (l.answer != model.answer) throw std::runtime_error(subject + " answers something else");
                          return {{"loaded_ms", l.loaded_ms}, {"first_answer_ms", l.first_answer_ms}, {"private_mb", l.private_mb}};
                        };
                      }});
}

}  // namespace

void add_load(std::vector<bench::subject>& subjects) {
  for (const auto& [case_name, files] : {std::pair{"load500mb", cached::yes}, std::pair{"load500mb_evicted", cached::no}})
    for (const char* subject : {"jit_load", "catena_mapped"}) add(subjects, case_name, subject, files);
}

}  // namespace pool
