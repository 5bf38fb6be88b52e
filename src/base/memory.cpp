// The host allocator.
#include "base/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>

#include "base/error.h"
#include "base/recent_blocks.h"

namespace oriel {
namespace {

std::atomic<std::uint64_t> allocations{0};
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Blocks that were given back lately, for requests of their size: results of a model that runs again and again. What
// the system takes back it hands out page by page, each with a fault.
class RecentBlocks {
 public:
  /// What to ask the system for where `size` bytes are wanted: sizes that are served come in eight steps an octave, so
  /// that results of similar shapes serve each other.
  static std::size_t capacity(std::size_t size) {
    if (!serves(size)) return size;
    const std::size_t step = std::bit_floor(size) / 8;
    return (size + step - 1) / step * step;
  }

  /// A block of that capacity, or null.
  void* take(std::size_t size) noexcept {
    // Whoever finds the lock taken does without, also the child of a fork in which nobody will ever let go of it.
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!serves(size) || !lock.owns_lock()) return nullptr;
    for (std::size_t i = count_; i > 0; --i) {
      if (blocks_[i - 1].size == size) return remove(i - 1);
    }
    return nullptr;
  }

  /// Keeps the block, or frees it where its size is not served; the oldest go where there are too many.
  void give(void* data, std::size_t size) noexcept {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!serves(size) || !lock.owns_lock()) {
      std::free(data);
      return;
    }
    while (count_ == blocks_.size() || total_ + size > kMost) std::free(remove(0));
    blocks_[count_++] = {data, size};
    total_ += size;
  }

  /// Frees all of them.
  void clear() noexcept {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    while (lock.owns_lock() && count_ > 0) std::free(remove(count_ - 1));
  }

 private:
  struct Block {
    void* data;
    std::size_t size;
  };
  static constexpr std::size_t kSmallest = std::size_t{64} << 10;
  static constexpr std::size_t kLargest = std::size_t{8} << 20;
  static constexpr std::size_t kMost = std::size_t{32} << 20;

  // Sanitizers are to see every block come and go.
  static bool serves(std::size_t size) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)size;
    return false;
#else
    return size >= kSmallest && size <= kLargest;
#endif
  }

  void* remove(std::size_t i) noexcept {
    const Block block = blocks_[i];
    std::copy(blocks_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
              blocks_.begin() + static_cast<std::ptrdiff_t>(count_), blocks_.begin() + static_cast<std::ptrdiff_t>(i));
    --count_;
    total_ -= block.size;
    return block.data;
  }

  std::mutex mutex_;
  std::array<Block, 128> blocks_{};
  std::size_t count_ = 0;
  std::size_t total_ = 0;
};

// Never destroyed: blocks may outlive the end of the program's static objects.
RecentBlocks& recent_blocks() {
  static auto* const blocks = new RecentBlocks;
  return *blocks;
}

class HostBlock final : public Memory {
 public:
  /// `reserved` bytes are the budget's.
  HostBlock(void* data, std::size_t size, std::size_t capacity, std::size_t reserved, std::shared_ptr<Budget> budget)
      : Memory(data, size), capacity_(capacity), reserved_(reserved), budget_(std::move(budget)) {}
  ~HostBlock() override {
    recent_blocks().give(handle(), capacity_);
    if (budget_) budget_->give(reserved_);
  }

 private:
  std::size_t capacity_;
  std::size_t reserved_;
  std::shared_ptr<Budget> budget_;
};

class BorrowedBlock final : public Memory {
 public:
  BorrowedBlock(void* data, std::size_t size, std::shared_ptr<void> owner)
      : Memory(data, size), owner_(std::move(owner)) {}

 private:
  std::shared_ptr<void> owner_;
};

class StringBlock final : public Memory {
 public:
  explicit StringBlock(std::size_t count) : Memory(new std::string[count], count * sizeof(std::string)) {}
  ~StringBlock() override { delete[] static_cast<std::string*>(handle()); }
};

}  // namespace

void release_recent_blocks() noexcept { recent_blocks().clear(); }

void Budget::take(std::size_t bytes, const char* what) {
  const std::size_t now = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (limit_ != 0 && now > limit_) {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    fail(ErrorCode::kOutOfMemory, "{}: {} bytes wanted, but {} of the budget of {} bytes are in use", what, bytes,
         now - bytes, limit_);
  }
  std::size_t peak = peak_.load(std::memory_order_relaxed);
  while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

void* Memory::map() const {
  if (!place_.host_visible) {
    fail(ErrorCode::kRuntimeException, "memory of device {}.{} cannot be mapped by the host", place_.device,
         place_.index);
  }
  return handle_;
}

std::shared_ptr<Memory> allocate_host(std::size_t bytes, const std::shared_ptr<Budget>& budget, const char* what) {
  constexpr std::size_t kSlack = 64;
  if (bytes > static_cast<std::size_t>(PTRDIFF_MAX) - kHugePage) {
    fail(ErrorCode::kOutOfMemory, "{}: {} bytes wanted", what, bytes);
  }
  const bool huge = bytes >= kHugePage;
  const std::size_t alignment = huge ? kHugePage : kMemoryAlignment;
  const std::size_t reserved = (bytes + kSlack + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
  if (budget) budget->take(reserved, what);
  const std::size_t capacity = RecentBlocks::capacity(reserved);
  void* data = recent_blocks().take(capacity);
  const bool fresh = data == nullptr;
  if (fresh && posix_memalign(&data, alignment, capacity) != 0) {
    if (budget) budget->give(reserved);
    fail(ErrorCode::kOutOfMemory, "{}: the system has no {} bytes", what, bytes);
  }
  if (fresh && huge) madvise(data, capacity / kHugePage * kHugePage, MADV_HUGEPAGE);
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::make_shared<HostBlock>(data, bytes, capacity, reserved, budget);
}

std::shared_ptr<Memory> borrow_host(void* data, std::size_t bytes, std::shared_ptr<void> owner) {
  return std::make_shared<BorrowedBlock>(data, bytes, std::move(owner));
}

std::shared_ptr<Memory> allocate_strings(std::size_t count) { return std::make_shared<StringBlock>(count); }

std::uint64_t host_allocation_count() { return allocations.load(std::memory_order_relaxed); }

}  // namespace oriel
