// SPDX-License-Identifier: BSL-1.0
// The only file here that includes Torch.
#include <torch/script.h>

#include "networks.hpp"

#include <ATen/Parallel.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <initializer_list>
#include <stdexcept>

namespace bench {
namespace {

constexpr std::uint64_t weights_seed = 20261129;

using shape = std::vector<std::int64_t>;

/// Writes a module layer by layer: straight-line TorchScript in which `x` is the value so far, and the weights it names.
class module_writer {
 public:
  explicit module_writer(const std::string& name) : module_(name) { at::manual_seed(weights_seed); }

  void line(const std::string& text) { source_ += "    " + text + "\n"; }

  /// Names of new parameters: normally distributed, or all the same.
  std::string random(const shape& sizes, double deviation) { return add(at::randn(sizes) * deviation); }
  std::string constant(std::int64_t size, double value) { return add(at::full({size}, value)); }

  /// The text of a linear layer of `of`; it keeps the variance, or doubles it for a relu that comes next.
  std::string linear(const std::string& of, std::int64_t in, std::int64_t out, double gain = 1) {
    const std::string weight = random({out, in}, std::sqrt(gain / static_cast<double>(in)));
    return "torch.linear(" + of + ", " + weight + ", " + random({out}, 0.1) + ")";
  }

  /// The text of a convolution of `of` without bias, and its normalisation.
  std::string convolution(const std::string& of, std::int64_t in, std::int64_t out, std::int64_t width, std::int64_t stride) {
    const std::string weight = random({out, in, width, width}, std::sqrt(2.0 / static_cast<double>(in * width * width)));
    const std::string strides = std::to_string(stride), padding = std::to_string(width / 2);
    const std::string convolved = "torch.conv2d(" + of + ", " + weight + ", None, [" + strides + ", " + strides + "], [" + padding + ", " +
                                  padding + "], [1, 1], 1)";
    const std::string scale = constant(out, 1), offset = random({out}, 0.1), mean = random({out}, 0.1), variance = constant(out, 1);
    return "torch.batch_norm(" + convolved + ", " + scale + ", " + offset + ", " + mean + ", " + variance + ", False, 0.1, 1e-5, False)";
  }

  void save(const std::string& file) {
    module_.define("def forward(self, x: Tensor) -> Tensor:\n" + source_ + "    return x\n");
    module_.eval();
    module_.save(file);
  }

 private:
  std::string add(const at::Tensor& values) {
    const std::string name = "p" + std::to_string(count_++);
    module_.register_parameter(name, values, false);
    return "self." + name;
  }

  torch::jit::Module module_;
  std::string source_;
  int count_ = 0;
};

void write_mlp(module_writer& to) {
  to.line("x = torch.relu(" + to.linear("x", 784, 512, 2) + ")");
  to.line("x = torch.relu(" + to.linear("x", 512, 512, 2) + ")");
  to.line("x = " + to.linear("x", 512, answer_size));
}

void write_resnet_block(module_writer& to, std::int64_t in, std::int64_t out, std::int64_t stride) {
  to.line("y = torch.relu(" + to.convolution("x", in, out, 3, stride) + ")");
  to.line("y = " + to.convolution("y", out, out, 3, 1));
  if (in != out) to.line("x = " + to.convolution("x", in, out, 1, stride));
  to.line("x = torch.relu(x + y)");
}

void write_resnet(module_writer& to) {
  to.line("x = torch.relu(" + to.convolution("x", 3, 64, 7, 2) + ")");
  to.line("x = torch.max_pool2d(x, [3, 3], [2, 2], [1, 1])");
  std::int64_t channels = 64;
  for (const std::int64_t out : {64, 128, 256, 512}) {
    write_resnet_block(to, channels, out, out == channels ? 1 : 2);
    write_resnet_block(to, out, out, 1);
    channels = out;
  }
  to.line("x = " + to.linear("x.mean([2, 3])", channels, answer_size));
}

void write_transformer(module_writer& to) {
  constexpr std::int64_t width = 256, hidden = 1024;
  const auto normalised = [&](const std::string& of) {
    const std::string scale = to.constant(width, 1), offset = to.constant(width, 0);
    return "torch.layer_norm(" + of + ", [256], " + scale + ", " + offset + ")";
  };
  for (int layer = 0; layer < 4; ++layer) {
    to.line("parts = " + to.linear("x", width, 3 * width) + ".view(-1, 64, 3, 4, 64).permute(2, 0, 3, 1, 4)");
    to.line("weights = torch.softmax(torch.matmul(parts[0], parts[1].transpose(2, 3)) * 0.125, 3)");
    to.line("y = torch.matmul(weights, parts[2]).transpose(1, 2).reshape(-1, 64, 256)");
    to.line("x = " + normalised("x + " + to.linear("y", width, width)));
    const std::string inner = "torch.gelu(" + to.linear("x", width, hidden, 2) + ")";
    to.line("x = " + normalised("x + " + to.linear(inner, hidden, width)));
  }
  to.line("x = " + to.linear("x.mean(1)", width, answer_size));
}

void write(module_writer& to, const std::string& name) {
  if (name == "mlp") return write_mlp(to);
  if (name == "resnet") return write_resnet(to);
  if (name == "transformer") return write_transformer(to);
  throw std::logic_error("no network " + name);
}

/// The folder of the files, removed when the program ends.
class scratch_folder {
 public:
  scratch_folder() { std::filesystem::create_directories(path_); }
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_ = std::filesystem::temp_directory_path() / ("catena_bench_networks_" + std::to_string(::getpid()));
};

}  // namespace

const std::vector<network>& networks() {
  static const std::vector<network> all{
      {"mlp", {784}, 20'000},
      {"resnet", {3, 64, 64}, 1'000},
      {"transformer", {64, 256}, 1'000},
  };
  return all;
}

catena::torch::script_options script_of(const network& net) {
  static const scratch_folder folder;
  const std::string file = (folder.path() / (net.name + ".pt")).string();
  if (!std::filesystem::exists(file)) {
    module_writer writer(net.name);
    write(writer, net.name);
    writer.save(file);
  }
  return {.name = net.name, .file = file, .input = {.shape = net.input}, .output = {.shape = {answer_size}}};
}

void use_one_thread() { at::set_num_threads(1); }

}  // namespace bench
