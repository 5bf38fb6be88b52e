// Random numbers of operators: MT19937, seeded by the node or lent by the run.
#pragma once

#include <functional>
#include <optional>
#include <random>

#include "ops/common.h"

namespace oriel::ops {

/// The seed that the attribute "seed" gives (int or float, cut to an unsigned 32-bit integer), if any.
std::optional<std::uint32_t> given_seed(const Attributes& attributes);
/// The seed of a generator that serves one call alone: the given one, else a draw from the run's generator, else, where
/// the run has none, from the system.
std::uint32_t seed_of_call(const Attributes& attributes, RunContext& context);

/// The generator of one call. A given seed starts a generator of its own; without it the run's is drawn from, or a
/// freshly seeded one where the run has none.
class RandomSource {
 public:
  RandomSource(const Attributes& attributes, RunContext& context);

  /// Uniform on [0, 1) with 53 bits from two draws: (a * 2^26 + b) / 2^53 with a the upper 27 bits of the first draw
  /// and b the upper 26 bits of the second.
  double uniform();
  /// Standard normal, by Marsaglia's polar method: of each pair the second is returned first.
  double normal();

 private:
  std::optional<std::mt19937> own_;
  std::mt19937* generator_;
  std::optional<double> spare_;
};

/// Inference of a generator of floats: type and shape by the attributes dtype and shape.
void infer_random(InferContext& c);
/// Inference of a generator of floats in the shape of operand 0, of the type dtype or operand 0's.
void infer_random_like(InferContext& c);
/// dtype where it is given, else the operand's type.
ElementType random_like_type(const Attributes& attributes, ElementType operand);

/// Output 0, of the shape and type that either inference tells, filled with what `draw` returns.
void reference_random(const Inputs& inputs, OutputSink& outputs, RunContext& context,
                      const std::function<double()>& draw);

}  // namespace oriel::ops
