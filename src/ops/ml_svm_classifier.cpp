// ai.onnx.ml.SVMClassifier: with support vectors, one classifier for each pair of classes, whose signs vote and whose
// scores (or, with prob_a and prob_b, the coupled class probabilities) are the second output; without, one linear score
// a class.
#include "ops/ml_svm.h"

namespace oriel::ops {
namespace {

struct Model {
  Tensor labels;
  SvmKernel kernel;
  std::vector<float> coefficients;
  std::vector<float> vectors;
  std::vector<float> rho;
  std::vector<float> prob_a;
  std::vector<float> prob_b;
  std::vector<std::int64_t> starts;  // first support vector of every class, and their number
  std::int64_t classes;
  bool all_positive = true;

  explicit Model(const Attributes& a)
      : labels(class_labels(a, "classlabels_ints", "classlabels_strings")),
        kernel(SvmKernel::read(a)),
        coefficients(floats_of(a, "coefficients")),
        vectors(floats_of(a, "support_vectors")),
        rho(floats_of(a, "rho")),
        prob_a(floats_of(a, "prob_a")),
        prob_b(floats_of(a, "prob_b")) {
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
    for (const float v : coefficients) all_positive = all_positive && v >= 0;
    const std::size_t needed = pairwise() ? pairs() : 1;
    if (rho.size() < needed) fail(ErrorCode::kInvalidGraph, "{} values of rho, expected {}", rho.size(), needed);
    if (prob_a.size() != prob_b.size() || (!prob_a.empty() && prob_a.size() < pairs())) {
      fail(ErrorCode::kInvalidGraph, "{} values of prob_a and {} of prob_b for {} pairs of classes", prob_a.size(),
           prob_b.size(), pairs());
    }
  }
  bool pairwise() const { return starts.back() > 0; }
  bool probabilities() const { return pairwise() && !prob_a.empty(); }
  std::size_t pairs() const { return static_cast<std::size_t>(classes * (classes - 1) / 2); }
  std::int64_t scores() const {
    const std::int64_t n = pairwise() && !probabilities() ? static_cast<std::int64_t>(pairs()) : classes;
    return n == 1 && classes == 2 ? 2 : n;
  }
};

void infer(InferContext& c) {
  check_ml_features(c);
  post_transform_of(c.attributes().get_string("post_transform"));
  const Model m(c.attributes());
  c.set(0, m.labels.type(), Shape{ml_rows(c)});
  if (c.num_outputs() > 1) c.set(1, ElementType::kF32, Shape{ml_rows(c), Dim(m.scores())});
}

// Scores of all pairs, and votes of their signs.
void score_pairs(const Model& m, const std::vector<double>& row, std::vector<double>& scores,
                 std::vector<std::int64_t>& votes) {
  const std::int64_t total = m.starts.back();
  const auto features = static_cast<std::int64_t>(row.size());
  std::vector<double> kernels(static_cast<std::size_t>(total));
  for (std::int64_t v = 0; v < total; ++v) {
    kernels[static_cast<std::size_t>(v)] = m.kernel(row.data(), m.vectors.data() + v * features, features);
  }
  votes.assign(static_cast<std::size_t>(m.classes), 0);
  for (std::int64_t i = 0; i < m.classes; ++i) {
    for (std::int64_t j = i + 1; j < m.classes; ++j) {
      double sum = m.rho[scores.size()];
      const auto add = [&](std::int64_t of, std::int64_t line) {
        for (std::int64_t v = m.starts[static_cast<std::size_t>(of)]; v < m.starts[static_cast<std::size_t>(of) + 1];
             ++v) {
          sum += m.coefficients[static_cast<std::size_t>(line * total + v)] * kernels[static_cast<std::size_t>(v)];
        }
      };
      add(i, j - 1);
      add(j, i);
      scores.push_back(sum);
      ++votes[static_cast<std::size_t>(sum > 0 ? i : j)];
    }
  }
}

std::vector<double> probabilities(const Model& m, const std::vector<double>& scores) {
  const auto n = static_cast<std::size_t>(m.classes);
  std::vector<double> pairwise(n * n, 0.0);
  std::size_t pair = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j, ++pair) {
      const double p = std::clamp(1.0 - logistic(scores[pair] * m.prob_a[pair] + m.prob_b[pair]), 1e-7, 1.0 - 1e-7);
      pairwise[i * n + j] = p;
      pairwise[j * n + i] = 1.0 - p;
    }
  }
  return couple_probabilities(pairwise, n);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const Model m(inputs.attributes());
  const PostTransform transform = post_transform_of(inputs.attributes().get_string("post_transform"));
  const auto features = static_cast<std::size_t>(shape.features);
  if (m.pairwise()) {
    const auto total = static_cast<std::size_t>(m.starts.back());
    ORIEL_REQUIRE(m.vectors.size() == total * features &&
                      m.coefficients.size() >= total * static_cast<std::size_t>(m.classes - 1),
                  "{} values of {} support vectors and {} coefficients for {} features and {} classes",
                  m.vectors.size(), total, m.coefficients.size(), features, m.classes);
  } else {
    ORIEL_REQUIRE(m.coefficients.size() == features * static_cast<std::size_t>(m.classes),
                  "{} coefficients for {} features and {} classes", m.coefficients.size(), features, m.classes);
  }
  const std::int64_t columns = m.scores();
  const bool want_scores = outputs.size() > 1 && outputs.wanted(1);
  Tensor& labels = outputs.allocate(0, m.labels.type(), {shape.rows});
  float* z = want_scores ? outputs.allocate(1, ElementType::kF32, {shape.rows, columns}).data<float>() : nullptr;
  std::vector<double> row;
  std::vector<double> scores;
  std::vector<std::int64_t> votes;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    scores.clear();
    std::int64_t label = 0;
    if (m.pairwise()) {
      score_pairs(m, row, scores, votes);
      if (m.probabilities()) scores = probabilities(m, scores);
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
    SecondClass second = SecondClass::kNone;
    if (m.classes == 2) second = transform == PostTransform::kNone ? SecondClass::kNegated : SecondClass::kComplement;
    finish_scores(scores, transform, second);
    scores.resize(static_cast<std::size_t>(columns), 0.0);
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
