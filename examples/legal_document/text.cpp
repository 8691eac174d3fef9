// SPDX-License-Identifier: BSL-1.0
#include "text.hpp"

#include "utf8.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace legal {
namespace {

constexpr std::string_view expected = "; expected a plain text file in UTF-8";

[[noreturn]] void refuse(const std::string& name, std::string_view why) {
  throw input_error(concat({"'", name, "' ", why, expected}));
}

std::string in_megabytes(std::uintmax_t bytes) { return std::to_string((bytes + 500'000) / 1'000'000) + " MB"; }

[[noreturn]] void refuse_long(const std::string& name, const std::string& size) {
  refuse(name,
         concat({"holds ", size, " of text, and the longest this program reads is ", in_megabytes(max_text_bytes)}));
}

/// Formats that people do pass by mistake deserve their own hint.
void refuse_known_formats(const std::string& name, std::string_view bytes) {
  if (bytes.starts_with("%PDF-")) refuse(name, "is a PDF: convert it first, for example with pdftotext");
  if (bytes.starts_with("PK\x03\x04")) refuse(name, "is a ZIP or office document: save it as plain text first");
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) refuse(name, "is UTF-16: convert it with iconv");
}

void normalise_line_ends(std::string& text) {
  std::size_t to = 0;
  for (std::size_t from = 0; from < text.size(); ++from) {
    char c = text[from];
    if (c == '\r') {
      if (from + 1 < text.size() && text[from + 1] == '\n') continue;
      c = '\n';
    }
    text[to++] = c == '\f' || c == '\v' ? '\n' : c;
  }
  text.resize(to);
}

bool has_a_word(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const code_point read = code_point_at(text, at);
    if (is_letter(read.value) || is_cjk(read.value)) return true;
    at += read.size;
  }
  return false;
}

/// Reads at most one byte more than allowed, so that pipes and growing files are bounded too.
std::string read_bounded(std::ifstream& in) {
  constexpr std::size_t step = std::size_t{1} << 20;
  std::string bytes;
  while (in && bytes.size() <= max_text_bytes) {
    const std::size_t had = bytes.size();
    bytes.resize(had + step);
    in.read(bytes.data() + had, static_cast<std::streamsize>(step));
    bytes.resize(had + static_cast<std::size_t>(in.gcount()));
  }
  return bytes;
}

}  // namespace

document make_document(std::string name, std::string bytes) {
  if (bytes.empty()) refuse(name, "is empty");
  if (bytes.size() > max_text_bytes) refuse_long(name, concat({"more than ", in_megabytes(max_text_bytes)}));
  refuse_known_formats(name, bytes);
  if (bytes.find('\0') != std::string::npos) refuse(name, "is binary: it contains NUL bytes");
  if (const std::size_t at = find_invalid_utf8(bytes); at != std::string_view::npos) {
    const auto line = 1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    refuse(name, concat({"is not UTF-8: the first wrong byte is number ", std::to_string(at + 1), ", on line ",
                         std::to_string(line)}));
  }
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.erase(0, 3);
  normalise_line_ends(bytes);
  if (trim(bytes).empty()) refuse(name, "is empty: it holds only white space");
  if (!has_a_word(bytes)) refuse(name, "holds no words");
  return {std::move(name), std::move(bytes)};
}

document read_document(const std::filesystem::path& file) {
  const std::string name = file.string();
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) refuse(name, "does not exist");
  if (std::filesystem::is_directory(status)) refuse(name, "is a folder");
  if (std::filesystem::is_regular_file(status)) {
    const auto size = std::filesystem::file_size(file, error);
    if (!error && size > max_text_bytes) refuse_long(name, in_megabytes(size));
  }
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) refuse(name, std::string("cannot be opened (") + std::strerror(errno) + ")");
  std::string bytes = read_bounded(in);
  if (in.bad()) refuse(name, "cannot be read to its end");
  return make_document(name, std::move(bytes));
}

}  // namespace legal
