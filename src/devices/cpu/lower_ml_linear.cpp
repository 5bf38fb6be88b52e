// Linear models and support vector machines of ai.onnx.ml, read from their attributes once. Rows of f32 are computed in
// f32, others in f64.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "devices/cpu/ml.h"
#include "kernels/elementwise/unary.h"
#include "kernels/gemm/gemm_f32.h"
#include "ops/ml_linear.h"
#include "ops/ml_svm.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

constexpr std::int64_t kRows = 64;  // rows of a chunk

// A thread keeps its own, so that steady runs allocate nothing.
std::vector<double>& own_scores() {
  thread_local std::vector<double> scores;
  return scores;
}

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Scores intercepts[t] + row * coefficients of t.
struct LinearScores {
  std::shared_ptr<const PackedWeights> packed;
  std::vector<float> coefficients;  ///< [targets][features]
  std::vector<float> intercepts;    ///< [targets], or none
  std::int64_t targets;

  LinearScores(Lowering& lowering, const std::vector<float>& given, const std::vector<float>& intercepts,
               std::int64_t targets)
      : coefficients(given), intercepts(intercepts), targets(targets) {
    const auto size = static_cast<std::int64_t>(given.size());
    if (targets == 0 || size == 0 || size % targets != 0) return;
    packed = lowering.weights().add(gemm_form(Tensor::of<float>(given, {targets, size / targets}), true));
  }

  void rows(const GemmF32Plan& plan, const float* x, std::int64_t features, float* y, void* scratch) const {
    GemmF32Operands o;
    o.a = x;
    o.lda = features;
    o.b = packed == nullptr ? nullptr : static_cast<const float*>(packed->data());
    o.c = y;
    o.ldc = targets;
    o.column_bias = intercepts.empty() ? nullptr : intercepts.data();
    gemm_f32_run(plan, o, 0, plan.units, scratch);
  }
  template <typename T>
  void rows(std::int64_t count, const T* x, std::int64_t features, double* y) const {
    for (std::int64_t n = 0; n < count; ++n, x += features) {
      for (std::int64_t t = 0; t < targets; ++t) {
        double sum = intercepts.empty() ? 0.0 : static_cast<double>(intercepts[static_cast<std::size_t>(t)]);
        const float* c = coefficients.data() + t * features;
        for (std::int64_t i = 0; i < features; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(c[i]);
        *y++ = sum;
      }
    }
  }

  /// Calls take(first, scores, count) for chunks of rows with their scores [count][targets], in f32 or f64.
  template <typename Take>
  void each(const Tensor& x, RunContext& context, Take&& take) const {
    const ops::MlRows shape(x);
    ORIEL_REQUIRE(static_cast<std::int64_t>(coefficients.size()) == shape.features * targets,
                  "{} coefficients for {} features and {} targets", coefficients.size(), shape.features, targets);
    GemmF32Problem problem;
    problem.m = kRows;
    problem.n = targets;
    problem.k = shape.features;
    GemmF32Problem rest = problem;
    rest.m = shape.rows % kRows;
    const std::size_t own = round_up(std::max(gemm_f32_plan(problem).scratch_bytes, gemm_f32_plan(rest).scratch_bytes));
    const std::size_t scores = round_up(static_cast<std::size_t>(kRows * targets) * sizeof(double));
    char* scratch =
        static_cast<char*>(context.scratch((own + scores) * static_cast<std::size_t>(context.threads.threads()) + 64));
    const std::int64_t chunks = (shape.rows + kRows - 1) / kRows;
    with_ml_features(x.type(), [&]<typename T>() {
      const T* from = x.data<T>();
      parallel(context, chunks, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
        char* room = scratch + (own + scores) * static_cast<std::size_t>(slot);
        for (std::int64_t c = begin; c < end; ++c) {
          const std::int64_t first = c * kRows;
          const std::int64_t count = std::min(kRows, shape.rows - first);
          if constexpr (std::is_same_v<T, float>) {
            GemmF32Problem part = problem;
            part.m = count;
            auto* y = reinterpret_cast<float*>(room);
            rows(gemm_f32_plan(part), from + first * shape.features, shape.features, y, room + scores);
            take(first, y, count);
          } else {
            auto* y = reinterpret_cast<double*>(room);
            rows(count, from + first * shape.features, shape.features, y);
            take(first, y, count);
          }
        }
      });
    });
  }
};

/// z = the softmax of rows of scores.
template <typename S>
void softmax_rows(const S* scores, std::int64_t rows, std::int64_t targets, float* z) {
  for (std::int64_t n = 0; n < rows; ++n) {
    const S* row = scores + n * targets;
    const S most = *std::max_element(row, row + targets);
    for (std::int64_t t = 0; t < targets; ++t) z[n * targets + t] = static_cast<float>(row[t] - most);
  }
  unary_f32(UnaryOp::kExp, 0, 0, z, z, rows * targets);
  for (std::int64_t n = 0; n < rows; ++n) {
    float* row = z + n * targets;
    float sum = 0;
    for (std::int64_t t = 0; t < targets; ++t) sum += row[t];
    for (std::int64_t t = 0; t < targets; ++t) row[t] /= sum;
  }
}

/// Labels of the first of the greatest scores of each row.
template <typename S, typename L>
void label_rows(const S* scores, std::int64_t rows, std::int64_t targets, const L* names, L* labels) {
  for (std::int64_t n = 0; n < rows; ++n) {
    const S* row = scores + n * targets;
    std::int64_t best = 0;
    for (std::int64_t t = 1; t < targets; ++t) best = row[best] < row[t] ? t : best;
    labels[n] = names[best];
  }
}

void lower_linear_classifier(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "linear");
  const auto model = std::make_shared<ops::LinearClassifier>(unit.node->attributes());
  const auto linear = std::make_shared<LinearScores>(lowering, model->coefficients, model->intercepts, model->targets);
  spec.run = [model, linear](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const std::int64_t rows = ops::MlRows(inputs[0]).rows;
    const std::int64_t targets = linear->targets;
    const std::int64_t columns = model->columns();
    Tensor& labels = outputs.allocate(0, model->label_type(), {rows});
    float* z = outputs.size() > 1 && outputs.wanted(1)
                   ? outputs.allocate(1, ElementType::kF32, {rows, columns}).data<float>()
                   : nullptr;
    const bool plain = targets > 1 && (model->transform == ops::PostTransform::kNone ||
                                       model->transform == ops::PostTransform::kSoftmax);
    linear->each(inputs[0], context, [&](std::int64_t first, const auto* scores, std::int64_t count) {
      if (plain) {
        if (labels.type() == ElementType::kString) {
          label_rows(scores, count, targets, model->labels.data<std::string>(), labels.data<std::string>() + first);
        } else {
          label_rows(scores, count, targets, model->labels.data<std::int64_t>(), labels.data<std::int64_t>() + first);
        }
        if (z == nullptr) return;
        if (model->transform == ops::PostTransform::kSoftmax) {
          softmax_rows(scores, count, targets, z + first * targets);
        } else {
          std::copy_n(scores, count * targets, z + first * targets);
        }
        return;
      }
      std::vector<double>& own = own_scores();
      for (std::int64_t n = 0; n < count; ++n) {
        own.assign(scores + n * targets, scores + (n + 1) * targets);
        model->finish(own, labels, first + n);
        if (z != nullptr) std::copy_n(own.data(), columns, z + (first + n) * columns);
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_linear_regressor(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "linear");
  const ops::LinearRegressor model(unit.node->attributes());
  const auto linear = std::make_shared<LinearScores>(lowering, model.coefficients, model.intercepts, model.targets);
  spec.run = [linear, transform = model.transform](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const std::int64_t targets = linear->targets;
    float* y = outputs.allocate(0, ElementType::kF32, {ops::MlRows(inputs[0]).rows, targets}).data<float>();
    linear->each(inputs[0], context, [&](std::int64_t first, const auto* scores, std::int64_t count) {
      if (transform == ops::PostTransform::kNone) {
        std::copy_n(scores, count * targets, y + first * targets);
        return;
      }
      std::vector<double>& own = own_scores();
      for (std::int64_t n = 0; n < count; ++n) {
        own.assign(scores + n * targets, scores + (n + 1) * targets);
        ops::finish_scores(own, transform, ops::SecondClass::kNone);
        std::copy_n(own.data(), targets, y + (first + n) * targets);
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

// Support vector machines

/// Kernels of rows against support vectors. T is the type that they are computed in.
template <typename T>
struct SupportVectors {
  ops::SvmKernel kernel;
  std::int64_t count;
  std::int64_t features;
  std::vector<T> by_feature;  ///< so that vectors are neighbours

  SupportVectors(const ops::SvmKernel& kernel, const std::vector<float>& vectors, std::int64_t count)
      : kernel(kernel), count(count), features(static_cast<std::int64_t>(vectors.size()) / count) {
    by_feature.resize(static_cast<std::size_t>(features * count));
    for (std::int64_t v = 0; v < count; ++v) {
      for (std::int64_t i = 0; i < features; ++i)
        by_feature[static_cast<std::size_t>(i * count + v)] =
            static_cast<T>(vectors[static_cast<std::size_t>(v * features + i)]);
    }
  }

  template <typename X>
  void run(const X* row, T* y) const {
    std::fill_n(y, count, T(0));
    const T* vectors = by_feature.data();
    for (std::int64_t i = 0; i < features; ++i, vectors += count) {
      const auto x = static_cast<T>(row[i]);
      if (kernel.kind == ops::SvmKernel::Kind::kRbf) {
        for (std::int64_t v = 0; v < count; ++v) y[v] += (x - vectors[v]) * (x - vectors[v]);
      } else {
        for (std::int64_t v = 0; v < count; ++v) y[v] += x * vectors[v];
      }
    }
    finish(y);
  }
  void finish(T* y) const {
    const auto gamma = static_cast<T>(kernel.gamma);
    const auto shift = static_cast<T>(kernel.coef0);
    switch (kernel.kind) {
      case ops::SvmKernel::Kind::kLinear:
        return;
      case ops::SvmKernel::Kind::kPoly:
        for (std::int64_t v = 0; v < count; ++v) y[v] = std::pow(gamma * y[v] + shift, static_cast<T>(kernel.degree));
        return;
      case ops::SvmKernel::Kind::kRbf:
        for (std::int64_t v = 0; v < count; ++v) y[v] *= -gamma;
        if constexpr (std::is_same_v<T, float>) {
          unary_f32(UnaryOp::kExp, 0, 0, y, y, count);
        } else {
          for (std::int64_t v = 0; v < count; ++v) y[v] = std::exp(y[v]);
        }
        return;
      case ops::SvmKernel::Kind::kSigmoid:
        for (std::int64_t v = 0; v < count; ++v) y[v] = std::tanh(gamma * y[v] + shift);
        return;
    }
  }
};

/// The support vectors of a machine for rows of f32, and for other rows.
struct Supports {
  std::unique_ptr<SupportVectors<float>> narrow;
  std::unique_ptr<SupportVectors<double>> wide;
  std::int64_t count;
  std::int64_t features;

  Supports(ElementType rows, const ops::SvmKernel& kernel, const std::vector<float>& vectors, std::int64_t count)
      : count(count), features(static_cast<std::int64_t>(vectors.size()) / count) {
    if (rows == ElementType::kF32) {
      narrow = std::make_unique<SupportVectors<float>>(kernel, vectors, count);
    } else {
      wide = std::make_unique<SupportVectors<double>>(kernel, vectors, count);
    }
  }

  /// Calls take(n, kernels) for every row, with its kernels against all vectors in f32 or f64.
  template <typename Take>
  void each(const Tensor& x, RunContext& context, Take&& take) const {
    const ops::MlRows shape(x);
    const std::size_t room = round_up(static_cast<std::size_t>(count) * sizeof(double));
    char* scratch = static_cast<char*>(context.scratch(room * static_cast<std::size_t>(context.threads.threads())));
    const std::int64_t grain = std::max<std::int64_t>(1, kMoveGrain / std::max<std::int64_t>(1, count * features));
    with_ml_features(x.type(), [&]<typename T>() {
      parallel(context, shape.rows, grain, [&](std::int64_t first, std::int64_t last, int slot) {
        char* own = scratch + room * static_cast<std::size_t>(slot);
        for (std::int64_t n = first; n < last; ++n) {
          const T* row = x.data<T>() + n * features;
          if constexpr (std::is_same_v<T, float>) {
            narrow->run(row, reinterpret_cast<float*>(own));
            take(n, reinterpret_cast<const float*>(own));
          } else {
            wide->run(row, reinterpret_cast<double*>(own));
            take(n, reinterpret_cast<const double*>(own));
          }
        }
      });
    });
  }
};

std::string decline_svm(const Node& node, const CompileOptions& options) {
  const Attributes& a = node.attributes();
  const bool classifier = node.op().name == "SVMClassifier";
  const bool supported = classifier ? ops::SvmClassifier(a).pairwise() : a.get_int("n_supports") > 0;
  return supported ? decline_ml_features(node, options) : "no kernel without support vectors";
}

void lower_svm_regressor(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "svm");
  const ops::SvmRegressor model(unit.node->attributes());
  spec.run = [model, supports = std::make_shared<Supports>(unit.node->input(0)->element(), model.kernel, model.vectors,
                                                           model.supports)](const Inputs& inputs, OutputSink& outputs,
                                                                            RunContext& context) {
    const ops::MlRows shape(inputs[0]);
    model.check(shape.features);
    float* y = outputs.allocate(0, ElementType::kF32, {shape.rows, 1}).data<float>();
    supports->each(inputs[0], context, [&](std::int64_t n, const auto* kernels) {
      double sum = model.rho[0];
      for (std::int64_t v = 0; v < model.supports; ++v)
        sum += static_cast<double>(model.coefficients[static_cast<std::size_t>(v)]) * static_cast<double>(kernels[v]);
      y[n] = model.finish(sum, own_scores());
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_svm_classifier(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "svm");
  const auto model = std::make_shared<ops::SvmClassifier>(unit.node->attributes());
  spec.run = [model, supports = std::make_shared<Supports>(unit.node->input(0)->element(), model->kernel,
                                                           model->vectors, model->starts.back())](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const ops::MlRows shape(inputs[0]);
    model->check(shape.features);
    const std::int64_t columns = model->scores();
    Tensor& labels = outputs.allocate(0, model->labels.type(), {shape.rows});
    float* z = outputs.size() > 1 && outputs.wanted(1)
                   ? outputs.allocate(1, ElementType::kF32, {shape.rows, columns}).data<float>()
                   : nullptr;
    supports->each(inputs[0], context, [&](std::int64_t n, const auto* kernels) {
      thread_local std::vector<std::int64_t> votes;
      std::vector<double>& scores = own_scores();
      model->score_pairs(kernels, scores, votes);
      if (model->probabilities()) scores = model->pair_probabilities(scores);
      ops::copy_label(labels, n, model->labels, std::max_element(votes.begin(), votes.end()) - votes.begin());
      model->finish(scores);
      if (z != nullptr) std::copy_n(scores.data(), columns, z + n * columns);
    });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> ml_linear_rules() {
  return {{"ai.onnx.ml.LinearClassifier", decline_ml_features, lower_linear_classifier},
          {"ai.onnx.ml.LinearRegressor", decline_ml_features, lower_linear_regressor},
          {"ai.onnx.ml.SVMClassifier", decline_svm, lower_svm_classifier},
          {"ai.onnx.ml.SVMRegressor", decline_svm, lower_svm_regressor}};
}

}  // namespace oriel::cpu
