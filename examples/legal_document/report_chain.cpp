// SPDX-License-Identifier: BSL-1.0
#include "legal_document/report_chain.hpp"

#include <string>
#include <utility>
#include <vector>

#include "legal_document/key_points.hpp"
#include "legal_document/merge.hpp"
#include "legal_document/page_writer.hpp"
#include "legal_document/split.hpp"

namespace legal {

namespace torch = catena::torch;
using catena::each;
using catena::join;
using catena::stage;
using namespace std::chrono_literals;

summariser make_summariser(const catena::runtime& rt, const options& of, progress& shown) {
  const torch::script_options script{
      .name = "lexrank",
      .source = std::string(summariser_source),
      .instances = of.instances,
      .input = {.shape = {max_sentences, vector_size + 1}},
      .output = {.shape = {2, max_sentences}},
      .batch = {.max_size = of.max_batch_size}};
  return summariser(
      rt, script, [](const section_input& from, torch::row& to) { encode(from, to.values().data()); },
      [&shown](const torch::row& from, const section_input& of_section) {
        shown.step();
        return decode(from.values().data(), of_section);
      });
}

report_chain make_report_chain(const catena::runtime& rt, const summariser& model, const boost::asio::any_io_executor& aside,
                               const options& of, progress& shown) {
  // Twice what the model takes at once: while one batch is computed the next one gathers.
  const std::size_t width = 2 * of.max_batch_size * of.instances;
  return catena::make_chain<document>(rt, "legal", [&](auto text) {
    auto sections = text >> stage("split", [&shown](const document& from) {
                      shown.begin("splitting the text");
                      return split(from);
                    });
    auto points = sections >> stage("key-points", [n = of.max_key_points](const contents& from) {
                    return extract_key_points(from, {.max_per_kind = n});
                  }).on(aside);
    auto summaries = sections >> stage("vectors", [&shown](const contents& from) {
                       shown.begin("weighing words");
                       auto inputs = to_inputs(from);
                       shown.begin("summarising sections", inputs.size());
                       return inputs;
                     }) >> each(stage("summarise", model), width);
    auto page = join(sections, summaries) >> stage("merge", [&shown](const contents& from, const std::vector<summary>& all) {
                  shown.begin("merging");
                  return merge(from, all);
                });
    auto made = join(text, sections, page, points) >> stage("report", build_report);
    if (of.model.url.empty()) return made;
    const std::string name = of.model.model.empty() ? of.model.url : of.model.model;
    const auto nobody = [name](const page_material&) { return written_page{name, {}}; };
    auto written = join(sections, page) >> stage("material", gather_material) >>
                   stage("write", make_page_writer(rt, of.model)).timeout(3min).fallback(nobody);
    return join(made, written) >> stage("add", [](report&& to, written_page&& by_model) {
             to.page = std::move(by_model);
             return std::move(to);
           });
  });
}

}  // namespace legal
