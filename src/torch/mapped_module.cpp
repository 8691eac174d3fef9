// SPDX-License-Identifier: BSL-1.0
#include "archive_sink.hpp"
#include "mapped_module.hpp"

#include <caffe2/serialize/in_memory_adapter.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/storage_context.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

// The archive is one that torch.package writes, since LibTorch lets whoever reads one of those bring the storages: here they
// are the places in the mapped file where the writer put them, 64 bytes aligned.
namespace catena::torch {
namespace {

namespace serialize = caffe2::serialize;

constexpr const char* code_folder = ".data/ts_code/code/";
constexpr const char* module_id = "0";
constexpr std::string_view storage_prefix = ".data/", storage_suffix = ".storage";

std::shared_ptr<serialize::PyTorchStreamReader> reader_of(std::span<const std::byte> archive) {
  return std::make_shared<serialize::PyTorchStreamReader>(
      std::make_shared<serialize::MemoryReadAdapter>(archive.data(), static_cast<off_t>(archive.size())));
}

/// The number in ".data/17.storage"; nothing for other records.
std::optional<std::uint64_t> storage_id(std::string_view record) {
  if (!record.starts_with(storage_prefix) || !record.ends_with(storage_suffix)) return std::nullopt;
  record.remove_prefix(storage_prefix.size());
  record.remove_suffix(storage_suffix.size());
  const bool is_number = !record.empty() && std::ranges::all_of(record, [](char c) { return c >= '0' && c <= '9'; });
  return is_number ? std::optional(std::stoull(std::string(record))) : std::nullopt;
}

std::vector<weights_range> weights_in(std::span<const std::byte> archive) {
  const auto reader = reader_of(archive);
  std::vector<weights_range> weights;
  for (const std::string& record : reader->getAllRecords())
    if (const auto id = storage_id(record))
      weights.push_back({*id, reader->getRecordOffset(record), std::get<1>(reader->getRecord(record))});
  std::ranges::sort(weights, {}, &weights_range::offset);
  return weights;
}

/// Writes the archive, and says how long it is.
std::uint64_t write_archive(const ::torch::jit::Module& module, whole_file& to) {
  archive_sink sink(to, mapped_form::archive_offset);
  serialize::PyTorchStreamWriter writer([&](const void* data, std::size_t size) { return sink.write(data, size); });
  ::torch::jit::ScriptModuleSerializer serializer(writer);
  ::torch::jit::Module same = module;  // it takes no const one, and changes nothing
  serializer.serialize_unified_format(same, 0);
  serializer.writeFiles(code_folder);
  writer.writeEndOfFile();
  return sink.finish();
}

using mapping = std::shared_ptr<const mapped_file>;

c10::DataPtr place_of(const weights_range& w, const mapped_form& form) {
  return {form.archive().data() + w.offset, new mapping(form.file()), [](void* m) { delete static_cast<mapping*>(m); }, c10::kCPU};
}

}  // namespace

void write_mapped(const ::torch::jit::Module& module, const std::string& path, const mapped_origin& origin,
                  const std::string& source_hash) {
  whole_file file(path);
  const std::uint64_t size = write_archive(module, file);
  const mapped_file written(file.temporary());
  const auto archive = written.bytes().subspan(mapped_form::archive_offset, size);
  mapped_form::complete(file, origin, source_hash, archive, weights_in(archive));
}

mapped_weights::mapped_weights(const mapped_form& form)
    : source_hash_(form.source_hash()), ranges_(form.weights().begin(), form.weights().end()) {
  for (const weights_range& w : form.weights())
    storages_.emplace_back(c10::Storage::use_byte_size_t(), w.size, place_of(w, form), /*allocator=*/nullptr, /*resizable=*/false);
}

void mapped_weights::leave() const {
  for (const c10::Storage& s : storages_) s.set_data_ptr_noswap(c10::DataPtr(nullptr, c10::kCPU));
}

bool mapped_weights::come_back(const mapped_form& form) const {
  const auto are_same = [](const weights_range& a, const weights_range& b) { return a.id == b.id && a.size == b.size; };
  if (form.source_hash() != source_hash_ || !std::ranges::equal(form.weights(), ranges_, are_same)) return false;
  for (std::size_t i = 0; i < storages_.size(); ++i) storages_[i].set_data_ptr_noswap(place_of(form.weights()[i], form));
  return true;
}

::torch::jit::Module module_of(const mapped_form& form, const mapped_weights& weights, c10::Device device) {
  const auto storages = std::make_shared<::torch::jit::DeserializationStorageContext>();
  for (std::size_t i = 0; i < form.weights().size(); ++i)
    storages->addStorage(std::to_string(form.weights()[i].id) + std::string(storage_suffix), weights.storages()[i]);
  return ::torch::jit::import_ir_module(std::make_shared<::torch::jit::CompilationUnit>(), reader_of(form.archive()), storages,
                                        device, module_id);
}

}  // namespace catena::torch
