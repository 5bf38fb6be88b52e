// What operators of ai.onnx.ml share: feature rows, class labels, and the transforms of scores.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// Inference: throws Error(kInvalidGraph) unless operand 0 is f32, f64, i64 or i32, of rank 1 or 2 (a vector is one
/// row).
void check_ml_features(const InferContext& c);
/// Rows of operand 0 of known rank, else unknown.
Dim ml_rows(const InferContext& c);

/// A tensor as rows of features. Throws Error(kInvalidArgument) for other ranks than 1 and 2.
struct MlRows {
  std::int64_t rows;
  std::int64_t features;
  explicit MlRows(const Tensor& x);
};
/// Row `row` of x as f64.
void read_ml_row(const Tensor& x, const MlRows& shape, std::int64_t row, std::vector<double>& values);

/// post_transform of the standard.
enum class PostTransform : std::uint8_t { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };
/// Throws Error(kInvalidGraph) for a name that the standard does not have.
PostTransform post_transform_of(const std::string& name);
/// Transforms the scores of one row. Logistic is 1 / (1 + exp(-x)); softmax_zero leaves scores of 0 out of the
/// exponential; probit is sqrt(2) * erfinv(2x - 1) by Winitzki's approximation with the constant 0.147.
void apply_post_transform(std::vector<double>& scores, PostTransform transform);
double logistic(double x);

/// How a single score stands for two classes.
enum class SecondClass : std::uint8_t {
  kNone,        // it does not
  kComplement,  // 1 - s, s
  kNegated,     // -s, s
};
/// apply_post_transform() for scores that may be a single one. The standard leaves that case open; as in ONNX Runtime,
/// logistic gives the logistic of -s and s for two classes, and of the other transforms only probit touches a single
/// score.
void finish_scores(std::vector<double>& scores, PostTransform transform, SecondClass second);

/// The labels of a classifier: a tensor of i64 or strings from the attribute that is given, undefined where neither is.
Tensor class_labels(const Attributes& attributes, const char* ints, const char* strings);
/// Copies label `index` to element `at`.
void copy_label(Tensor& to, std::int64_t at, const Tensor& labels, std::int64_t index);

/// Values of a floats attribute, or none.
std::vector<float> floats_of(const Attributes& attributes, const char* name);
/// Values of a floats attribute or of its "<name>_as_tensor" form in f64, or none.
std::vector<double> reals_of(const Attributes& attributes, const std::string& name);

}  // namespace oriel::ops
