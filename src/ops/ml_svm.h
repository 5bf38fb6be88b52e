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

struct SvmRegressor {
  SvmKernel kernel;
  std::vector<float> coefficients;
  std::vector<float> vectors;  ///< [supports][features], or none
  std::vector<float> rho;
  std::int64_t supports;  ///< 0: coefficients are those of a linear model
  bool one_class;
  PostTransform transform;

  /// Throws Error(kInvalidGraph) for attributes that contradict each other.
  explicit SvmRegressor(const Attributes& attributes);
  /// Throws Error(kInvalidArgument) where rows of so many features do not fit.
  void check(std::int64_t features) const;
  /// The result from the sum of a row; `scores` is room.
  float finish(double sum, std::vector<double>& scores) const;
};

struct SvmClassifier {
  Tensor labels;
  SvmKernel kernel;
  std::vector<float> coefficients;
  std::vector<float> vectors;
  std::vector<float> rho;
  std::vector<float> prob_a;
  std::vector<float> prob_b;
  std::vector<std::int64_t> starts;  ///< first support vector of every class, and their number
  std::int64_t classes;
  PostTransform transform;

  /// Throws Error(kInvalidGraph) for attributes that contradict each other.
  explicit SvmClassifier(const Attributes& attributes);
  /// Throws Error(kInvalidArgument) where rows of so many features do not fit.
  void check(std::int64_t features) const;
  /// Whether there is one classifier for each pair of classes, instead of a linear score a class.
  bool pairwise() const { return starts.back() > 0; }
  /// Whether pairs have probabilities, which make those of classes.
  bool probabilities() const { return pairwise() && !prob_a.empty(); }
  std::size_t pairs() const { return static_cast<std::size_t>(classes * (classes - 1) / 2); }
  /// Columns of the second output.
  std::int64_t scores() const;
  /// Scores of all pairs from the kernels of a row against all support vectors, and votes of their signs.
  template <typename T>
  void score_pairs(const T* kernels, std::vector<double>& scores, std::vector<std::int64_t>& votes) const {
    scores.clear();
    votes.assign(static_cast<std::size_t>(classes), 0);
    for (std::int64_t i = 0; i < classes; ++i) {
      for (std::int64_t j = i + 1; j < classes; ++j) {
        const double sum = rho[scores.size()] + weigh(kernels, i, j - 1) + weigh(kernels, j, i);
        scores.push_back(sum);
        ++votes[static_cast<std::size_t>(sum > 0 ? i : j)];
      }
    }
  }
  /// Class probabilities from the scores of all pairs.
  std::vector<double> pair_probabilities(const std::vector<double>& scores) const;
  /// Scores of a row as columns of the second output.
  void finish(std::vector<double>& scores) const;

 private:
  /// Kernels of the vectors of class `of`, weighed by a line of the coefficients.
  template <typename T>
  double weigh(const T* kernels, std::int64_t of, std::int64_t line) const {
    const float* c = coefficients.data() + line * starts.back();
    double sum = 0;
    for (std::int64_t v = starts[static_cast<std::size_t>(of)]; v < starts[static_cast<std::size_t>(of) + 1]; ++v)
      sum += static_cast<double>(c[v]) * static_cast<double>(kernels[v]);
    return sum;
  }
};

}  // namespace oriel::ops
