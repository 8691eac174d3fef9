// SPDX-License-Identifier: BSL-1.0
#include <catena/incident/json_lines.hpp>

#include <nlohmann/json.hpp>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace catena {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
using wall_clock = std::chrono::system_clock;

// ---- to JSON ----

std::int64_t to_milliseconds(wall_clock::time_point t) {
  return std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
}
wall_clock::time_point from_milliseconds(std::int64_t count) {
  constexpr std::int64_t most = std::chrono::floor<std::chrono::milliseconds>(wall_clock::duration::max()).count();
  if (count > most || count < -most) throw std::runtime_error("a time that no clock shows");
  return wall_clock::time_point(std::chrono::milliseconds(count));
}

bool is_utf8(const std::string& text) {
  try {
    (void)json(text).dump();
    return true;
  } catch (const json::type_error&) {
    return false;
  }
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += digits[static_cast<unsigned char>(c) >> 4];
    hex += digits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

std::string from_hex(const std::string& hex) {
  if (hex.size() % 2 != 0) throw std::runtime_error("half a byte");
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

json to_json_value(const std::optional<std::string>& input) {
  if (!input) return nullptr;
  return is_utf8(*input) ? json(*input) : json{{"hex", to_hex(*input)}};
}

std::optional<std::string> input_in(const json& j) {
  if (j.is_null()) return std::nullopt;
  return j.is_object() ? from_hex(j.at("hex").get<std::string>()) : j.get<std::string>();
}

json to_json_value(const failure& f) {
  return {{"path", f.path()},          {"code", f.code().value()},  {"category", f.code().category().name()},
          {"error", f.code().message()}, {"message", f.message()}, {"attempt", f.attempt()}};
}

failure failure_in(const json& j) {
  const auto category = j.at("category").get<std::string>();
  const int code = j.at("code").get<int>();
  auto message = j.at("message").get<std::string>();
  boost::system::error_code ec = make_error_code(errc::stage_failed);
  if (category == error_category().name()) ec = {code, error_category()};
  else if (category == boost::system::system_category().name()) ec = {code, boost::system::system_category()};
  else if (category == boost::system::generic_category().name()) ec = {code, boost::system::generic_category()};
  else message += (message.empty() ? "" : " ") + ("(" + category + ":" + std::to_string(code) + ")");
  return failure(ec, std::move(message)).within(j.at("path").get<std::string>()).with_attempt(j.at("attempt").get<int>());
}

incident incident_in(const json& j) {
  incident what;
  what.run = j.at("run").get<std::uint64_t>();
  what.tenant = j.at("tenant").get<std::uint32_t>();
  what.path = j.at("path").get<std::string>();
  what.attempts = j.at("attempts").get<int>();
  for (const json& f : j.at("failures")) what.failures.push_back(failure_in(f));
  for (const json& input : j.at("inputs")) what.inputs.push_back(input_in(input));
  what.when = from_milliseconds(j.at("when_ms").get<std::int64_t>());
  what.suppressed_alike = j.at("suppressed_alike").get<std::uint64_t>();
  what.suppressed = j.at("suppressed").get<std::uint64_t>();
  if (j.contains("parked"))
    what.parked = {j.at("parked").at("token").get<std::string>(), from_milliseconds(j.at("parked").at("until_ms").get<std::int64_t>())};
  return what;
}

// ---- files ----

[[noreturn]] void throw_last(const fs::path& path, const char* what) {
  throw std::system_error(errno ? errno : EIO, std::generic_category(), std::string(what) + " " + path.string());
}

/// Whether somebody before did not come to the end of his line.
bool ends_amid_a_line(const fs::path& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in || in.tellg() <= 0) return false;
  in.seekg(-1, std::ios::end);
  return in.get() != '\n';
}

}  // namespace

std::string to_json(const incident& what) {
  json j{{"run", what.run},
         {"tenant", what.tenant},
         {"path", what.path},
         {"attempts", what.attempts},
         {"when_ms", to_milliseconds(what.when)},
         {"suppressed_alike", what.suppressed_alike},
         {"suppressed", what.suppressed},
         {"failures", json::array()},
         {"inputs", json::array()}};
  for (const failure& f : what.failures) j["failures"].push_back(to_json_value(f));
  for (const auto& input : what.inputs) j["inputs"].push_back(to_json_value(input));
  if (what.parked) j["parked"] = {{"token", what.parked->token}, {"until_ms", to_milliseconds(what.parked->until)}};
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

struct json_lines_file::file {
  file(fs::path p, std::uint64_t most) : path(std::move(p)), max_bytes(most) {}

  const fs::path path;
  const std::uint64_t max_bytes;
  std::mutex mutex;
  bool checked = false;  ///< it ends where a line ends

  void write(const std::string& line) {
    const std::lock_guard lock(mutex);
    std::error_code none;
    if (fs::is_regular_file(path, none)) {
      const std::uintmax_t size = fs::file_size(path);
      if (size != 0 && size + line.size() + 1 > max_bytes) fs::rename(path, path.string() + ".1");
    }
    const bool cut = !std::exchange(checked, false) && fs::is_regular_file(path, none) && ends_amid_a_line(path);
    errno = 0;
    std::ofstream out(path, std::ios::binary | std::ios::app);
    if (!out) throw_last(path, "cannot open");
    out << (cut ? "\n" : "") << line << '\n' << std::flush;
    if (!out) throw_last(path, "cannot write to");
    checked = true;
  }
};

json_lines_file::json_lines_file(std::string path, const json_lines_options& options) {
  if (path.empty()) throw std::invalid_argument("json_lines_file: the path is empty");
  if (options.max_bytes < 1) throw std::invalid_argument("json_lines_options::max_bytes must be at least 1");
  file_ = std::make_shared<file>(std::move(path), options.max_bytes);
}

void json_lines_file::operator()(const incident& what) const { file_->write(to_json(what)); }

read_letters read_dead_letters(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw_last(path, "cannot open");
  read_letters all;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    try {
      all.letters.push_back(incident_in(json::parse(line)));
    } catch (const std::exception&) {
      ++all.unreadable;
    }
  }
  if (in.bad()) throw_last(path, "cannot read");
  return all;
}

}  // namespace catena
