// SPDX-License-Identifier: BSL-1.0
/// \file
/// TorchScript models that share memory.
#include "torch/saved_modules.hpp"

#include <catena/testing/manual_world.hpp>
#include <catena/torch/script_model.hpp>

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using catena::residency_level;
using resident_model = catena::torch::script_model<std::array<float, 8>, float>;

const auto encode_resident = [](const std::array<float, 8>& from, catena::torch::row& to) { to.assign<float>(from); };
const auto decode_resident = [](const catena::torch::row& from) { return from.values()[0]; };

/// Two models, each in a file of its own, and room for one of them.
struct resident_scripts {
  explicit resident_scripts(catena::torch::loading how) {
    for (const char* name : {"a", "b"}) {
      catena::test::save_layers(folder.file(name), 8, 256, 1, static_cast<std::uint64_t>(*name));
      catena::torch::script_options options{.name = name, .file = folder.file(name), .input = {.shape = {8}}, .load = how};
      options.batch.max_size = 4;
      alone[*name - 'a'] = ask(resident_model(rt, options, encode_resident, decode_resident));
      options.residency = memory;
      models[*name - 'a'].emplace(rt, options, encode_resident, decode_resident);
    }
  }

  float ask(const resident_model& m) {
    catena::test::outcome<float> end;
    m.async_run(question, end.take());
    world.run();
    return end.value();
  }

  catena::test::scratch_folder folder{"resident"};
  catena::testing::manual_world world;
  catena::runtime rt = world.runtime();
  catena::residency memory{rt, {.budgets = {{"cpu", 20'000}}}};
  std::array<float, 8> question{1, 2, 3, 4, 5, 6, 7, 8};
  std::array<std::optional<resident_model>, 2> models;
  std::array<float, 2> alone{};
};

}  // namespace

TEST_CASE("TorchScript models that share memory come and go, and answer the same each time") {
  for (const auto how : {catena::torch::loading::copied, catena::torch::loading::mapped}) {
    resident_scripts here(how);
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < 2; ++i) {
        CHECK(here.ask(*here.models[i]) == here.alone[i]);
        const catena::residency_stats stats = here.memory.stats();
        CHECK(stats.models[i].level == residency_level::hot);
        CHECK(stats.models[1 - i].level == residency_level::cold);
        CHECK(stats.held[0].bytes <= 20'000);
        CHECK(stats.held[0].bytes > std::filesystem::file_size(here.folder.file("a")));
      }
    }
    CHECK(here.models[0]->stats().warm_up.run_count >= 3 * 6);  // with 1, 2 and 4 rows
  }
}

TEST_CASE("a TorchScript model that is cold can be saved") {
  resident_scripts here(catena::torch::loading::copied);
  here.models[0]->save(here.folder.file("copy"));
  catena::torch::script_options options{.name = "a", .file = here.folder.file("copy"), .input = {.shape = {8}}};
  options.batch.max_size = 4;
  CHECK(here.ask(resident_model(here.rt, options, encode_resident, decode_resident)) == here.alone[0]);
}

TEST_CASE("a TorchScript model whose file is broken is found out when it is asked, and all who wait are told") {
  resident_scripts here(catena::torch::loading::copied);
  catena::test::write_bytes(here.folder.file("b"), "no archive");
  catena::test::outcome<float> one, two;
  here.models[1]->async_run(here.question, one.take());
  here.models[1]->async_run(here.question, two.take());
  here.world.run();
  CHECK(one.why().is(catena::errc::model_invalid));
  CHECK(two.why().is(catena::errc::model_invalid));
  CHECK(here.ask(*here.models[0]) == here.alone[0]);
}
