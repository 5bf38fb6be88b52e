// What the loss operators share: class labels, class weights, an ignored label, and the reduction.
#pragma once

#include <functional>

#include "ops/elementwise.h"

namespace oriel::ops {

enum class LossReduction : std::uint8_t { kNone, kSum, kMean };
/// The attribute `reduction`. Throws Error(kInvalidGraph) for a name that the standard does not have.
LossReduction loss_reduction(const Attributes& attributes);

/// Inference: scores [N, C, D...] of floats, integer labels [N, D...] and, where present, weights [C]; output 0 has the
/// labels' shape where reduction is "none" and is a scalar for "sum" and "mean".
void infer_loss(InferContext& c);

/// Where the scores of a sample stand: classes are `inner` elements apart, sample `s` starts at start(s).
struct LossLayout {
  std::int64_t classes;
  std::int64_t inner;
  std::int64_t samples;
  std::int64_t start(std::int64_t sample) const { return sample / inner * classes * inner + sample % inner; }

  /// Throws Error(kInvalidArgument) unless the shapes fit as infer_loss says.
  static LossLayout read(const Inputs& inputs);
};

/// loss[s] = -weight[label] * score(start, label), 0 for ignored labels; output 0 is that, its sum, or its sum over the
/// sum of the weights. Throws Error(kInvalidArgument) for a label that is neither ignored nor a class.
void reference_loss(const Inputs& inputs, OutputSink& outputs, RunContext& context, const LossLayout& layout,
                    const std::function<double(std::int64_t start, std::int64_t label)>& score);

/// Attributes of a loss operator.
std::vector<AttributeDef> loss_attributes();

}  // namespace oriel::ops
