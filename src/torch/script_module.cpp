// SPDX-License-Identifier: BSL-1.0
#include "archive_sink.hpp"
#include "module_state.hpp"
#include "script_archive.hpp"

#include <torch/csrc/jit/serialization/export.h>
#include <malloc.h>

#include <algorithm>
#include <functional>
#include <optional>
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
  script_module(const script_options& options, loaded_module from)
      : options_(options), module_(std::move(from.module)), weights_(std::move(from.weights)) {
    if (weights_) state_ = state_of(module_);
  }

  /// A model whose calls have changed more than weights, which come anew from their file, would go on where it was.
  bool sleep() override {
    if (!weights_ || !state_ || state_of(module_) != state_) return false;
    weights_->leave();
    is_taken_ = false;
    return true;
  }
  bool wake(const std::string& hash) override {
    std::string why_not;
    const auto form = open_mapped_form(options_, hash, why_not);
    return form && weights_->come_back(*form);
  }

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
  std::optional<mapped_weights> weights_;
  std::optional<std::string> state_;  ///< as it was loaded
  bool is_taken_ = false;
};

std::unique_ptr<loaded_model> loaded(const script_options& options, loaded_module from, c10::Device device) {
  module_type& module = from.module;
  expect_method(options, module);
  module.eval();
  expect_arguments(options, module);
  if (options.compute_in != precision::as_saved)
    compute_in(module, options.compute_in == precision::float16 ? c10::kHalf : c10::kBFloat16);
  const bool has_other_weights = !device.is_cpu() || options.compute_in != precision::as_saved || options.optimise != optimisation::none;
  if (has_other_weights) from.weights.reset();
  module = optimised(options, std::move(module));
  return std::make_unique<script_module>(options, std::move(from));
}

/// Loads the same archive again and again, without its file.
class script_host final : public host_model {
 public:
  using source = std::function<module_type(c10::Device)>;
  script_host(const script_options& options, source from) : options_(options), from_(std::move(from)) {}
  [[nodiscard]] std::unique_ptr<loaded_model> place(c10::Device device) const override {
    return loaded(options_, {from_(device)}, device);
  }

 private:
  gives_memory_back last_;  // as above
  script_options options_;
  source from_;
};

}  // namespace

std::unique_ptr<loaded_model> load_script(const script_options& options, const std::string& hash, c10::Device device,
                                          const model_log& log) {
  loaded_module from = options.file.empty() ? loaded_module{compile(options, device)} : load_archive(options, hash, device, log);
  return loaded(options, std::move(from), device);
}

std::unique_ptr<host_model> read_script(const script_options& options, const std::string& hash) {
  try {
    if (!options.file.empty()) return std::make_unique<script_host>(options, read_archive(options, hash));
    return std::make_unique<script_host>(options, [options](c10::Device device) { return compile(options, device); });
  } catch (const error&) {
    throw;
  } catch (const std::exception& e) {
    throw refusal_of(options, errc::model_invalid, text_of(e), std::current_exception());
  }
}

}  // namespace catena::torch
