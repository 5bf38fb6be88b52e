// Random numbers of operators: MT19937, seeded by the node or lent by the run.
#pragma once

#include <optional>
#include <random>

#include "ops/common.h"

namespace oriel::ops {

/// The generator of one call. The attribute "seed" (int or float, cut to an unsigned 32-bit integer) starts a generator of
/// its own; without it the run's is drawn from, or a freshly seeded one where the run has none.
class RandomSource {
 public:
  RandomSource(const Attributes& attributes, RunContext& context);

  /// Uniform on [0, 1) with 53 bits from two draws: (a * 2^26 + b) / 2^53 with a the upper 27 bits of the first draw and b
  /// the upper 26 bits of the second.
  double uniform();
  /// Standard normal, by Marsaglia's polar method: of each pair the second is returned first.
  double normal();

 private:
  std::optional<std::mt19937> own_;
  std::mt19937* generator_;
  std::optional<double> spare_;
};

}  // namespace oriel::ops
