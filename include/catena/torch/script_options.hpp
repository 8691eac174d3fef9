// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is said about a TorchScript model.
#include <catena/model/model_options.hpp>
#include <catena/torch/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace catena::torch {

/// An extent that each request may have another one of.
inline constexpr std::int64_t any_extent = -1;

/// A tensor that the model takes: [n, shape...] for a batch of n.
struct input_options {
  std::string name = {};                 ///< of the method's argument; may be empty where there is one input only
  catena::torch::dtype dtype = dtype::float32;
  std::vector<std::int64_t> shape = {};  ///< of one row, each extent at least 1 or any_extent; empty: one value
  friend bool operator==(const input_options&, const input_options&) = default;
};

/// What is expected of a tensor that the model answers, which is [n, shape...]. What is not given is taken as it comes.
struct output_options {
  std::string name = {};                 ///< of the entry, where the method answers a dictionary; else it is yours to choose
  std::optional<catena::torch::dtype> dtype = {};
  std::vector<std::int64_t> shape = {};  ///< of one row; empty: any. {1} stands for an output of [n] as well
  bool stays = false;                    ///< it is not copied to the host, and answered as kept_row
  friend bool operator==(const output_options&, const output_options&) = default;
};

/// How the weights come into memory.
enum class loading : std::uint8_t {
  copied,  ///< the archive is read into memory of this process
  mapped,  ///< they stay in a file and are read when they are used; processes share them. The first load writes that file, from
           ///< the archive, and later ones check whether it is still the archive's; where it cannot be written, they are copied
};

/// What is checked of a mapped file when it is loaded. Nothing but weights reaches LibTorch unchecked.
enum class verification : std::uint8_t {
  description,  ///< all but the weights, which takes microseconds
  everything,   ///< the weights as well, which reads all of them: 50 ms for 500 MB in memory
};

/// What is done to a module so that it computes faster. It may change the last bits of answers. Mapped weights stay mapped, but
/// for those that are computed or laid out anew.
enum class optimisation : std::uint8_t {
  none,
  frozen,         ///< attributes become constants, and what depends on them alone is computed once; other methods are dropped
  for_inference,  ///< the same, and operations are fused and weights copied into layouts that suit them
};

/// What the model computes in. Rows of floating-point inputs and outputs are float32 all the same.
enum class precision : std::uint8_t {
  as_saved,
  bfloat16,  ///< all floating-point weights are copied into this type, mapped ones too
  float16,   ///< the same; few operations of a CPU know it
};

/// Whether LibTorch fuses element-wise operations into kernels of its own, where its build has a compiler: LLVM for the CPU, NVRTC
/// for CUDA. It compiles them while requests wait, for each new shape of a batch until it has twelve, tens of milliseconds each.
/// LibTorch has one switch for the whole process: the first model says it, and one that says another is refused.
enum class kernel_fusion : std::uint8_t {
  off,
  on,         ///< for models whose batches have few sizes: see batch_options::allowed_sizes
  unchanged,  ///< as it is, whoever has set it
};

/// Whether what batches launch on a device is recorded.
enum class graph_use : std::uint8_t {
  none,
  /// Each of batch.allowed_sizes is recorded once by CUDA, and replayed from then on: one launch instead of one for each kernel.
  /// What the model answers must depend on its inputs and weights only. It is launched as usual where it cannot be recorded,
  /// because it waits for the device or draws random numbers, say, and the log warns of that. The memory that a graph computes in
  /// is taken for as long as the model is on its device.
  allowed_sizes,
};

/// When inputs and outputs are checked against the model: its shapes and types are known only once it has answered.
enum class spec_check : std::uint8_t {
  at_load,         ///< by a dry run without rows, or where the model cannot do that with ones, two rows if a batch may
                   ///< have them; any_extent is there the first of warm_up_extents
  at_first_batch,  ///< each batch is checked, the first is no exception
};

struct script_options {
  std::string name = {};          ///< in errors, paths and logs; not empty, without '/'
  std::string version = "1";      ///< which of the models of this name it is; not empty
  std::string file = {};          ///< a TorchScript archive, or a package of AOTInductor (.pt2); either this or `source`
  std::string source = {};        ///< TorchScript text: `def forward(self, x: Tensor) -> Tensor: ...`
  std::string method = "forward"; ///< what is called with the input tensors, and answers the output tensors
  /// "cpu", or what this LibTorch has: "cuda", "cuda:1", ... Several have a copy of the weights each and are all of one kind; over
  /// different ones a replica_pool balances.
  std::vector<std::string> devices = {"cpu"};
  std::size_t instances = 1;      ///< on each device: how many batches may be computed there at once; they share the weights
  /// Of one instance, on a device other than the CPU, 1 to 64: the next one is copied there while one is computed, and the answers
  /// of the one before are copied back. A model in virtual time has one.
  std::size_t batches_under_way = 2;
  input_options input = {};
  output_options output = {};
  std::vector<input_options> inputs = {};    ///< several, each with a name of its own, instead of `input`
  std::vector<output_options> outputs = {};  ///< several, each with a name of its own, instead of `output`
  spec_check check = spec_check::at_load;
  loading load = loading::copied;
  std::string mapped_folder = {};  ///< where the mapped file is kept, made if need be; empty: beside the archive, as FILE.mapped
  verification verify = verification::description;
  optimisation optimise = optimisation::none;
  precision compute_in = precision::as_saved;
  graph_use graphs = graph_use::none;  ///< needs devices of CUDA, batch.allowed_sizes, fixed shapes, and TorchScript
  /// Threads that compute one batch, 0 to 1024. LibTorch has one number for the whole process: the first model says it, and one
  /// that says another is refused. 0: whatever it is. Parallelism comes from instances; threads inside of them fight for the cores.
  std::size_t intra_op_threads = 1;
  kernel_fusion fusion = kernel_fusion::off;
  batch_options batch = {};       ///< as many rows of input as a batch may have are allocated for each batch under way
  request_queue_options queue = {};
  catena::effects effects = effects::pure;
  warm_up_options warm_up = {};  ///< by batches of ones; there is none where check is spec_check::at_first_batch
  std::vector<std::int64_t> warm_up_extents = {16};  ///< what any_extent is in those, each at least 1: the lengths that requests have
  std::optional<catena::residency> residency = {};  ///< as in model_options
};

/// \errors catena::error: errc::device_unavailable: there is no such kind of device
[[nodiscard]] bool is_on_cpu(const script_options& options);

}  // namespace catena::torch
