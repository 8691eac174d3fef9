// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The header fields of a request or a response.
#include <catena/result.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena::http {

/// Header fields in their order. Names are the same in large and small letters.
/// \threads  unsafe
class fields {
 public:
  struct field {
    std::string name;
    std::string value;
  };

  fields() = default;

  /// Adds one more, also where one of that name is there.
  void add(std::string name, std::string value) {
    if (all_.capacity() == 0) all_.reserve(8);  // one is seldom alone
    all_.push_back({std::move(name), std::move(value)});
  }
  /// Adds one in the place of all of that name.
  void set(std::string name, std::string value) {
    remove(name);
    add(std::move(name), std::move(value));
  }
  void remove(std::string_view name);
  /// The first one of that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<field>& all() const noexcept { return all_; }

  /// What can be sent: names that are names, and values without control characters, so that none can end its line and begin another.
  /// \errors errc::invalid_input naming the field, never its value
  [[nodiscard]] result<void> valid() const;

 private:
  std::vector<field> all_;
};

/// The same for one field.
[[nodiscard]] result<void> valid_field(std::string_view name, std::string_view value);
/// Whether two names are the same.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b) noexcept;
/// Whether fields of that name say who asks, so that nobody else may see them: authorization, cookie, api-key and the like.
[[nodiscard]] bool is_secret(std::string_view name) noexcept;

/// `text` as it may be shown: the first `most` bytes at most, what the secret fields hold replaced, and all that is no printable ASCII, too.
/// \param text  where it is a part of something longer, it is cut before what may be the beginning of a secret
[[nodiscard]] std::string shown(std::string_view text, const fields& secrets, std::size_t most);

}  // namespace catena::http
