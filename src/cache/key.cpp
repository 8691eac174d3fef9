// SPDX-License-Identifier: BSL-1.0
#include <catena/cache/key.hpp>

#include <utility>

namespace catena {
namespace {

void append_hex(std::string& text, std::uint64_t bits) {
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[bits >> shift & 15];
}

}  // namespace

key_space::key_space(std::string model, std::string version) : model_(std::move(model)), version_(std::move(version)) {
  hasher h;
  h.append(model_, version_);
  seed_ = h.finish();
}

std::string key_space::name(const cache_key& key) const {
  std::string text;
  text.reserve(model_.size() + version_.size() + 34);
  text += model_;
  text += '_';
  append_hex(text, key.high);
  append_hex(text, key.low);
  text += '_';
  text += version_;
  return text;
}

}  // namespace catena
