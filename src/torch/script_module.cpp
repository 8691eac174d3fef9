// SPDX-License-Identifier: BSL-1.0
#include "archive_sink.hpp"
#include "content_hash.hpp"
#include "loaded_model.hpp"
#include "mapped_module.hpp"

#include <caffe2/serialize/in_memory_adapter.h>
#include <torch/csrc/jit/serialization/export.h>
#include <malloc.h>
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <utility>

namespace catena::torch {
namespace {

using module_type = ::torch::jit::Module;

module_type compile(const script_options& options, c10::Device device) {
  try {
    module_type module("model");
    module.define(options.source);
    module.to(device);
    return module;
  } catch (const std::exception& e) {
    throw refusal_of(options, errc::model_invalid, "its source does not compile: " + text_of(e), std::current_exception());
  }
}

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

/// The mapped form of an archive: opened if it is there and fits, made from the archive otherwise.
class mapped_source {
 public:
  mapped_source(const script_options& options, const std::string& hash, c10::Device device, const model_log& log)
      : options_(options),
        hash_(hash),
        device_(device),
        log_(log),
        path_(mapped_path(options)),
        origin_(origin_of(options.file, TORCH_VERSION)) {}

  module_type load() {
    std::string why = "there is none";
    if (std::filesystem::exists(path_)) {
      if (auto module = opened(why)) return *std::move(module);
    }
    const std::string found = content_hash(options_.file);
    expect_hash(options_, hash_, found);
    module_type module = copied(options_, c10::kCPU);
    if (!write(module, found, why)) return on_device(std::move(module));
    if (auto mapped = opened(why)) return *std::move(mapped);
    log_(log_level::warning, "'" + path_ + "' cannot be used right after it was written: " + why + "; the weights are copied");
    return on_device(std::move(module));
  }

  /// Null: there is none, or it cannot be used.
  [[nodiscard]] std::shared_ptr<const mapped_form> form() const {
    try {
      return std::make_shared<const mapped_form>(path_, origin_, options_.verify);
    } catch (const std::exception&) {
      return nullptr;
    }
  }

 private:
  std::optional<module_type> opened(std::string& why_not) {
    try {
      const mapped_form form(path_, origin_, options_.verify);
      expect_hash(options_, hash_, form.source_hash());
      return module_of(form, device_);
    } catch (const error&) {
      throw;
    } catch (const std::exception& e) {
      why_not = text_of(e);
      return std::nullopt;
    }
  }

  bool write(const module_type& module, const std::string& found_hash, const std::string& why) {
    try {
      if (!options_.mapped_folder.empty()) std::filesystem::create_directories(options_.mapped_folder);
      write_mapped(module, path_, origin_, found_hash);
      log_(log_level::note, "wrote '" + path_ + "', to be mapped: " + why);
      return true;
    } catch (const std::exception& e) {
      log_(log_level::warning, "'" + path_ + "' cannot be written: " + text_of(e) + "; the weights are copied");
      return false;
    }
  }

  [[nodiscard]] module_type on_device(module_type module) const {
    if (!device_.is_cpu()) module.to(device_);
    return module;
  }

  const script_options& options_;
  const std::string& hash_;
  c10::Device device_;
  const model_log& log_;
  std::string path_;
  mapped_origin origin_;
};

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

module_type load_file(const script_options& options, const std::string& hash, c10::Device device, const model_log& log) {
  expect_file(options);
  if (options.load == loading::mapped) return mapped_source(options, hash, device, log).load();
  if (!hash.empty()) expect_hash(options, hash, content_hash(options.file));
  return copied(options, device);
}

void expect_method(const script_options& options, const module_type& module) {
  if (module.find_method(options.method)) return;
  std::string present;
  for (const auto& method : module.get_methods()) present += (present.empty() ? "" : ", ") + method.name();
  throw refusal_of(options, errc::model_invalid,
                   "there is no method '" + options.method + "' in it; it has " + (present.empty() ? "none" : present));
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text.empty() ? "none" : text;
}

/// Inputs are the method's arguments, in its order; those that have a default may be left out at the end. The only input may
/// be left without a name.
void expect_arguments(const script_options& options, const module_type& module) {
  std::vector<std::string> given, taken;
  for (const input_options& input : inputs_of(options)) given.push_back(input.name);
  std::size_t needed = 0;
  const auto& arguments = module.get_method(options.method).function().getSchema().arguments();
  for (std::size_t i = 1; i < arguments.size(); ++i) {  // the first one is the module itself
    if (!arguments[i].default_value()) needed = i;
    taken.push_back(arguments[i].name());
  }
  const bool is_nameless = given == std::vector<std::string>{""};
  const bool is_enough = needed <= given.size() && given.size() <= taken.size();
  if (is_enough && (is_nameless || std::equal(given.begin(), given.end(), taken.begin()))) return;
  throw refusal_of(options, errc::model_invalid,
                   "method '" + options.method + "' takes " + listed(taken) + ", the inputs are " +
                       (is_nameless ? "one without a name" : listed(given)));
}

/// Casts what is floating-point; indices and masks stay.
void compute_in(module_type& module, c10::ScalarType type) {
  const at::NoGradGuard no_gradients;
  for (at::Tensor t : module.parameters())
    if (t.is_floating_point()) t.set_data(t.to(type));
  for (at::Tensor t : module.buffers())
    if (t.is_floating_point()) t.set_data(t.to(type));
}

module_type optimised(const script_options& options, module_type module) {
  if (options.optimise == optimisation::none) return module;
  try {
    const std::vector<std::string> kept = options.method == "forward" ? std::vector<std::string>{} : std::vector{options.method};
    if (options.optimise == optimisation::for_inference) return ::torch::jit::optimize_for_inference(module, kept);
    return ::torch::jit::freeze(module, kept);
  } catch (const std::exception& e) {
    throw refusal_of(options, errc::model_invalid, "it cannot be optimised: " + text_of(e), std::current_exception());
  }
}

/// What the method answered: a tensor, several of them, or a dictionary of them.
std::vector<at::Tensor> tensors_in(const c10::IValue& value, const script_options& options, const std::vector<output_options>& outputs) {
  std::vector<at::Tensor> tensors;
  const auto take = [&](const c10::IValue& v) {
    if (!v.isTensor())
      throw refusal_of(options, errc::model_invalid, "method '" + options.method + "' answered " + v.tagKind() + ", expected a Tensor");
    tensors.push_back(v.toTensor());
  };
  const bool by_name = value.isGenericDict() && !outputs.front().name.empty();
  if (outputs.size() == 1 && !by_name) {
    take(value);
  } else if (value.isTuple()) {
    for (const auto& element : value.toTupleRef().elements()) take(element);
  } else if (value.isTensorList()) {
    tensors = value.toTensorVector();
  } else if (value.isGenericDict()) {
    const auto entries = value.toGenericDict();
    for (const output_options& output : outputs) {
      const auto found = entries.find(output.name);
      if (found == entries.end())
        throw refusal_of(options, errc::model_invalid, "method '" + options.method + "' answered no '" + output.name + "'");
      take(found->value());
    }
  } else {
    take(value);
  }
  return tensors;
}

/// What a model has freed goes back to the system. The C library keeps blocks of up to 32 MB for itself once it was given some of
/// that size back, and the weights of a model are such blocks.
struct gives_memory_back {
  ~gives_memory_back() {
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
  }
};

class script_module final : public loaded_model {
 public:
  script_module(const script_options& options, module_type module) : options_(options), module_(std::move(module)) {}

  tensor_function make_function() override {
    // A copy shares the weights and has attributes of its own.
    module_type module = is_taken_ ? module_.copy() : module_;
    is_taken_ = true;
    return [options = options_, outputs = outputs_of(options_), module,
            method = module.get_method(options_.method)](const std::vector<at::Tensor>& inputs) mutable {
      return tensors_in(method(std::vector<c10::IValue>(inputs.begin(), inputs.end())), options, outputs);
    };
  }

  void save(whole_file& to) const override {
    archive_sink sink(to, 0);
    ::torch::jit::ExportModule(module_, [&](const void* data, std::size_t size) { return sink.write(data, size); });
    static_cast<void>(sink.finish());
  }

 private:
  gives_memory_back last_;  // the first member is the last one to be destroyed
  script_options options_;
  module_type module_;
  bool is_taken_ = false;
};

std::unique_ptr<loaded_model> loaded(const script_options& options, module_type module) {
  expect_method(options, module);
  module.eval();
  expect_arguments(options, module);
  if (options.compute_in != precision::as_saved)
    compute_in(module, options.compute_in == precision::float16 ? c10::kHalf : c10::kBFloat16);
  return std::make_unique<script_module>(options, optimised(options, std::move(module)));
}

/// Loads the same archive again and again, without its file.
class script_host final : public host_model {
 public:
  using source = std::function<module_type(c10::Device)>;
  script_host(const script_options& options, source from) : options_(options), from_(std::move(from)) {}
  [[nodiscard]] std::unique_ptr<loaded_model> place(c10::Device device) const override { return loaded(options_, from_(device)); }

 private:
  gives_memory_back last_;  // as above
  script_options options_;
  source from_;
};

script_host::source source_of(const script_options& options, const std::string& hash, const model_log& log) {
  if (options.file.empty()) return [options](c10::Device device) { return compile(options, device); };
  expect_file(options);
  if (options.load == loading::mapped) {
    if (auto form = mapped_source(options, hash, c10::kCPU, log).form())
      return [form = std::move(form)](c10::Device device) { return module_of(*form, device); };
  }
  return [archive = std::make_shared<const archive_copy>(options.file)](c10::Device device) { return archive->load(device); };
}

}  // namespace

std::unique_ptr<loaded_model> load_script(const script_options& options, const std::string& hash, c10::Device device,
                                          const model_log& log) {
  return loaded(options, options.file.empty() ? compile(options, device) : load_file(options, hash, device, log));
}

std::unique_ptr<host_model> read_script(const script_options& options, const std::string& hash, const model_log& log) {
  try {
    return std::make_unique<script_host>(options, source_of(options, hash, log));
  } catch (const error&) {
    throw;
  } catch (const std::exception& e) {
    throw refusal_of(options, errc::model_invalid, text_of(e), std::current_exception());
  }
}

}  // namespace catena::torch
