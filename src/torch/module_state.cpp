// SPDX-License-Identifier: BSL-1.0
#include "module_state.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace catena::torch {
namespace {

/// Writes what an attribute is, and what lies in it.
class state_writer {
 public:
  /// False: it is of a kind that is not known.
  bool write(const c10::IValue& value) {
    to_ << value.tagKind() << ' ';
    if (value.isNone()) return true;
    if (value.isTensor()) return write_tensor(value.toTensor());
    if (value.isInt() || value.isBool() || value.isDevice()) return to_ << value << ';', true;
    if (value.isDouble()) return to_ << std::hexfloat << value.toDouble() << ';', true;
    if (value.isString()) return to_ << value.toStringRef().size() << ':' << value.toStringRef(), true;
    if (value.isTuple()) return write_all(value.toTupleRef().elements());
    if (value.isList()) return write_all(value.toListRef());
    if (value.isGenericDict()) return write_dict(value.toGenericDict());
    if (value.isObject()) return write_all(value.toObjectRef().slots());
    return false;
  }
  [[nodiscard]] std::string text() const { return to_.str(); }

 private:
  static constexpr int most_levels = 100;  // more may be a circle

  bool write_tensor(const at::Tensor& t) {
    to_ << t.unsafeGetTensorImpl() << ';';
    if (!t.defined()) return true;
    if (!t.has_storage() || t.layout() != c10::kStrided) return false;
    to_ << t.sizes() << t.strides() << t.storage_offset() << ';' << t.storage().unsafeGetStorageImpl() << ';';
    return true;
  }
  bool write_dict(const c10::impl::GenericDict& dict) {
    for (const auto& entry : dict)
      if (!write_all(std::array{entry.key(), entry.value()})) return false;
    return true;
  }
  template <class Values>
  bool write_all(const Values& values) {
    if (++level_ > most_levels) return false;
    to_ << '(';
    const bool are_known = std::ranges::all_of(values, [&](const c10::IValue& v) { return write(v); });
    to_ << ')';
    --level_;
    return are_known;
  }

  std::ostringstream to_;
  int level_ = 0;
};

}  // namespace

std::optional<std::string> state_of(const ::torch::jit::Module& module) {
  state_writer writer;
  return writer.write(module._ivalue()) ? std::optional(writer.text()) : std::nullopt;
}

}  // namespace catena::torch
