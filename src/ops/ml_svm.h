// Support vector machines of ai.onnx.ml: kernels, and the probabilities of pairwise classifiers.
#pragma once

#include "ops/ml.h"

namespace oriel::ops {

/// The kernel function of kernel_type and kernel_params (gamma, coef0, degree).
struct SvmKernel {
  enum class Kind : std::uint8_t { kLinear, kPoly, kRbf, kSigmoid };
  Kind kind = Kind::kLinear;
  double gamma = 0;
  double coef0 = 0;
  double degree = 0;

  /// Throws Error(kInvalidGraph) for a kernel that the standard does not have.
  static SvmKernel read(const Attributes& attributes);
  double operator()(const double* x, const float* y, std::int64_t size) const;
};

/// Attributes that both machines have: coefficients, kernel_params, kernel_type, post_transform, rho, support_vectors.
std::vector<AttributeDef> svm_attributes();

/// Class probabilities from pairwise[i * n + j], the probability of i against j: the second method of Wu, Lin and Weng,
/// "Probability estimates for multi-class classification by pairwise coupling" (2004).
std::vector<double> couple_probabilities(const std::vector<double>& pairwise, std::size_t n);

}  // namespace oriel::ops
