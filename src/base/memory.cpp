// The host allocator.
#include "base/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <vector>

#include "base/error.h"

namespace oriel {
namespace {

std::atomic<std::uint64_t> allocations{0};
constexpr std::size_t kHugePage = std::size_t{2} << 20;

class HostBlock final : public Memory {
 public:
  HostBlock(void* data, std::size_t size, std::size_t reserved, std::shared_ptr<Budget> budget)
      : Memory(data, size), reserved_(reserved), budget_(std::move(budget)) {}
  ~HostBlock() override {
    std::free(handle());
    if (budget_) budget_->give(reserved_);
  }

 private:
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
  void* data = nullptr;
  if (posix_memalign(&data, alignment, reserved) != 0) {
    if (budget) budget->give(reserved);
    fail(ErrorCode::kOutOfMemory, "{}: the system has no {} bytes", what, bytes);
  }
  if (huge) madvise(data, reserved / kHugePage * kHugePage, MADV_HUGEPAGE);
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::make_shared<HostBlock>(data, bytes, reserved, budget);
}

std::shared_ptr<Memory> borrow_host(void* data, std::size_t bytes, std::shared_ptr<void> owner) {
  return std::make_shared<BorrowedBlock>(data, bytes, std::move(owner));
}

std::shared_ptr<Memory> allocate_strings(std::size_t count) { return std::make_shared<StringBlock>(count); }

std::uint64_t host_allocation_count() { return allocations.load(std::memory_order_relaxed); }

}  // namespace oriel
