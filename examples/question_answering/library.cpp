// SPDX-License-Identifier: BSL-1.0
#include "library.hpp"

#include <algorithm>
#include <cstdio>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "legal_document/mentions.hpp"
#include "legal_document/split.hpp"
#include "legal_document/text.hpp"
#include "legal_document/utf8.hpp"

namespace qa {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t passage_bytes = 700;
constexpr std::size_t most_mentions = 16;
constexpr std::size_t library_bytes = 50'000'000;

using words = std::vector<std::string>;

words sorted_words(std::string_view text) {
  words all = legal::terms_of(text);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void add_passages(library& to, const std::string& file, const legal::section& from) {
  passage next;
  const auto close = [&] {
    if (!next.text.empty()) to.passages.push_back(std::exchange(next, {}));
  };
  for (const legal::sentence& one : from.sentences) {
    if (next.text.size() + one.text.size() > passage_bytes) close();
    if (next.text.empty()) next = {file, legal::place_of(from, one), one.lead};  // an item makes no sense without its lead
    if (!next.text.empty()) next.text += ' ';
    next.text += one.text;
    if (std::string term = legal::defined_term(one.text); !term.empty()) {
      words of_term = sorted_words(term);
      if (!of_term.empty()) to.definitions.push_back({std::move(term), {file, legal::place_of(from, one), one.text}, std::move(of_term), {}});
    }
  }
  close();
}

bool holds(const words& text, const words& term) { return std::includes(text.begin(), text.end(), term.begin(), term.end()); }

/// Texts of which there are copies define a term but once.
void drop_repeated(std::vector<definition>& all) {
  std::unordered_set<std::string> seen;
  std::erase_if(all, [&](const definition& one) { return !seen.insert(legal::concat({one.term, "\n", one.at.text})).second; });
}

void link_definitions(std::vector<definition>& all) {
  std::unordered_map<std::string, std::vector<std::size_t>> by_first_word;
  for (std::size_t i = 0; i < all.size(); ++i) by_first_word[all[i].words.front()].push_back(i);
  for (definition& one : all) {
    const words said = sorted_words(one.at.text);
    for (const std::string& word : said) {
      const auto found = by_first_word.find(word);
      if (found == by_first_word.end()) continue;
      for (const std::size_t i : found->second)
        if (one.mentions.size() < most_mentions && all[i].words != one.words && holds(said, all[i].words)) one.mentions.push_back(i);
    }
  }
}

bool is_hidden(const fs::path& file) { return file.filename().string().starts_with('.'); }

std::vector<fs::path> texts_in(const fs::path& folder) {
  std::vector<fs::path> found;
  const fs::recursive_directory_iterator end;
  for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied); at != end; ++at) {
    if (is_hidden(at->path())) at.disable_recursion_pending();
    else if (at->is_regular_file() && (at->path().extension() == ".txt" || at->path().extension() == ".md")) found.push_back(at->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

class reader {
 public:
  void file(const fs::path& from) { add(legal::read_document(from)); }

  void folder(const fs::path& from) {
    for (const fs::path& one : texts_in(from)) {
      try {
        file(one);
      } catch (const legal::input_error& e) {
        if (bytes_ > library_bytes) throw;
        std::fprintf(stderr, "left out: %s\n", e.what());
      }
    }
  }

  library finish() {
    if (read_.passages.empty()) throw legal::input_error("there is no text: expected files, or folders with *.txt or *.md");
    for (const passage& one : read_.passages) read_.stats.add(one.text);
    for (const passage& one : read_.passages) read_.vectors.push_back(legal::vector_of(one.text, read_.stats));
    drop_repeated(read_.definitions);
    link_definitions(read_.definitions);
    return std::move(read_);
  }

 private:
  void add(const legal::document& text) {
    bytes_ += text.text.size();
    if (bytes_ > library_bytes) throw legal::input_error("the texts are more than 50 MB together: give fewer of them");
    for (const legal::section& one : legal::split(text).sections) add_passages(read_, text.name, one);
    read_.files.push_back(text.name);
  }

  library read_;
  std::size_t bytes_ = 0;
};

}  // namespace

library read_library(const std::vector<fs::path>& from) {
  reader read;
  for (const fs::path& one : from) fs::is_directory(one) ? read.folder(one) : read.file(one);
  return read.finish();
}

std::vector<const definition*> definitions_for(const library& in, std::string_view text, std::size_t most) {
  std::vector<std::size_t> found;
  const auto take = [&](std::size_t i) {
    if (found.size() < most && std::find(found.begin(), found.end(), i) == found.end()) found.push_back(i);
  };
  const words said = sorted_words(text);
  for (std::size_t i = 0; i < in.definitions.size(); ++i)
    if (holds(said, in.definitions[i].words)) take(i);
  const std::size_t asked_for = found.size();
  for (std::size_t i = 0; i < asked_for; ++i)
    for (const std::size_t near : in.definitions[found[i]].mentions) take(near);
  std::vector<const definition*> all;
  for (const std::size_t i : found) all.push_back(&in.definitions[i]);
  return all;
}

}  // namespace qa
