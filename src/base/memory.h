// Memory blocks, the budgeted host allocator that all engine allocations above 4 KiB go through, and its counters.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace oriel {

/// Where a block lives: "CPU" with index 0 is host memory.
struct MemoryPlace {
  const char* device = "CPU";
  int index = 0;
  bool host_visible = true;
};

/// A limit on bytes that several owners share. Thread-safe.
class Budget {
 public:
  /// `limit` in bytes; 0 means none.
  explicit Budget(std::size_t limit = 0) : limit_(limit) {}
  /// Throws Error(kOutOfMemory) naming `what` where the limit would be exceeded.
  void take(std::size_t bytes, const char* what);
  void give(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  std::size_t peak() const { return peak_.load(std::memory_order_relaxed); }
  std::size_t limit() const { return limit_; }

 private:
  std::size_t limit_;
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> peak_{0};
};

/// One block of memory. Data is reached through map(), which exists for host-visible memory alone.
class Memory {
 public:
  Memory(void* handle, std::size_t size, MemoryPlace place = {}) : handle_(handle), size_(size), place_(place) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  virtual ~Memory() = default;

  std::size_t size() const { return size_; }
  const MemoryPlace& place() const { return place_; }
  void* handle() const { return handle_; }
  /// The host address; throws Error(kRuntimeException) for memory that the host does not see.
  void* map() const;

 private:
  void* handle_;
  std::size_t size_;
  MemoryPlace place_;
};

/// Alignment of every host block: a cache line, and a whole AVX-512 vector.
inline constexpr std::size_t kMemoryAlignment = 64;

/// Uninitialised host memory with 64 bytes of readable slack past its end. Blocks of 2 MiB and more ask for huge pages.
/// Throws Error(kOutOfMemory) where the budget (may be null) or the system has no room.
std::shared_ptr<Memory> allocate_host(std::size_t bytes, const std::shared_ptr<Budget>& budget = nullptr,
                                      const char* what = "tensor");

/// Wraps memory of somebody else; `owner` is kept until the block goes (may be null).
std::shared_ptr<Memory> borrow_host(void* data, std::size_t bytes, std::shared_ptr<void> owner = nullptr);

/// An array of `count` default-constructed std::string.
std::shared_ptr<Memory> allocate_strings(std::size_t count);

/// Number of host blocks allocated by the process so far (tests of steady-state runs count with it).
std::uint64_t host_allocation_count();

}  // namespace oriel
