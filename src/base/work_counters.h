// Counts of the work that a model costs once, so that tests can tell that runs do not repeat it.
#pragma once

#include <cstdint>

namespace oriel {

/// By the whole process, since it began.
struct WorkCounts {
  /// Calls of an operator's inference.
  std::uint64_t inferences = 0;
  /// Calls that brought constants into a kernel's own layout, one for each share of a tensor that a thread took.
  std::uint64_t packings = 0;
};

WorkCounts work_counts();
void count_inference();
void count_packing();

}  // namespace oriel
