// The allocator's entry points, passed on to glibc's own with a count.
#include "runtime/allocation_counter.h"

#include <execinfo.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ORIEL_COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ORIEL_COUNTS 0
#endif
#endif
#ifndef ORIEL_COUNTS
#define ORIEL_COUNTS 1
#endif

namespace {

std::atomic<bool> counting{false};
std::atomic<bool> stack_wanted{false};
std::atomic<long> calls{0};

#if ORIEL_COUNTS
void count() {
  if (!counting.load(std::memory_order_relaxed)) return;
  calls.fetch_add(1, std::memory_order_relaxed);
  if (stack_wanted.exchange(false)) {
    void* frames[32];
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
  }
}
#endif

}  // namespace

#if ORIEL_COUNTS
extern "C" {

// glibc's own names. NOLINTBEGIN(bugprone-reserved-identifier)
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
// NOLINTEND(bugprone-reserved-identifier)

__attribute__((visibility("default"))) void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}
__attribute__((visibility("default"))) void* calloc(std::size_t number, std::size_t size) {
  count();
  return __libc_calloc(number, size);
}
__attribute__((visibility("default"))) void* realloc(void* block, std::size_t size) {
  count();
  return __libc_realloc(block, size);
}
__attribute__((visibility("default"))) int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  count();
  void* made = __libc_memalign(alignment, size);
  if (made == nullptr) return ENOMEM;
  *block = made;
  return 0;
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

}  // extern "C"
#endif

namespace oriel {

bool counts_allocations() { return ORIEL_COUNTS != 0; }

long allocation_count() { return calls.load(std::memory_order_relaxed); }

void count_allocations(bool on) {
  if (on && std::getenv("ORIEL_ALLOCATION_STACK") != nullptr) {
    // The unwinder is loaded by its first use, which allocates.
    void* frames[1];
    static_cast<void>(backtrace(frames, 1));
    stack_wanted = true;
  }
  counting.store(on);
}

}  // namespace oriel
