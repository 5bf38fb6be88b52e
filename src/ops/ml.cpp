// Feature rows, labels and score transforms of ai.onnx.ml.
#include "ops/ml.h"

namespace oriel::ops {

void check_ml_features(const InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF64, ElementType::kI64, ElementType::kI32});
  const Shape& x = c.shape(0);
  if (x.is_ranked() && (x.rank() == 0 || x.rank() > 2))
    fail(ErrorCode::kInvalidGraph, "input of shape {}, expected rank 1 or 2", x.to_string());
}

Dim ml_rows(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (!x.is_ranked()) return Dim::unknown();
  return x.rank() == 2 ? x[0] : Dim(1);
}

MlRows::MlRows(const Tensor& x) {
  ORIEL_REQUIRE(x.rank() == 1 || x.rank() == 2, "input of shape {}, expected rank 1 or 2", to_string(x.dims()));
  rows = x.rank() == 2 ? x.dim(0) : 1;
  features = x.dim(x.rank() - 1);
}

void read_ml_row(const Tensor& x, const MlRows& shape, std::int64_t row, std::vector<double>& values) {
  values.resize(static_cast<std::size_t>(shape.features));
  for (std::int64_t i = 0; i < shape.features; ++i)
    values[static_cast<std::size_t>(i)] = element_as_f64(x, row * shape.features + i);
}

PostTransform post_transform_of(const std::string& name) {
  if (name == "NONE") return PostTransform::kNone;
  if (name == "SOFTMAX") return PostTransform::kSoftmax;
  if (name == "LOGISTIC") return PostTransform::kLogistic;
  if (name == "SOFTMAX_ZERO") return PostTransform::kSoftmaxZero;
  if (name == "PROBIT") return PostTransform::kProbit;
  fail(ErrorCode::kInvalidGraph, "attribute post_transform is \"{}\"", name);
}

double logistic(double x) {
  const double v = 1.0 / (1.0 + std::exp(-std::fabs(x)));
  return x < 0 ? 1.0 - v : v;
}

namespace {

double probit(double x) {
  constexpr double kPi = 3.14159265358979323846;
  constexpr double kA = 0.147;
  const double y = 2.0 * x - 1.0;
  const double square = (1.0 - y) * (1.0 + y);
  if (square == 0) return 0;
  const double log = std::log(square);
  const double v = 2.0 / (kPi * kA) + 0.5 * log;
  return std::copysign(std::sqrt(2.0) * std::sqrt(std::sqrt(v * v - log / kA) - v), y);
}

}  // namespace

void apply_post_transform(std::vector<double>& scores, PostTransform transform) {
  switch (transform) {
    case PostTransform::kNone:
      return;
    case PostTransform::kLogistic:
      for (double& s : scores) s = logistic(s);
      return;
    case PostTransform::kProbit:
      for (double& s : scores) s = probit(s);
      return;
    case PostTransform::kSoftmax:
    case PostTransform::kSoftmaxZero:
      break;
  }
  if (scores.empty()) return;
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) {
    const bool zero = transform == PostTransform::kSoftmaxZero && std::fabs(s) <= 1e-7;
    s = zero ? s * std::exp(-largest) : std::exp(s - largest);
    sum += s;
  }
  for (double& s : scores) s = sum == 0 ? 0.5 : s / sum;
}

void finish_scores(std::vector<double>& scores, PostTransform transform, SecondClass second) {
  if (scores.size() != 1) return apply_post_transform(scores, transform);
  const double s = scores[0];
  if (transform == PostTransform::kProbit) {
    apply_post_transform(scores, transform);
    if (second != SecondClass::kNone) scores.insert(scores.begin(), -scores[0]);
  } else if (second != SecondClass::kNone && transform == PostTransform::kLogistic) {
    scores = {logistic(-s), logistic(s)};
  } else if (second == SecondClass::kComplement) {
    scores = {1.0 - s, s};
  } else if (second == SecondClass::kNegated) {
    scores = {-s, s};
  }
}

Tensor class_labels(const Attributes& attributes, const char* ints, const char* strings) {
  if (attributes.has(strings) && !attributes.get_strings(strings).empty()) {
    const std::vector<std::string>& names = attributes.get_strings(strings);
    return Tensor::of<std::string>(names, {static_cast<std::int64_t>(names.size())});
  }
  if (attributes.has(ints)) return Tensor::of_i64(attributes.get_ints(ints));
  return {};
}

void copy_label(Tensor& to, std::int64_t at, const Tensor& labels, std::int64_t index) {
  if (labels.type() == ElementType::kString) {
    to.data<std::string>()[at] = labels.data<std::string>()[index];
  } else {
    to.data<std::int64_t>()[at] = labels.data<std::int64_t>()[index];
  }
}

std::vector<float> floats_of(const Attributes& attributes, const char* name) {
  return attributes.has(name) ? attributes.get_floats(name) : std::vector<float>();
}

std::vector<double> reals_of(const Attributes& attributes, const std::string& name) {
  std::vector<double> values;
  if (attributes.has(name + "_as_tensor")) {
    const Tensor& t = attributes.get_tensor(name + "_as_tensor");
    for (std::int64_t i = 0; i < t.size(); ++i) values.push_back(element_as_f64(t, i));
  }
  if (!values.empty() || !attributes.has(name)) return values;
  const std::vector<float>& given = attributes.get_floats(name);
  values.assign(given.begin(), given.end());
  return values;
}

}  // namespace oriel::ops
