// SPDX-License-Identifier: BSL-1.0
#include <catena/cache/key.hpp>

#include <utility>

namespace catena {

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
  text += to_hex(key);
  text += '_';
  text += version_;
  return text;
}

}  // namespace catena
