// SPDX-License-Identifier: BSL-1.0
#include "mapped_form.hpp"

#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

namespace catena::torch {
namespace {

static_assert(std::endian::native == std::endian::little, "catena: mapped models are written and read as little-endian machines do");

constexpr std::array<char, 8> form_magic{'c', 'a', 't', 'e', 'n', 'a', 'm', '\n'};
constexpr std::uint32_t form_version = 1;
constexpr std::size_t hash_digits = 32;

/// The first page of the file. All of it is covered by its checksum.
struct form_header {
  std::array<char, 8> magic = form_magic;
  std::uint32_t version = form_version;
  std::uint32_t reserved = 0;
  std::array<char, 32> libtorch{};  ///< ends with zeros
  std::uint64_t source_size = 0;
  std::int64_t source_modified_ns = 0;
  std::array<char, hash_digits> source_hash{};
  std::uint64_t archive_size = 0;
  std::uint64_t weights_count = 0;
  std::uint64_t description_checksum = 0;  ///< of the archive without its weights, and of the table
  std::uint64_t weights_checksum = 0;      ///< of the weights, one after the other
  std::array<char, mapped_form::archive_offset - 128 - 8> unused{};
  std::uint64_t checksum = 0;  ///< of all before
};
static_assert(sizeof(form_header) == mapped_form::archive_offset && std::is_trivially_copyable_v<form_header>);

std::uint64_t checksum_of(const form_header& header) { return XXH3_64bits(&header, offsetof(form_header, checksum)); }

/// XXH3 of bytes that come in pieces.
class running_checksum {
 public:
  running_checksum() : state_(XXH3_createState(), &XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    XXH3_64bits_reset(state_.get());
  }
  void add(std::span<const std::byte> bytes) { XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()); }
  [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

std::uint64_t description_checksum(std::span<const std::byte> archive, std::span<const weights_range> weights) {
  running_checksum sum;
  std::uint64_t end = 0;
  for (const weights_range& w : weights) {
    sum.add(archive.subspan(end, w.offset - end));
    end = w.offset + w.size;
  }
  sum.add(archive.subspan(end));
  sum.add(std::as_bytes(weights));
  return sum.value();
}

std::uint64_t weights_checksum(std::span<const std::byte> archive, std::span<const weights_range> weights) {
  running_checksum sum;
  for (const weights_range& w : weights) sum.add(archive.subspan(w.offset, w.size));
  return sum.value();
}

template <std::size_t N>
void put(std::array<char, N>& to, const std::string& text) {
  std::copy_n(text.begin(), std::min(text.size(), N), to.begin());
}

template <std::size_t N>
std::string text_in(const std::array<char, N>& from) {
  return {from.begin(), std::find(from.begin(), from.end(), '\0')};
}

form_header header_in(std::span<const std::byte> bytes) {
  form_header header;
  if (bytes.size() < sizeof header) throw std::runtime_error("it is too short to be one");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != form_magic) throw std::runtime_error("it is something else");
  if (header.version != form_version) throw std::runtime_error("it has the format " + std::to_string(header.version));
  if (header.checksum != checksum_of(header)) throw std::runtime_error("its header was altered");
  return header;
}

void expect_origin(const form_header& header, const mapped_origin& origin) {
  const std::string libtorch = text_in(header.libtorch);
  if (libtorch != origin.libtorch) throw std::runtime_error("it was made by LibTorch " + libtorch + ", this is " + origin.libtorch);
  if (header.source_size != origin.size_bytes || header.source_modified_ns != origin.modified_ns)
    throw std::runtime_error("the model has changed since");
}

std::vector<weights_range> table_in(const form_header& header, std::span<const std::byte> bytes) {
  const std::uint64_t room = bytes.size() - sizeof header;
  if (header.archive_size > room || header.weights_count != (room - header.archive_size) / sizeof(weights_range) ||
      (room - header.archive_size) % sizeof(weights_range) != 0)
    throw std::runtime_error("it is " + std::to_string(bytes.size()) + " bytes long, not as long as it was made");
  std::vector<weights_range> weights(header.weights_count);
  if (!weights.empty())
    std::memcpy(weights.data(), bytes.data() + sizeof header + header.archive_size, weights.size() * sizeof(weights_range));
  std::uint64_t end = 0;
  for (const weights_range& w : weights) {
    if (w.offset < end || w.offset > header.archive_size || w.size > header.archive_size - w.offset)
      throw std::runtime_error("its table was altered");
    end = w.offset + w.size;
  }
  return weights;
}

}  // namespace

mapped_origin origin_of(const std::string& archive, std::string libtorch) {
  struct stat status {};
  if (::stat(archive.c_str(), &status) != 0) throw std::system_error(errno, std::generic_category(), archive);
  return {.libtorch = std::move(libtorch),
          .size_bytes = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

mapped_form::mapped_form(const std::string& path, const mapped_origin& origin, verification verify)
    : file_(std::make_shared<const mapped_file>(path)) {
  const std::span<std::byte> bytes = file_->bytes();
  const form_header header = header_in(bytes);
  expect_origin(header, origin);
  weights_ = table_in(header, bytes);
  archive_ = bytes.subspan(archive_offset, header.archive_size);
  source_hash_.assign(header.source_hash.begin(), header.source_hash.end());
  if (description_checksum(archive_, weights_) != header.description_checksum)
    throw std::runtime_error("its description was altered");
  if (verify == verification::everything && weights_checksum(archive_, weights_) != header.weights_checksum)
    throw std::runtime_error("its weights were altered");
}

void mapped_form::complete(whole_file& file, const mapped_origin& origin, const std::string& source_hash,
                           std::span<const std::byte> archive, std::span<const weights_range> weights) {
  form_header header;
  put(header.libtorch, origin.libtorch);
  header.source_size = origin.size_bytes;
  header.source_modified_ns = origin.modified_ns;
  put(header.source_hash, source_hash);
  header.archive_size = archive.size();
  header.weights_count = weights.size();
  header.description_checksum = description_checksum(archive, weights);
  header.weights_checksum = weights_checksum(archive, weights);
  header.checksum = checksum_of(header);
  file.write(archive_offset + archive.size(), weights.data(), weights.size_bytes());
  file.write(0, &header, sizeof header);
  file.appear();
}

}  // namespace catena::torch
