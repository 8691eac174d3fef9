// SPDX-License-Identifier: BSL-1.0
#include "subjects.hpp"

int main(int argc, char** argv) {
  std::vector<bench::subject> subjects;
  overhead::add_ping_pong(subjects);
  overhead::add_catena(subjects);
  return bench::run("overhead", subjects, argc, argv);
}
