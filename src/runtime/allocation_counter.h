// Counts the calls of the system's allocator in a test program that links allocation_counter.cpp.
#pragma once

namespace oriel {

/// Whether this program's allocator is the counting one: not in sanitizer builds, which bring their own.
bool counts_allocations();

/// Calls of malloc, calloc, realloc, posix_memalign, aligned_alloc and operator new by all threads so far, as long as
/// counting is on. Where the environment has ORIEL_ALLOCATION_STACK, the first counted call after each start writes its
/// stack to stderr.
long allocation_count();
void count_allocations(bool on);

}  // namespace oriel
