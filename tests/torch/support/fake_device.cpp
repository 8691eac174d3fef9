// SPDX-License-Identifier: BSL-1.0
#include <torch/script.h>

#include <torch/library.h>
#include <torch/version.h>

#include <ATen/EmptyTensor.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/convolution_ops.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "fake_device.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>

namespace catena::test {
namespace {

constexpr c10::DeviceType fake_type = c10::DeviceType::XPU;
constexpr c10::DispatchKeySet fake_keys(c10::DispatchKey::XPU), cpu_keys(c10::DispatchKey::CPU);

// ---- What there is of it --------------------------------------------------------------------------------------------------

/// All that the devices have. It is never destroyed: tensors may outlive everything.
struct fake_world {
  std::atomic<bool> is_there = false;
  fake_streams streams;

  mutable std::mutex mutex;  // of what follows
  fake_device_options options;
  std::array<fake_copies, 3> copies;
  std::array<std::size_t, fake_streams::devices> in_use{}, peak{};
  std::vector<std::string> faults;
};

fake_world& world() {
  static auto* const the_one = new fake_world;
  return *the_one;
}

fake_device_options options_now() {
  const std::lock_guard lock(world().mutex);
  return world().options;
}

void count_copy(fake_direction direction, std::size_t bytes) {
  const std::lock_guard lock(world().mutex);
  fake_copies& of = world().copies[static_cast<std::size_t>(direction)];
  ++of.count;
  of.bytes += bytes;
}

// ---- Devices and streams --------------------------------------------------------------------------------------------------

/// What this thread has chosen.
struct fake_choice {
  c10::DeviceIndex device = 0;
  std::array<c10::StreamId, fake_streams::devices> streams{};
};

fake_choice& chosen() {
  thread_local fake_choice choice;
  return choice;
}

c10::DeviceIndex index_of(const c10::Device& device) { return device.has_index() ? device.index() : chosen().device; }

std::size_t number_of(const c10::Stream& stream) {
  return static_cast<std::size_t>(stream.device_index()) * fake_streams::of_device + static_cast<std::size_t>(stream.id());
}

/// The current stream of a device.
std::size_t stream_of(const c10::Device& device) {
  const auto index = static_cast<std::size_t>(index_of(device));
  return index * fake_streams::of_device + static_cast<std::size_t>(chosen().streams.at(index));
}

struct fake_guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return fake_type; }
  c10::DeviceIndex deviceCount() const noexcept override {
    return world().is_there ? static_cast<c10::DeviceIndex>(fake_streams::devices) : c10::DeviceIndex{0};
  }

  c10::Device getDevice() const override { return {fake_type, chosen().device}; }
  void setDevice(c10::Device device) const override {
    TORCH_CHECK(index_of(device) < deviceCount(), "there is no device ", device);
    uncheckedSetDevice(device);
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override { chosen().device = index_of(device); }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device before = getDevice();
    setDevice(device);
    return before;
  }

  c10::Stream getStream(c10::Device device) const noexcept override {
    const c10::DeviceIndex index = index_of(device);
    return stream(index, chosen().streams[static_cast<std::size_t>(index)]);
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return stream(index_of(device), 0); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool = false) const override {
    static std::atomic<std::size_t> taken = 0;
    return stream(index_of(device), static_cast<c10::StreamId>(1 + taken++ % (fake_streams::of_device - 1)));
  }
  c10::Stream exchangeStream(c10::Stream next) const noexcept override {
    auto& current = chosen().streams[static_cast<std::size_t>(next.device_index())];
    return stream(next.device_index(), std::exchange(current, next.id()));
  }
  bool queryStream(const c10::Stream& of) const override { return world().streams.is_idle(number_of(of)); }
  void synchronizeStream(const c10::Stream& of) const override { world().streams.synchronize(number_of(of)); }

  void record(void** event, const c10::Stream& of, const c10::DeviceIndex, const c10::EventFlag) const override {
    if (*event == nullptr) *event = new fake_streams::event;
    at(*event) = world().streams.record(number_of(of));
  }
  void block(void* event, const c10::Stream& waits) const override { world().streams.wait(number_of(waits), at(event)); }
  bool queryEvent(void* event) const override { return world().streams.is_done(at(event)); }
  void destroyEvent(void* event, const c10::DeviceIndex) const noexcept override { delete static_cast<fake_streams::event*>(event); }
  void recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& of) const override;
#if TORCH_VERSION_MAJOR >= 2
  void synchronizeEvent(void* event) const override { world().streams.synchronize(at(event)); }
#endif

 private:
  static c10::Stream stream(c10::DeviceIndex device, c10::StreamId id) {
    return c10::Stream(c10::Stream::UNSAFE, c10::Device(fake_type, device), id);
  }
  static fake_streams::event& at(void* event) { return *static_cast<fake_streams::event*>(event); }
};

C10_REGISTER_GUARD_IMPL(XPU, fake_guard)

// ---- Memory ---------------------------------------------------------------------------------------------------------------

/// A piece of device memory; copies that are under way keep it, though its tensor may be gone.
struct fake_memory {
  std::unique_ptr<std::byte[]> bytes;
  fake_uses uses;
};
using fake_memory_ptr = std::shared_ptr<fake_memory>;

/// What a tensor has of it.
struct fake_block {
  fake_memory_ptr memory;
  std::size_t device, size;
};

void give_back(void* context) {
  const std::unique_ptr<fake_block> block(static_cast<fake_block*>(context));
  world().streams.give_back(block->memory->uses);
  const std::lock_guard lock(world().mutex);
  world().in_use[block->device] -= block->size;
}

void take_bytes(std::size_t device, std::size_t size) {
  fake_world& w = world();
  const std::lock_guard lock(w.mutex);
  const std::size_t limit = w.options.memory_bytes;
  std::size_t& in_use = w.in_use[device];
  TORCH_CHECK_WITH(OutOfMemoryError, limit == 0 || in_use + size <= limit, "XPU out of memory. Tried to allocate ", size,
                   " bytes (device ", device, "; ", limit, " bytes total capacity; ", in_use, " bytes already allocated)");
  in_use += size;
  w.peak[device] = std::max(w.peak[device], in_use);
}

c10::DataPtr allocate_here(std::size_t size) {
  const auto device = static_cast<std::size_t>(chosen().device);
  const c10::Device where(fake_type, chosen().device);
  if (size == 0) return {nullptr, where};
  take_bytes(device, size);
  auto memory = std::make_shared<fake_memory>();
  memory->uses.home = stream_of(where);
  memory->bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  std::byte* const begin = memory->bytes.get();
  return {begin, new fake_block{std::move(memory), device, size}, &give_back, where};
}

struct fake_allocator final : c10::Allocator {
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(std::size_t size) override { return allocate_here(size); }
  void copy_data(void* to, const void* from, std::size_t size) const override { std::memcpy(to, from, size); }
#else
  c10::DataPtr allocate(std::size_t size) const override { return allocate_here(size); }
#endif
};

c10::Allocator* allocator() {
  static auto* const the_one = new fake_allocator;
  return the_one;
}

const bool is_allocator_set = (c10::SetAllocator(fake_type, allocator()), true);

/// Nothing where there is no memory.
fake_memory_ptr memory_of(const at::Tensor& t) {
  if (!t.storage().data_ptr()) return {};
  return static_cast<const fake_block*>(t.storage().data_ptr().get_context())->memory;
}

void fake_guard::recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& of) const {
  if (data) world().streams.record_use(static_cast<const fake_block*>(data.get_context())->memory->uses, number_of(of));
}

bool is_fake(const at::Tensor& t) { return t.defined() && t.device().type() == fake_type; }

at::Tensor with_shape_of(const at::Tensor& other, at::Tensor t) {
  t.unsafeGetTensorImpl()->set_sizes_and_strides(other.sizes(), other.strides(), other.storage_offset());
  return t;
}

/// The same elements in the same memory, as a tensor of the CPU.
class fake_loans {
 public:
  at::Tensor lend(const at::Tensor& t) {
    loan& of = loan_of(t);
    return with_shape_of(t, at::detail::make_tensor<c10::TensorImpl>(c10::Storage(of.lent), cpu_keys, t.dtype()));
  }

  /// The tensor whose memory was lent as this one's; undefined: none was.
  [[nodiscard]] at::Tensor owner_of(const at::Tensor& lent) const {
    for (const loan& of : loans_)
      if (of.lent.unsafeGetStorageImpl() == lent.storage().unsafeGetStorageImpl()) return of.own;
    return {};
  }

 private:
  struct loan {
    at::Tensor own;
    c10::Storage lent;
  };

  loan& loan_of(const at::Tensor& t) {
    for (loan& known : loans_)
      if (known.own.storage().unsafeGetStorageImpl() == t.storage().unsafeGetStorageImpl()) return known;
    const fake_memory_ptr memory = memory_of(t);
    c10::DataPtr data(nullptr, c10::kCPU);
    if (memory)
      data = {memory->bytes.get(), new fake_memory_ptr(memory), [](void* m) { delete static_cast<fake_memory_ptr*>(m); }, c10::kCPU};
    loans_.push_back({t, c10::Storage(c10::Storage::use_byte_size_t(), t.storage().nbytes(), std::move(data),
                                                c10::GetAllocator(c10::kCPU), /*resizable=*/true)});
    return loans_.back();
  }

  std::vector<loan> loans_;
};

at::Tensor lend(const at::Tensor& t) { return fake_loans().lend(t); }

/// Device memory that holds what a storage of the CPU holds.
c10::Storage storage_like(const c10::Storage& of, const c10::Device& device) {
  const c10::DeviceGuard guard(device);
  c10::Storage own(c10::Storage::use_byte_size_t(), of.nbytes(), allocator(), /*resizable=*/true);
  if (of.nbytes() != 0) std::memcpy(own.data_ptr().get(), of.data_ptr().get(), of.nbytes());
  return own;
}

// ---- Kernels --------------------------------------------------------------------------------------------------------------

std::uint64_t launch(const c10::Device& device, std::string what, fake_clock::duration lasts, const std::vector<at::Tensor>& reads,
                     const std::vector<at::Tensor>& writes) {
  std::vector<fake_streams::use> uses;
  for (const at::Tensor& t : reads)
    if (const auto memory = memory_of(t)) uses.push_back({&memory->uses, false});
  for (const at::Tensor& t : writes)
    if (const auto memory = memory_of(t)) uses.push_back({&memory->uses, true});
  return world().streams.launch(stream_of(device), std::move(what), lasts, uses);
}

at::Tensor fake_empty(at::IntArrayRef size, c10::optional<at::ScalarType> dtype, c10::optional<at::Layout>,
                      c10::optional<at::Device> device, c10::optional<bool> pinned, c10::optional<at::MemoryFormat> format) {
  TORCH_CHECK(!pinned.value_or(false), "only memory of the host can be pinned");
  const c10::DeviceGuard guard(c10::device_or_default(device));
  return at::detail::empty_generic(size, allocator(), fake_keys, c10::dtype_or_default(dtype), format);
}

at::Tensor fake_empty_strided(at::IntArrayRef size, at::IntArrayRef stride, c10::optional<at::ScalarType> dtype,
                              c10::optional<at::Layout>, c10::optional<at::Device> device, c10::optional<bool> pinned) {
  TORCH_CHECK(!pinned.value_or(false), "only memory of the host can be pinned");
  const c10::DeviceGuard guard(c10::device_or_default(device));
  return at::detail::empty_strided_generic(size, stride, allocator(), fake_keys, c10::dtype_or_default(dtype));
}

const at::Tensor& fake_resize(const at::Tensor& self, at::IntArrayRef size, c10::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard guard(self.device());
  if (self.numel() != 0) launch(self.device(), "resize_", {}, {}, {self});  // what it holds may have to move
  return at::native::resize_(self, size, format);
}

at::Tensor& fake_set(at::Tensor& self, at::Storage source, int64_t offset, at::IntArrayRef size, at::IntArrayRef stride) {
  return at::native::set_storage_cpu_(self, std::move(source), offset, size, stride);
}

void fake_record_stream(at::Tensor& self, c10::Stream stream) { fake_guard().recordDataPtrOnStream(self.storage().data_ptr(), stream); }

// ---- Copies ---------------------------------------------------------------------------------------------------------------

constexpr const char* name_of(fake_direction direction) {
  switch (direction) {
    case fake_direction::host_to_device: return "host to device";
    case fake_direction::device_to_host: return "device to host";
    case fake_direction::device_to_device: return "device to device";
  }
  return "";
}

bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.contiguous(), y = b.contiguous();
  return x.nbytes() == 0 || std::memcmp(x.data_ptr(), y.data_ptr(), x.nbytes()) == 0;
}

/// Both tensors are of the CPU: one of them was lent.
class pending_copy final : public fake_copy {
 public:
  pending_copy(fake_direction direction, at::Tensor to, at::Tensor from)
      : direction_(direction), to_(std::move(to)), from_(std::move(from)) {}

  void touch_device() override {
    if (taken_.defined()) return;
    const c10::InferenceMode no_gradients;
    taken_ = from_.clone();
    if (direction_ == fake_direction::host_to_device) to_.copy_(taken_);
  }

  void finish() override {
    touch_device();
    const c10::InferenceMode no_gradients;
    if (direction_ == fake_direction::device_to_host) {
      to_.copy_(taken_);
    } else if (!same_bytes(from_, taken_)) {
      const std::lock_guard lock(world().mutex);
      world().faults.emplace_back("host memory changed while it was copied to the device");
    }
  }

 private:
  fake_direction direction_;
  at::Tensor to_, from_;
  at::Tensor taken_;  ///< what the source held
};

void copy_between(fake_direction direction, const at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  const bool is_up = direction == fake_direction::host_to_device;
  const at::Tensor& there = is_up ? to : from;
  const std::size_t stream = stream_of(there.device());
  const fake_memory_ptr memory = memory_of(there);
  auto copy = std::make_unique<pending_copy>(direction, is_up ? lend(to) : to, is_up ? from : lend(from));
  world().streams.launch_copy(stream, name_of(direction), options_now().copy_lasts, {&memory->uses, is_up}, std::move(copy));
  if (!non_blocking) world().streams.synchronize(stream);
}

void copy_within(const at::Tensor& to, const at::Tensor& from) {
  fake_streams& streams = world().streams;
  const std::size_t here = stream_of(to.device()), there = stream_of(from.device());
  if (here != there) streams.wait(here, streams.record(there));
  launch(to.device(), name_of(fake_direction::device_to_device), options_now().copy_lasts, {from}, {to});
  if (here != there) streams.wait(there, streams.record(here));
  fake_loans loans;
  const at::Tensor source = loans.lend(from);
  loans.lend(to).copy_(source);
}

at::Tensor& fake_copy_(at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  const at::Tensor from = source.expand_as(self);
  if (self.is_same(source) || self.numel() == 0) return self;
  const auto direction = !is_fake(source) ? fake_direction::host_to_device
                         : is_fake(self)  ? fake_direction::device_to_device
                                          : fake_direction::device_to_host;
  count_copy(direction, static_cast<std::size_t>(self.numel()) * source.element_size());
  if (direction == fake_direction::device_to_device) copy_within(self, from);
  else copy_between(direction, self, from, non_blocking);
  return self;
}

at::Tensor fake_copy_from(const at::Tensor& self, const at::Tensor& to, bool non_blocking) {
  at::Tensor changed = to;
  return fake_copy_(changed, self, non_blocking);
}

at::Scalar fake_local_scalar(const at::Tensor& self) { return self.to(c10::kCPU).item(); }

// ---- Everything else ------------------------------------------------------------------------------------------------------

/// An operator's call, with what it is given lent to the CPU.
class cpu_call {
 public:
  cpu_call(const c10::OperatorHandle& op, c10::Stack& stack) : op_(op), stack_(stack), name_(op.schema().name()) {
    const auto& arguments = op.schema().arguments();
    const std::size_t first = stack.size() - arguments.size();
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const auto* alias = arguments[i].alias_info();
      lend_argument(stack[first + i], alias != nullptr && alias->isWrite());
    }
  }

  void run() {
    const c10::Device device = where();
    const c10::DeviceGuard guard(device);
    const std::uint64_t number = is_view() ? 0 : launch(device, name_, options_now().kernel_lasts, read_, written_);
    op_.redispatchBoxed(cpu_keys, &stack_);
    for (const pair& p : lent_) take_back(p);
    const std::size_t count = op_.schema().returns().size();
    for (std::size_t i = stack_.size() - count; i < stack_.size(); ++i) own_result(stack_[i], device, number);
  }

 private:
  struct pair {
    at::Tensor own, lent;
    bool is_written;
  };

  void lend_argument(c10::IValue& value, bool is_written) {
    if (value.isTensor()) {
      value = lend_tensor(value.toTensor(), is_written);
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> lent;
      for (const at::Tensor& t : value.toTensorVector()) lent.push_back(lend_tensor(t, is_written));
      value = std::move(lent);
    } else if (value.isOptionalTensorList()) {
      c10::List<c10::optional<at::Tensor>> lent;
      for (const auto& t : value.toOptionalTensorVector()) lent.push_back(t ? c10::make_optional(lend_tensor(*t, is_written)) : t);
      value = std::move(lent);
    } else if (value.isDevice() && value.toDevice().type() == fake_type) {
      device_ = value.toDevice();
      value = c10::Device(c10::kCPU);
    }
  }

  at::Tensor lend_tensor(const at::Tensor& t, bool is_written) {
    if (!is_fake(t)) {
      has_host_tensor_ = has_host_tensor_ || (t.defined() && t.dim() > 0);
      return t;
    }
    TORCH_CHECK(!device_ || *device_ == t.device(), name_, ": tensors on ", *device_, " and on ", t.device());
    device_ = t.device();
    (is_written ? written_ : read_).push_back(t);
    lent_.push_back({t, loans_.lend(t), is_written});
    return lent_.back().lent;
  }

  c10::Device where() const {
    const bool may_mix = name_.find("aten::index") == 0 || name_.find("aten::_index") == 0 || name_.find("aten::_pack") == 0;
    TORCH_CHECK(!has_host_tensor_ || lent_.empty() || may_mix, name_, ": tensors on ", *device_, " and on cpu");
    const c10::Device device = device_.value_or(c10::Device(fake_type));
    return {fake_type, index_of(device)};
  }

  /// All that it answers lies in what it is given, which is not changed.
  bool is_view() const {
    const auto& returns = op_.schema().returns();
    return !returns.empty() && std::ranges::all_of(returns, [](const c10::Argument& a) {
      return a.alias_info() && !a.alias_info()->isWrite();
    });
  }

  /// The CPU may have given it another shape, and memory for that.
  void take_back(const pair& p) {
    if (!p.is_written) return;
    c10::TensorImpl& own = *p.own.unsafeGetTensorImpl();
    if (p.lent.storage().nbytes() > p.own.storage().nbytes()) {
      c10::Storage grown = storage_like(p.lent.storage(), p.own.device());
      p.own.storage().set_data_ptr(grown.set_data_ptr(c10::DataPtr(nullptr, p.own.device())));
      p.own.storage().set_nbytes(p.lent.storage().nbytes());
    }
    if (own.sizes() != p.lent.sizes() || own.strides() != p.lent.strides())
      own.set_sizes_and_strides(p.lent.sizes(), p.lent.strides(), p.lent.storage_offset());
  }

  /// \param number  which piece of the stream's work made it
  void own_result(c10::IValue& value, const c10::Device& device, std::uint64_t number) {
    if (value.isTensor()) {
      value = owned(value.toTensor(), device, number);
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> own;
      for (const at::Tensor& t : value.toTensorVector()) own.push_back(owned(t, device, number));
      value = std::move(own);
    } else {
      world().streams.synchronize(stream_of(device));  // the host reads what was computed
    }
  }

  at::Tensor owned(const at::Tensor& t, const c10::Device& device, std::uint64_t number) {
    if (!t.defined()) return t;
    for (const pair& p : lent_)
      if (p.lent.is_same(t)) return p.own;
    if (const at::Tensor base = loans_.owner_of(t); base.defined())
      return with_shape_of(t, at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(base.storage()),
                                                                       base.key_set(), t.dtype()));
    at::Tensor own = with_shape_of(t, at::detail::make_tensor<c10::TensorImpl>(storage_like(t.storage(), device), fake_keys, t.dtype()));
    if (const auto memory = memory_of(own)) {
      memory->uses.writer = stream_of(device);
      memory->uses.written = number;
    }
    return own;
  }

  const c10::OperatorHandle& op_;
  c10::Stack& stack_;
  const std::string name_;
  fake_loans loans_;
  std::vector<pair> lent_;
  std::vector<at::Tensor> read_, written_;
  std::optional<c10::Device> device_;
  bool has_host_tensor_ = false;
};

void compute_on_cpu(const c10::OperatorHandle& op, c10::Stack* stack) { cpu_call(op, *stack).run(); }

/// Convolutions go to a kernel of this name where LibTorch does not know the device.
at::Tensor fake_convolution(const at::Tensor& input, const at::Tensor& weight, const c10::optional<at::Tensor>& bias,
                            at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool is_transposed,
                            at::IntArrayRef output_padding, std::int64_t groups) {
  return at::native::call_fallback_fn<&compute_on_cpu, at::_ops::convolution>::call(input, weight, bias, stride, padding, dilation,
                                                                                    is_transposed, output_padding, groups);
}

TORCH_LIBRARY_IMPL(_, XPU, m) { m.fallback(::torch::CppFunction::makeFromBoxedFunction<&compute_on_cpu>()); }

TORCH_LIBRARY_IMPL(aten, XPU, m) {
  m.impl("empty.memory_format", &fake_empty);
  m.impl("empty_strided", &fake_empty_strided);
  m.impl("resize_", &fake_resize);
  m.impl("set_.source_Storage_storage_offset", &fake_set);
  m.impl("copy_", &fake_copy_);
  m.impl("_copy_from", &fake_copy_from);
  m.impl("_local_scalar_dense", &fake_local_scalar);
  m.impl("record_stream", &fake_record_stream);
  m.impl("convolution_overrideable", &fake_convolution);
  // LibTorch would compute these out of others, where it does not know the device.
  for (const char* op : {"native_layer_norm", "native_group_norm"})
    m.impl(op, ::torch::CppFunction::makeFromBoxedFunction<&compute_on_cpu>());
}

}  // namespace

// ---- What tests see -------------------------------------------------------------------------------------------------------

fake_device::fake_device(const fake_device_options& options) {
  if (world().is_there.exchange(true)) throw std::logic_error("there is a fake device already");
  forget();
  set(options);
}

fake_device::~fake_device() {
  world().streams.reset();
  world().is_there = false;
}

void fake_device::set(const fake_device_options& options) {
  const std::lock_guard lock(world().mutex);
  world().options = options;
}

fake_copies fake_device::copies(fake_direction direction) const {
  const std::lock_guard lock(world().mutex);
  return world().copies[static_cast<std::size_t>(direction)];
}

std::size_t fake_device::bytes_in_use(int device) const {
  const std::lock_guard lock(world().mutex);
  return world().in_use.at(static_cast<std::size_t>(device));
}

std::size_t fake_device::peak_bytes(int device) const {
  const std::lock_guard lock(world().mutex);
  return world().peak.at(static_cast<std::size_t>(device));
}

std::vector<fake_work> fake_device::log() const { return world().streams.log(); }

std::vector<std::string> fake_device::faults() const {
  std::vector<std::string> all = world().streams.races();
  const std::lock_guard lock(world().mutex);
  all.insert(all.end(), world().faults.begin(), world().faults.end());
  return all;
}

void fake_device::forget() {
  world().streams.forget();
  const std::lock_guard lock(world().mutex);
  world().copies = {};
  world().peak = world().in_use;
  world().faults.clear();
}

}  // namespace catena::test
