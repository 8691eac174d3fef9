// SPDX-License-Identifier: BSL-1.0
// Reads a long legal text and writes a report about it: what `--help` says, done by a chain of stages around a TorchScript model.
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <span>
#include <string>

#include "legal_document/drawing.hpp"
#include "legal_document/memory.hpp"
#include "legal_document/report_chain.hpp"
#include "legal_document/stage_clock.hpp"

namespace {

using namespace legal;

constexpr int run_failed = 1;
constexpr int unusable_input = 2;

std::string readable_result(const report& made, const options& of) {
  return of.format == report_format::json ? to_json(made) : to_markdown(made);
}

int write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text << std::flush;
  if (out) return 0;
  std::fprintf(stderr, "legal_document: cannot write %s\n", file.c_str());
  return run_failed;
}

int write_report(const report& made, const options& of) {
  const auto file = report_file(of);
  if (file.empty()) {
    std::cout << readable_result(made, of) << std::flush;
    return std::cout ? 0 : run_failed;
  }
  return write_file(file, readable_result(made, of));
}

void say_how_it_went(const report& made, const options& of, const std::string& last_failure) {
  if (made.page && made.page->text.empty()) std::fprintf(stderr, "legal_document: no summary by the model: %s\n", last_failure.c_str());
  if (of.quiet) return;
  const auto file = report_file(of);
  std::fprintf(stderr, "%s: %zu sections, %zu batches of %.1f sections on average, %s\n",
               file.empty() ? "standard output" : file.c_str(), made.sections.size(), made.figures.batches,
               made.figures.mean_batch_size, readable_time(made.figures.elapsed).c_str());
}

int run(const options& of) {
  progress shown(stderr, of.quiet || of.what == task::mermaid ? progress_style::none : style_for(stderr));
  auto times = std::make_shared<stage_clock>();
  boost::asio::thread_pool pool(2);
  catena::runtime rt(pool.get_executor(), {.compute_thread_count = of.instances, .observer = times});
  const summariser model = make_summariser(rt, of, shown);
  const report_chain chain = make_report_chain(rt, model, pool.get_executor(), of, shown);
  if (of.what == task::mermaid) {
    std::cout << chain.describe().mermaid();
    return 0;
  }
  const auto began = std::chrono::steady_clock::now();
  document text = read_document(of.file.empty() ? std::filesystem::path(LEGAL_DOCUMENT_DATA) / "gpl-3.0.txt" : of.file);
  catena::result<report> made = chain.async_run(catena::give(text), boost::asio::use_future).get();
  shown.finish();
  if (!made) {
    std::fprintf(stderr, "legal_document: %s\n", made.error().to_string().c_str());
    return run_failed;
  }
  made->figures = {.stages = times->stages(),
                   .batches = model.stats().batch_count,
                   .mean_batch_size = model.stats().mean_batch_size(),
                   .elapsed = std::chrono::steady_clock::now() - began};
  int status = write_report(*made, of);
  if (status == 0 && !of.drawing.empty()) status = write_file(of.drawing, to_svg(chain.describe(), *made));
  if (status == 0) say_how_it_went(*made, of, times->take_last_failure());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  keep_memory_bounded();
  try {
    const options of = parse_options(std::span<const char* const>(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)));
    if (of.what == task::help) {
      std::cout << help_text();
      return 0;
    }
    return run(of);
  } catch (const usage_error& e) {
    std::fprintf(stderr, "legal_document: %s\nTry: legal_document --help\n", e.what());
    return unusable_input;
  } catch (const input_error& e) {
    std::fprintf(stderr, "legal_document: %s\n", e.what());
    return unusable_input;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "legal_document: %s\n", e.what());
    return run_failed;
  }
}
