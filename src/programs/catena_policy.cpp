// SPDX-License-Identifier: BSL-1.0
// catena-policy: looks at policy documents before a service reads them.
#include <catena/policy/document.hpp>

#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace {

constexpr int good = 0, has_faults = 1, wrong_usage = 2;

int explain_usage() {
  std::cerr << "usage: catena-policy check FILE    0: the document is right; 1: it is not, and all its faults are told\n"
               "       catena-policy schema        prints the JSON Schema of such documents\n"
               "FILE may be -, the standard input.\n";
  return wrong_usage;
}

/// Nothing, if it cannot be read.
std::optional<std::string> text_of(const std::string& file) {
  std::ifstream opened;
  if (file != "-") opened.open(file, std::ios::binary);
  std::istream& in = file == "-" ? std::cin : opened;
  if (!in) return std::nullopt;
  try {
    return std::string(std::istreambuf_iterator<char>(in), {});
  } catch (const std::ios_base::failure&) {  // a folder
    return std::nullopt;
  }
}

int check(const std::string& file) {
  const std::optional<std::string> text = text_of(file);
  if (!text) {
    std::cerr << "catena-policy: " << file << " cannot be read\n";
    return wrong_usage;
  }
  const auto read = catena::policy_document::read(*text);
  if (read) return good;
  for (const catena::policy_fault& fault : read.error().all) std::cout << file << ": " << fault.to_string() << "\n";
  return has_faults;
}

}  // namespace

int main(int count, char** words) {
  const std::span arguments(words, static_cast<std::size_t>(count));
  const std::string_view command = count > 1 ? arguments[1] : "";
  if (command == "check" && count == 3) return check(arguments[2]);
  if (command == "schema" && count == 2) {
    std::cout << catena::policy_document::schema() << "\n";
    return good;
  }
  return explain_usage();
}
