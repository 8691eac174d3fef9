// SPDX-License-Identifier: BSL-1.0
/// \file
/// Models that are saved, with their manifests.
#include "torch/saved_modules.hpp"

#include <catena/testing/manual_world.hpp>
#include <catena/torch/manifest.hpp>
#include <catena/torch/script_model.hpp>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;
using saved_scratch = catena::test::scratch_folder;
using catena::errc;
using catena::testing::manual_world;
using catena::torch::loading;
using catena::torch::read_manifest;
using catena::torch::row;
using catena::torch::saved_model;
using catena::torch::script_options;

using saved_input = std::array<float, 8>;
using saved_answer = std::vector<float>;
using saved_script_model = catena::torch::script_model<saved_input, saved_answer>;

const auto encode_saved = [](const saved_input& from, row& to) { to.assign<float>(from); };
const auto decode_saved = [](const row& from) { return saved_answer(from.values().begin(), from.values().end()); };

saved_script_model saved_script(const catena::runtime& rt, const script_options& options) {
  return {rt, options, encode_saved, decode_saved};
}

saved_answer answer_of_saved(manual_world& world, const saved_script_model& m) {
  catena::test::outcome<saved_answer> o;
  m.async_run(saved_input{1, -2, 3, -4, 5, -6, 7, -8}, o.take());
  world.run();
  return o.value();
}

script_options saved_from(const std::string& file) {
  return {.name = "risk", .version = "7", .file = file, .input = {.shape = {8}}, .output = {.shape = {4}}};
}

/// What loading fails with.
catena::failure failure_of_saved(const script_options& options) {
  manual_world world;
  const auto rt = world.runtime();
  try {
    static_cast<void>(saved_script(rt, options));
  } catch (const catena::error& e) {
    return e.why();
  }
  return {};
}

/// Saves a model of two layers in the folder, as saved.pt.
void save_risk(const saved_scratch& folder) {
  manual_world world;
  const auto rt = world.runtime();
  catena::test::save_layers(folder.file("risk.pt"), 8, 16, 4);
  saved_script(rt, saved_from(folder.file("risk.pt"))).save(folder.file("saved.pt"));
}

}  // namespace

TEST_CASE("a model that was saved and loaded answers the same to the bit, copied or mapped, loaded or from source") {
  const saved_scratch folder("saved_same");
  manual_world world;
  const auto rt = world.runtime();
  catena::test::save_layers(folder.file("risk.pt"), 8, 16, 4);
  script_options compiled{.name = "wave", .source = "def forward(self, x: Tensor) -> Tensor:\n    return torch.sin(x * 0.3)\n"};
  compiled.input.shape = {8};
  script_options mapped = saved_from(folder.file("risk.pt"));
  mapped.load = loading::mapped;
  for (const script_options& options : {saved_from(folder.file("risk.pt")), mapped, compiled}) {
    const auto original = saved_script(rt, options);
    const saved_answer expected = answer_of_saved(world, original);
    original.save(folder.file("saved.pt"));
    for (const loading how : {loading::copied, loading::mapped, loading::mapped}) {
      script_options again = saved_model(folder.file("saved.pt"));
      again.load = how;
      CHECK(answer_of_saved(world, saved_script(rt, again)) == expected);
    }
  }
}

TEST_CASE("a manifest says which model it is, what it takes and answers, and what its bytes are known by") {
  const saved_scratch folder("saved_manifest");
  save_risk(folder);
  const auto m = read_manifest(folder.file("saved.pt"));
  REQUIRE(m);
  CHECK(m->name == "risk");
  CHECK(m->version == "7");
  CHECK(m->method == "forward");
  CHECK((m->inputs == std::vector{catena::torch::input_options{.shape = {8}}}));
  CHECK((m->outputs == std::vector{catena::torch::output_options{.shape = {4}}}));
  CHECK(m->content_hash.size() == 32);
  CHECK(!m->libtorch.empty());
  const script_options options = saved_model(folder.file("saved.pt"));
  CHECK(options.name == "risk");
  CHECK(options.version == "7");
  CHECK_FALSE(read_manifest(folder.file("risk.pt")));
  CHECK_THROWS_AS(saved_model(folder.file("risk.pt")), catena::error);
}

TEST_CASE("a model file that is not the one of its manifest is refused with both hashes") {
  const saved_scratch folder("saved_hash");
  save_risk(folder);
  const std::string file = folder.file("saved.pt");
  script_options options = saved_model(file);
  for (const loading how : {loading::copied, loading::mapped}) {
    options.load = how;
    CHECK(failure_of_saved(options).code() == boost::system::error_code{});
  }
  const std::string hash = read_manifest(file)->content_hash;
  std::string bytes = catena::test::bytes_of(file);
  bytes[bytes.size() / 2] ^= 1;
  catena::test::write_bytes(file, bytes);
  for (const loading how : {loading::copied, loading::mapped}) {
    options.load = how;
    const auto why = failure_of_saved(options);
    CHECK(why.is(errc::model_invalid));
    CHECK_THAT(why.message(), ContainsSubstring("'" + file + "' has the content hash ") &&
                                  ContainsSubstring(", its manifest says " + hash));
  }
}

TEST_CASE("options that contradict the manifest are refused with what both say") {
  const saved_scratch folder("saved_spec");
  save_risk(folder);
  const std::string file = folder.file("saved.pt");
  script_options options = saved_from(file);
  options.output.shape = {};  // says nothing, so contradicts nothing
  CHECK(failure_of_saved(options).code() == boost::system::error_code{});
  options.input.shape = {4};
  CHECK(failure_of_saved(options).is(errc::model_invalid));
  CHECK(failure_of_saved(options).message() ==
        "model 'risk': '" + file + "' is not what its options say: input '' is float32 [8] in its manifest, the options say '', float32 [4]");
  options = saved_from(file);
  options.output.dtype = catena::torch::dtype::int64;
  CHECK(failure_of_saved(options).is(errc::dtype_mismatch));
  options.method = "score";
  CHECK_THAT(failure_of_saved(options).message(), ContainsSubstring("names the method 'forward', the options say 'score'"));
}

TEST_CASE("a manifest that is none is model_invalid") {
  const saved_scratch folder("saved_broken");
  save_risk(folder);
  const std::string file = folder.file("saved.pt");
  const std::string whole = catena::test::bytes_of(file + ".json");
  for (const std::string& text : {std::string(), std::string("{}"), whole.substr(0, whole.size() / 2), std::string("[1, 2]")}) {
    catena::test::write_bytes(file + ".json", text);
    const auto why = failure_of_saved(saved_from(file));
    CHECK(why.is(errc::model_invalid));
    CHECK_THAT(why.message(), ContainsSubstring("'" + file + ".json' is no manifest: "));
  }
}

TEST_CASE("a model that cannot be written leaves no file behind") {
  const saved_scratch folder("saved_nowhere");
  manual_world world;
  const auto rt = world.runtime();
  catena::test::save_layers(folder.file("risk.pt"), 8, 16, 4);
  const auto m = saved_script(rt, saved_from(folder.file("risk.pt")));
  CHECK_THROWS_AS(m.save(folder.file("no_such_folder/saved.pt")), std::system_error);
  CHECK_THROWS_AS(m.save("/dev/full/saved.pt"), std::system_error);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
