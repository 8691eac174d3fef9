// SPDX-License-Identifier: BSL-1.0
// What it costs to ask for a token, half of the time in vain: catena's admission beside a mutex with a double, and the
// clock that both must read.
#include "subjects.hpp"

int main(int argc, char** argv) {
  std::vector<bench::subject> subjects;
  admission::add_clock(subjects);
  admission::add_mutex_double(subjects);
  admission::add_catena(subjects);
  return bench::run("admission", subjects, argc, argv);
}
