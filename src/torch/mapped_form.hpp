// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The file that a mapped model is loaded from: a header, an archive whose weights can be used where they lie, and a table of
/// where they lie.
#include "mapped_file.hpp"
#include "whole_file.hpp"

#include <catena/torch/script_options.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace catena::torch {

/// What a mapped form was made from, and for which LibTorch. One that was made from something else is stale.
struct mapped_origin {
  std::string libtorch;          ///< as in 1.13.1; its archives may not be another one's
  std::uint64_t size_bytes = 0;  ///< of the TorchScript archive
  std::int64_t modified_ns = 0;  ///< when it was last modified
  friend bool operator==(const mapped_origin&, const mapped_origin&) = default;
};

/// \errors std::system_error: there is no such file
[[nodiscard]] mapped_origin origin_of(const std::string& archive, std::string libtorch);

/// Where the bytes of one storage lie in the archive.
struct weights_range {
  std::uint64_t id;
  std::uint64_t offset;
  std::uint64_t size;
};

/// An open one. Everything but the weights is checked against its checksum when it is opened; the weights where asked for,
/// because that reads all of them.
class mapped_form {
 public:
  /// The archive begins at a page.
  static constexpr std::uint64_t archive_offset = 4096;

  /// \errors std::system_error: it cannot be opened; std::runtime_error saying why it cannot be used
  mapped_form(const std::string& path, const mapped_origin& origin, verification verify);

  /// Completes a file to which the archive has been written, at archive_offset, and lets it appear.
  /// \param weights  in ascending order of their offsets
  static void complete(whole_file& file, const mapped_origin& origin, const std::string& source_hash,
                       std::span<const std::byte> archive, std::span<const weights_range> weights);

  [[nodiscard]] const std::shared_ptr<const mapped_file>& file() const noexcept { return file_; }
  [[nodiscard]] std::span<std::byte> archive() const noexcept { return archive_; }
  [[nodiscard]] std::span<const weights_range> weights() const noexcept { return weights_; }
  /// The content hash of the archive that it was made from.
  [[nodiscard]] const std::string& source_hash() const noexcept { return source_hash_; }

 private:
  std::shared_ptr<const mapped_file> file_;
  std::span<std::byte> archive_;
  std::vector<weights_range> weights_;
  std::string source_hash_;
};

}  // namespace catena::torch
