// SPDX-License-Identifier: BSL-1.0
#include "legal_document/text.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.hpp"

namespace legal_text_test {

using Catch::Matchers::ContainsSubstring;

struct temporary_folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() /
      ("catena_legal_text_" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
  temporary_folder() { std::filesystem::create_directories(path); }
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
    return path / name;
  }
};

std::string refusal(const std::filesystem::path& file) {
  try {
    legal::read_document(file);
  } catch (const legal::input_error& error) {
    return error.what();
  }
  return "accepted";
}

TEST_CASE("a text that cannot be used is refused with its name and the expected form") {
  const temporary_folder folder;
  const auto check = [&](const std::filesystem::path& file, const std::string& why) {
    const std::string message = refusal(file);
    CHECK_THAT(message, ContainsSubstring(why));
    CHECK_THAT(message, ContainsSubstring(file.string()));
    CHECK_THAT(message, ContainsSubstring("expected a plain text file in UTF-8"));
  };
  check(folder.write("empty.txt", ""), "is empty");
  check(folder.write("blank.txt", " \n\t\n\xE3\x80\x80"), "only white space");
  check(folder.path / "missing.txt", "does not exist");
  check(folder.path, "is a folder");
  check(folder.write("binary.txt", std::string("text\0text", 9)), "is binary");
  check(folder.write("latin1.txt", "first line\ncaf\xE9 au lait"),
        "is not UTF-8: the first wrong byte is number 15, on line 2");
  check(folder.write("utf16.txt", std::string("\xFF\xFEh\0i\0", 6)), "UTF-16");
  check(folder.write("file.pdf", "%PDF-1.7 ..."), "is a PDF");
  check(folder.write("signs.txt", "!!! ... ???\n"), "holds no words");
}

TEST_CASE("overlong forms, surrogates and cut sequences are not UTF-8") {
  for (const char* bytes : {"a\xC0\xAF", "a\xED\xA0\x80", "a\xE4\xB8", "a\xF5\x80\x80\x80", "a\x80"})
    CHECK_THROWS_AS(legal::make_document("x", bytes), legal::input_error);
  CHECK_NOTHROW(legal::make_document("x", "caf\xC3\xA9 \xE4\xB8\xAD \xF0\x9F\x98\x80"));
}

TEST_CASE("one line of 100 MB is refused quickly, before it is read") {
  const temporary_folder folder;
  const auto file = folder.write("long.txt", "word ");
  std::filesystem::resize_file(file, 100'000'000);
  const auto begin = std::chrono::steady_clock::now();
  CHECK_THAT(refusal(file), ContainsSubstring("holds 100 MB of text, and the longest this program reads is 33 MB"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
}

TEST_CASE("a byte order mark and foreign line ends are taken off") {
  CHECK(legal::make_document("x",
                             "\xEF\xBB\xBF"
                             "a\r\nb\rc\fd")
            .text == "a\nb\nc\nd");
}

}  // namespace legal_text_test
