// Files mapped for reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/memory.h"

namespace oriel {

/// Which file, and which state of it.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t size = 0;
};

/// A whole file, mapped read-only. Keeps the identity that tells later whether the file changed.
class MappedFile {
 public:
  /// Throws Error(kNoSuchFile) naming the path where it does not exist, is a folder or cannot be read.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  const std::string& path() const { return path_; }
  /// Whether the path still leads to the same file: device, inode, size and modification time.
  bool unchanged() const;
  FileIdentity identity() const;

 private:
  MappedFile() = default;
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  std::int64_t modified_ns_ = 0;
};

/// A whole file as a block of memory, which must not be written. Throws as MappedFile::open.
std::shared_ptr<Memory> map_file(const std::string& path);

/// The file behind a block of map_file; nothing for other blocks and null.
std::optional<FileIdentity> file_identity(const Memory* memory);

/// Gives the physical pages behind a block of map_file back; they are read again where anybody looks. Nothing happens
/// to other blocks and null.
void release_pages(const Memory* memory);

}  // namespace oriel
