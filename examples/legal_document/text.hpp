// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Reading a legal text from a file, refusing clearly whatever is not one.
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace legal {

/// The user's input cannot be used; the message names it and says what is expected.
class input_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A checked text: UTF-8, no NUL, "\n" line ends, at least one word.
struct document {
  std::string name;  ///< as the user wrote it
  std::string text;
};

/// Longer texts are refused before they are read; a statute book of 10 000 pages is about 30 MB.
inline constexpr std::size_t max_text_bytes = 33'000'000;

/// Reads and checks a file. \errors input_error
document read_document(const std::filesystem::path& file);

/// Checks bytes that are already in memory. \errors input_error
document make_document(std::string name, std::string bytes);

}  // namespace legal
