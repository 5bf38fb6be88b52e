// Linear models of ai.onnx.ml, read once from their attributes.
#pragma once

#include "ops/ml.h"

namespace oriel::ops {

struct LinearClassifier {
  Tensor labels;                    ///< undefined where the model gives none
  std::vector<float> coefficients;  ///< [targets][features]
  std::vector<float> intercepts;    ///< [targets] or none
  std::int64_t targets = 1;
  PostTransform transform;

  /// Throws Error(kInvalidGraph) for attributes that contradict each other.
  explicit LinearClassifier(const Attributes& attributes);
  /// Whether one set of coefficients decides between two labels.
  bool second() const { return targets == 1 && labels.defined() && labels.size() == 2; }
  ElementType label_type() const { return labels.defined() ? labels.type() : ElementType::kI64; }
  /// Of the second output.
  std::int64_t columns() const { return second() ? 2 : targets; }
  /// From the `targets` sums of a row: element `n` of `to` becomes its label, `scores` its row of the second output.
  void finish(std::vector<double>& scores, Tensor& to, std::int64_t n) const;
};

struct LinearRegressor {
  std::vector<float> coefficients;  ///< [targets][features]
  std::vector<float> intercepts;    ///< [targets] or none
  std::int64_t targets = 1;
  PostTransform transform;

  /// Throws Error(kInvalidGraph) for attributes that contradict each other.
  explicit LinearRegressor(const Attributes& attributes);
};

}  // namespace oriel::ops
