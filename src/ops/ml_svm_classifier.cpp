// ai.onnx.ml.SVMClassifier: with support vectors, one classifier for each pair of classes, whose signs vote and whose
// scores (or, with prob_a and prob_b, the coupled class probabilities) are the second output; without, one linear score
// a class.
#include "ops/ml_svm.h"

namespace oriel::ops {
SvmClassifier::SvmClassifier(const Attributes& a)
    : labels(class_labels(a, "classlabels_ints", "classlabels_strings")),
      kernel(SvmKernel::read(a)),
      coefficients(floats_of(a, "coefficients")),
      vectors(floats_of(a, "support_vectors")),
      rho(floats_of(a, "rho")),
      prob_a(floats_of(a, "prob_a")),
      prob_b(floats_of(a, "prob_b")),
      transform(post_transform_of(a.get_string("post_transform"))) {
  if (!labels.defined() || labels.size() == 0)
    fail(ErrorCode::kInvalidGraph, "attributes classlabels_ints and classlabels_strings are missing");
  classes = labels.size();
  std::int64_t total = 0;
  for (const std::int64_t n : a.get_ints("vectors_per_class", {})) {
    if (n < 0 || n > static_cast<std::int64_t>(vectors.size()))
      fail(ErrorCode::kInvalidGraph, "attribute vectors_per_class has the value {}", n);
    starts.push_back(total);
    total += n;
  }
  starts.push_back(total);
  if (total > 0 && static_cast<std::int64_t>(starts.size()) != classes + 1) {
    fail(ErrorCode::kInvalidGraph, "{} vectors_per_class for {} classes", starts.size() - 1, classes);
  }
  const std::size_t needed = pairwise() ? pairs() : 1;
  if (rho.size() < needed) fail(ErrorCode::kInvalidGraph, "{} values of rho, expected {}", rho.size(), needed);
  if (prob_a.size() != prob_b.size() || (!prob_a.empty() && prob_a.size() < pairs())) {
    fail(ErrorCode::kInvalidGraph, "{} values of prob_a and {} of prob_b for {} pairs of classes", prob_a.size(),
         prob_b.size(), pairs());
  }
}

void SvmClassifier::check(std::int64_t features) const {
  const auto width = static_cast<std::size_t>(features);
  if (pairwise()) {
    const auto total = static_cast<std::size_t>(starts.back());
    ORIEL_REQUIRE(
        vectors.size() == total * width && coefficients.size() >= total * static_cast<std::size_t>(classes - 1),
        "{} values of {} support vectors and {} coefficients for {} features and {} classes", vectors.size(), total,
        coefficients.size(), features, classes);
  } else {
    ORIEL_REQUIRE(coefficients.size() == width * static_cast<std::size_t>(classes),
                  "{} coefficients for {} features and {} classes", coefficients.size(), features, classes);
  }
}

std::int64_t SvmClassifier::scores() const {
  const std::int64_t n = pairwise() && !probabilities() ? static_cast<std::int64_t>(pairs()) : classes;
  return n == 1 && classes == 2 ? 2 : n;
}

std::vector<double> SvmClassifier::pair_probabilities(const std::vector<double>& scores) const {
  const auto n = static_cast<std::size_t>(classes);
  std::vector<double> pairwise(n * n, 0.0);
  std::size_t pair = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j, ++pair) {
      const double p = std::clamp(1.0 - logistic(scores[pair] * prob_a[pair] + prob_b[pair]), 1e-7, 1.0 - 1e-7);
      pairwise[i * n + j] = p;
      pairwise[j * n + i] = 1.0 - p;
    }
  }
  return couple_probabilities(pairwise, n);
}

void SvmClassifier::finish(std::vector<double>& scores) const {
  SecondClass second = SecondClass::kNone;
  if (classes == 2) second = transform == PostTransform::kNone ? SecondClass::kNegated : SecondClass::kComplement;
  finish_scores(scores, transform, second);
  scores.resize(static_cast<std::size_t>(this->scores()), 0.0);
}

namespace {

void infer(InferContext& c) {
  check_ml_features(c);
  const SvmClassifier m(c.attributes());
  c.set(0, m.labels.type(), Shape{ml_rows(c)});
  if (c.num_outputs() > 1) c.set(1, ElementType::kF32, Shape{ml_rows(c), Dim(m.scores())});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const SvmClassifier m(inputs.attributes());
  m.check(shape.features);
  const std::int64_t columns = m.scores();
  const bool want_scores = outputs.size() > 1 && outputs.wanted(1);
  Tensor& labels = outputs.allocate(0, m.labels.type(), {shape.rows});
  float* z = want_scores ? outputs.allocate(1, ElementType::kF32, {shape.rows, columns}).data<float>() : nullptr;
  std::vector<double> row;
  std::vector<double> scores;
  std::vector<double> kernels(static_cast<std::size_t>(m.starts.back()));
  std::vector<std::int64_t> votes;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    scores.clear();
    std::int64_t label = 0;
    if (m.pairwise()) {
      for (std::size_t v = 0; v < kernels.size(); ++v)
        kernels[v] = m.kernel(row.data(), m.vectors.data() + v * row.size(), shape.features);
      m.score_pairs(kernels.data(), scores, votes);
      if (m.probabilities()) scores = m.pair_probabilities(scores);
      label = std::max_element(votes.begin(), votes.end()) - votes.begin();
    } else {
      SvmKernel linear = m.kernel;
      linear.kind = SvmKernel::Kind::kLinear;
      for (std::int64_t k = 0; k < m.classes; ++k) {
        scores.push_back(m.rho[0] + linear(row.data(), m.coefficients.data() + k * shape.features, shape.features));
      }
      label = std::max_element(scores.begin(), scores.end()) - scores.begin();
    }
    copy_label(labels, n, m.labels, label);
    m.finish(scores);
    for (std::int64_t t = 0; z != nullptr && t < columns; ++t)
      z[n * columns + t] = static_cast<float>(scores[static_cast<std::size_t>(t)]);
  }
}

}  // namespace

OpDef op_ml_svm_classifier() {
  std::vector<AttributeDef> attributes = svm_attributes();
  attributes.push_back({"classlabels_ints", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional});
  attributes.push_back({"classlabels_strings", std::vector<std::string>{}, AttributeDef::Need::kOptional});
  attributes.push_back({"prob_a", std::vector<float>{}, AttributeDef::Need::kOptional});
  attributes.push_back({"prob_b", std::vector<float>{}, AttributeDef::Need::kOptional});
  attributes.push_back({"vectors_per_class", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional});
  return {.name = "SVMClassifier",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .max_outputs = 2,
          .attributes = std::move(attributes),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
