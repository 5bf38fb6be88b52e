// mmap behind a shared owner.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace oriel {
namespace {

std::int64_t modified(const struct stat& info) {
  return static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1000000000 + info.st_mtim.tv_nsec;
}

class MappedBlock final : public Memory {
 public:
  explicit MappedBlock(std::shared_ptr<const MappedFile> file)
      : Memory(const_cast<std::byte*>(file->data()), file->size()), file_(std::move(file)) {}
  const MappedFile& file() const { return *file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
};

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    fail(ErrorCode::kNoSuchFile, "cannot open {}: {}", path, std::strerror(errno));
  }
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  struct stat info {};
  if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor);
    fail(ErrorCode::kNoSuchFile, "cannot read {}: not a regular file", path);
  }
  file->size_ = static_cast<std::size_t>(info.st_size);
  file->device_ = info.st_dev;
  file->inode_ = info.st_ino;
  file->modified_ns_ = modified(info);
  if (file->size_ > 0) {
    void* data = mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) {
      const int reason = errno;
      ::close(descriptor);
      fail(ErrorCode::kNoSuchFile, "cannot map {}: {}", path, std::strerror(reason));
    }
    file->data_ = static_cast<const std::byte*>(data);
  }
  ::close(descriptor);
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

bool MappedFile::unchanged() const {
  struct stat info {};
  return ::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_ &&
         static_cast<std::size_t>(info.st_size) == size_ && modified(info) == modified_ns_;
}

FileIdentity MappedFile::identity() const { return {device_, inode_, modified_ns_, size_}; }

std::shared_ptr<Memory> map_file(const std::string& path) {
  return std::make_shared<MappedBlock>(MappedFile::open(path));
}

std::optional<FileIdentity> file_identity(const Memory* memory) {
  const auto* block = dynamic_cast<const MappedBlock*>(memory);
  return block == nullptr ? std::nullopt : std::optional<FileIdentity>(block->file().identity());
}

void release_pages(const Memory* memory) {
  if (dynamic_cast<const MappedBlock*>(memory) != nullptr && memory->size() > 0)
    madvise(memory->handle(), memory->size(), MADV_DONTNEED);
}

}  // namespace oriel
