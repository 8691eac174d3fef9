// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <charconv>
#include <string>

namespace legal {
namespace {

using std::string_view;

std::size_t number(string_view name, string_view text, std::size_t low, std::size_t high) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= low && value <= high) return value;
  throw usage_error(std::string(name) + " must be a number from " + std::to_string(low) + " to " +
                    std::to_string(high) + ", not '" + std::string(text) + "'");
}

/// Walks over the arguments; a value may follow its option or stand after '='.
class argument_reader {
 public:
  explicit argument_reader(std::span<const char* const> all) : all_(all) {}

  bool next() {
    if (at_ >= all_.size()) return false;
    const string_view whole = all_[at_++];
    const std::size_t equals = whole.starts_with("--") && whole.size() > 2 ? whole.find('=') : string_view::npos;
    whole_ = whole;
    name_ = whole.substr(0, equals);
    has_value_ = equals != string_view::npos;
    value_ = has_value_ ? whole.substr(equals + 1) : string_view();
    return true;
  }

  string_view name() const { return name_; }
  string_view whole() const { return whole_; }

  string_view value() {
    if (!has_value_) {
      if (at_ >= all_.size()) throw usage_error(std::string(name_) + " needs a value");
      value_ = all_[at_++];
      has_value_ = true;
    }
    if (value_.empty()) throw usage_error(std::string(name_) + " needs a value that is not empty");
    return value_;
  }

  void no_value() const {
    if (has_value_) throw usage_error(std::string(name_) + " takes no value");
  }

 private:
  std::span<const char* const> all_;
  std::size_t at_ = 0;
  string_view whole_;
  string_view name_;
  string_view value_;
  bool has_value_ = false;
};

void take_file(options& into, string_view name) {
  if (name.empty()) throw usage_error("FILE must not be empty");
  if (!into.file.empty())
    throw usage_error("only one FILE can be read: '" + into.file.string() + "' was given before '" + std::string(name) +
                      "'");
  into.file = name;
}

void take_option(options& into, argument_reader& from) {
  const string_view name = from.name();
  if (name == "-o" || name == "--out")
    into.out = from.value();
  else if (name == "--diagram")
    into.drawing = from.value();
  else if (name == "--batch")
    into.max_batch_size = number(name, from.value(), 1, 256);
  else if (name == "--instances")
    into.instances = number(name, from.value(), 1, 64);
  else if (name == "--llm")
    into.model.url = from.value();
  else if (name == "--model")
    into.model.model = from.value();
  else if (name == "--provider")
    into.model.provider = from.value();
  else if (name == "--key-points")
    into.max_key_points = number(name, from.value(), 1, 10'000);
  else {
    if (name == "-h" || name == "--help")
      into.what = task::help;
    else if (name == "--mermaid")
      into.what = into.what == task::help ? task::help : task::mermaid;
    else if (name == "--json")
      into.format = report_format::json;
    else if (name == "-q" || name == "--quiet")
      into.quiet = true;
    else
      throw usage_error("unknown option '" + std::string(name) + "'");
    from.no_value();
  }
}

}  // namespace

options parse_options(std::span<const char* const> arguments) {
  options out;
  argument_reader from(arguments);
  bool only_files = false;
  while (from.next()) {
    const string_view name = from.name();
    if (!only_files && name == "--")
      only_files = true;
    else if (only_files || name.empty() || name == "-" || name.front() != '-')
      take_file(out, from.whole());
    else
      take_option(out, from);
  }
  if (out.model.url.empty() && !(out.model.model.empty() && out.model.provider.empty()))
    throw usage_error("--model and --provider say more about --llm, which is missing");
  if (out.file == "-") out.file = "/dev/stdin";
  return out;
}

string_view help_text() noexcept {
  return R"(legal_document [OPTION]... [FILE]

Summarises a long legal text. Splits it into chapters, sections and clauses,
scores all sections with a TorchScript model (LexRank), and writes a report: a
summary of about a page, a line or two for each section, the key points (duties,
rights, prohibitions, dates, definitions) with section numbers, and the time
each stage took. The summary consists of the text's own sentences; with --llm a
language model writes another one from them.

  FILE               plain text in UTF-8, English or Chinese, at most 33 MB;
                     "-" reads standard input.
                     Without FILE the bundled GNU GPL v3 is read.

  -o, --out FILE     where the report goes; "-" is standard output.
                     Default: report.md, with --json standard output.
      --json         write the report as JSON instead of Markdown
      --diagram FILE draw the chain, with the time each stage took, as SVG
      --mermaid      print the chain as a Mermaid diagram and exit
      --batch N      at most N sections in one call of the model, 1 to 256
                     (default 16)
      --instances N  N copies of the model compute at once, 1 to 64 (default 1)
      --key-points N list at most N key points of each kind, 1 to 10000
                     (default 60)
      --llm URL      a language model writes the summary, as in
                     http://localhost:8080/v1 or https://api.deepseek.com; where
                     it is late or away the report says so, and does without
      --model NAME   the model's name, where the server has several
      --provider NAME  deepseek, openai, llama_server, vllm or generic: what the
                     server can do, and which key it wants: DEEPSEEK_API_KEY,
                     OPENAI_API_KEY, the others none. Default: whose URL it is,
                     else generic
  -q, --quiet        no progress
  -h, --help         print this text and exit

Progress and messages go to standard error: a bar on a terminal, plain lines
otherwise.

Exit status: 0 the report was written; 1 the run failed; 2 the command line or
the text cannot be used.
)";
}

std::filesystem::path report_file(const options& of) {
  if (of.out == "-") return {};
  if (!of.out.empty()) return of.out;
  return of.format == report_format::json ? std::filesystem::path() : std::filesystem::path("report.md");
}

}  // namespace legal
