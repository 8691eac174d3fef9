// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The keys of one model's answers: `{model}_{input hash}_{version}`.
#include <catena/cache/hasher.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace catena {

/// Makes the keys of what one version of one model (or stage) answers.
///
///     catena::key_space risk("risk", "3");
///     catena::cache_key k = risk.key(transaction, threshold);
///     std::string name = risk.name(k);   // "risk_7c1a..._3", for a cache that takes text
///
/// The 128 bits cover model, version and tenant as well: entries of two of them never meet, also in one cache.
/// \threads  an immutable value: safe
/// \cost     key: no allocation; one hash, one more for a tenant
class key_space {
 public:
  explicit key_space(std::string model, std::string version = {});

  /// The key of a request that consists of these parts.
  template <class... Parts>
  [[nodiscard]] cache_key key(const Parts&... parts) const {
    return hash(seed_, parts...);
  }
  /// The same, for one tenant: no other tenant's request has this key. An empty name means "no tenant".
  template <class... Parts>
  [[nodiscard]] cache_key key_for(std::string_view tenant, const Parts&... parts) const {
    return hash(tenant.empty() ? seed_ : hash(seed_, tenant), parts...);
  }
  /// The same for a tenant that is known by its number, as run_options::tenant; zero means "no tenant".
  template <class... Parts>
  [[nodiscard]] cache_key key_for(std::uint32_t tenant, const Parts&... parts) const {
    return hash(tenant == 0 ? seed_ : hash(seed_, tenant), parts...);
  }

  /// The key as text, `{model}_{input hash}_{version}` with the hash as 32 hexadecimal digits.
  [[nodiscard]] std::string name(const cache_key& key) const;

  [[nodiscard]] const std::string& model() const noexcept { return model_; }
  [[nodiscard]] const std::string& version() const noexcept { return version_; }

 private:
  template <class... Parts>
  [[nodiscard]] static cache_key hash(const cache_key& seed, const Parts&... parts) {
    hasher h;
    h.append_bytes(&seed, sizeof seed);
    h.append(parts...);
    return h.finish();
  }

  std::string model_;
  std::string version_;
  cache_key seed_;
};

}  // namespace catena
