// SPDX-License-Identifier: BSL-1.0
#include "content_hash.hpp"
#include "script_archive.hpp"

#include <caffe2/serialize/in_memory_adapter.h>
#include <xxhash.h>

#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace catena::torch {
namespace {

using module_type = ::torch::jit::Module;

/// A manifest, where there is one, says what the archive is known by.
void expect_hash(const script_options& options, const std::string& expected, const std::string& found) {
  if (expected.empty() || expected == found) return;
  throw refusal_of(options, errc::model_invalid,
                   "'" + options.file + "' has the content hash " + found + ", its manifest says " + expected);
}

module_type copied(const script_options& options, c10::Device device) {
  try {
    return ::torch::jit::load(options.file, device);
  } catch (const std::exception& e) {
    throw refusal_of(options, errc::model_invalid, "'" + options.file + "' is not TorchScript: " + text_of(e), std::current_exception());
  }
}

/// Beside the archive, or in the folder given, where archives of the same name must not meet.
std::string mapped_path(const script_options& options) {
  namespace fs = std::filesystem;
  const fs::path archive(options.file);
  if (options.mapped_folder.empty()) return options.file + ".mapped";
  const std::string whole = fs::absolute(archive).lexically_normal().string();
  const auto number = static_cast<unsigned long long>(XXH3_64bits(whole.data(), whole.size()));
  return (fs::path(options.mapped_folder) / (archive.filename().string() + "." + std::to_string(number) + ".mapped")).string();
}

std::optional<loaded_module> opened(const script_options& options, const std::string& hash, c10::Device device, std::string& why_not) {
  const auto form = open_mapped_form(options, hash, why_not);
  if (!form) return std::nullopt;
  try {
    mapped_weights weights(*form);
    module_type module = module_of(*form, weights, device);
    return loaded_module{std::move(module), std::move(weights)};
  } catch (const std::exception& e) {
    why_not = text_of(e);
    return std::nullopt;
  }
}

bool write_form(const script_options& options, const module_type& module, const mapped_origin& origin, const std::string& found_hash,
                const std::string& why, const model_log& log) {
  const std::string path = mapped_path(options);
  try {
    if (!options.mapped_folder.empty()) std::filesystem::create_directories(options.mapped_folder);
    write_mapped(module, path, origin, found_hash);
    log(log_level::note, "wrote '" + path + "', to be mapped: " + why);
    return true;
  } catch (const std::exception& e) {
    log(log_level::warning, "'" + path + "' cannot be written: " + text_of(e) + "; the weights are copied");
    return false;
  }
}

/// The mapped form is opened if it is there and fits, and made from the archive otherwise.
loaded_module mapped(const script_options& options, const std::string& hash, c10::Device device, const model_log& log) {
  std::string why = "there is none";
  if (auto module = opened(options, hash, device, why)) return *std::move(module);
  const mapped_origin origin = origin_of(options.file, TORCH_VERSION);  // as it is before it is read
  const std::string found = content_hash(options.file);
  expect_hash(options, hash, found);
  module_type module = copied(options, c10::kCPU);
  if (write_form(options, module, origin, found, why, log)) {
    if (auto mapped = opened(options, hash, device, why)) return *std::move(mapped);
    log(log_level::warning,
        "'" + mapped_path(options) + "' cannot be used right after it was written: " + why + "; the weights are copied");
  }
  if (!device.is_cpu()) module.to(device);
  return {std::move(module)};
}

/// The bytes of an archive.
class archive_copy {
 public:
  explicit archive_copy(const std::string& file) : bytes_(std::filesystem::file_size(file)) {
    std::ifstream from(file, std::ios::binary);
    from.read(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
    if (!from) throw std::runtime_error("'" + file + "' cannot be read");
  }
  [[nodiscard]] module_type load(c10::Device device) const {
    return ::torch::jit::load(
        std::make_shared<caffe2::serialize::MemoryReadAdapter>(bytes_.data(), static_cast<off_t>(bytes_.size())), device);
  }

 private:
  std::vector<char> bytes_;
};

}  // namespace

loaded_module load_archive(const script_options& options, const std::string& hash, c10::Device device, const model_log& log) {
  expect_file(options);
  if (options.load == loading::mapped) return mapped(options, hash, device, log);
  if (!hash.empty()) expect_hash(options, hash, content_hash(options.file));
  return {copied(options, device)};
}

std::shared_ptr<const mapped_form> open_mapped_form(const script_options& options, const std::string& hash, std::string& why_not) {
  expect_file(options);
  const std::string path = mapped_path(options);
  if (!std::filesystem::exists(path)) return nullptr;
  try {
    auto form = std::make_shared<const mapped_form>(path, origin_of(options.file, TORCH_VERSION), options.verify);
    expect_hash(options, hash, form->source_hash());
    return form;
  } catch (const error&) {
    throw;
  } catch (const std::exception& e) {
    why_not = text_of(e);
    return nullptr;
  }
}

std::function<module_type(c10::Device)> read_archive(const script_options& options, const std::string& hash) {
  expect_file(options);
  std::string why_not;
  const auto form = options.load == loading::mapped ? open_mapped_form(options, hash, why_not) : nullptr;
  if (form) return [form](c10::Device device) { return module_of(*form, mapped_weights(*form), device); };
  return [archive = std::make_shared<const archive_copy>(options.file)](c10::Device device) { return archive->load(device); };
}

}  // namespace catena::torch
