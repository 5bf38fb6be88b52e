// Operators of ai.onnx.ml: linear models and forests, read from their attributes once, and transforms of feature rows.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "devices/cpu/ml.h"
#include "kernels/trees/trees.h"
#include "ops/ml_linear.h"
#include "ops/ml_trees.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

constexpr std::int64_t kRows = 64;  // rows of a chunk

// Linear models

// Scores of a row; a thread keeps them, so that steady runs allocate nothing.
std::vector<double>& own_scores() {
  thread_local std::vector<double> scores;
  return scores;
}

/// sums[t] = intercepts[t] + row * coefficients of t, in f64; coefficients stand by feature, so that targets are
/// neighbours.
struct LinearSums {
  std::vector<double> by_feature;
  std::vector<double> intercepts;
  std::int64_t targets;

  LinearSums(const std::vector<float>& coefficients, const std::vector<float>& given, std::int64_t targets)
      : by_feature(coefficients.size()), intercepts(static_cast<std::size_t>(targets), 0.0), targets(targets) {
    std::copy(given.begin(), given.end(), intercepts.begin());
    const std::size_t features = coefficients.size() / static_cast<std::size_t>(targets);
    for (std::size_t i = 0; i < features * static_cast<std::size_t>(targets); ++i) {
      by_feature[i % features * static_cast<std::size_t>(targets) + i / features] = coefficients[i];
    }
  }
  void check(std::int64_t features) const {
    ORIEL_REQUIRE(static_cast<std::int64_t>(by_feature.size()) == features * targets,
                  "{} coefficients for {} features and {} targets", by_feature.size(), features, targets);
  }
  template <typename T>
  void run(const T* row, std::int64_t features, std::vector<double>& sums) const {
    sums.assign(intercepts.begin(), intercepts.end());
    const double* c = by_feature.data();
    for (std::int64_t i = 0; i < features; ++i, c += targets) {
      const auto x = static_cast<double>(row[i]);
      for (std::int64_t t = 0; t < targets; ++t) sums[static_cast<std::size_t>(t)] += x * c[t];
    }
  }
};

void lower_linear_classifier(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "linear_f64");
  const auto model = std::make_shared<ops::LinearClassifier>(unit.node->attributes());
  const auto sums = std::make_shared<LinearSums>(model->coefficients, model->intercepts, model->targets);
  spec.run = [model, sums](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const ops::MlRows shape(x);
    sums->check(shape.features);
    const std::int64_t columns = model->columns();
    Tensor& labels = outputs.allocate(0, model->label_type(), {shape.rows});
    float* z = outputs.size() > 1 && outputs.wanted(1)
                   ? outputs.allocate(1, ElementType::kF32, {shape.rows, columns}).data<float>()
                   : nullptr;
    with_ml_features(x.type(), [&]<typename T>() {
      parallel(context, shape.rows, kRows, [&](std::int64_t first, std::int64_t last, int) {
        std::vector<double>& scores = own_scores();
        for (std::int64_t n = first; n < last; ++n) {
          sums->run(x.data<T>() + n * shape.features, shape.features, scores);
          model->finish(scores, labels, n);
          for (std::int64_t t = 0; z != nullptr && t < columns; ++t)
            z[n * columns + t] = static_cast<float>(scores[static_cast<std::size_t>(t)]);
        }
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_linear_regressor(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "linear_f64");
  const ops::LinearRegressor model(unit.node->attributes());
  const auto sums = std::make_shared<LinearSums>(model.coefficients, model.intercepts, model.targets);
  spec.run = [sums, transform = model.transform](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const ops::MlRows shape(x);
    sums->check(shape.features);
    const std::int64_t targets = sums->targets;
    float* y = outputs.allocate(0, ElementType::kF32, {shape.rows, targets}).data<float>();
    with_ml_features(x.type(), [&]<typename T>() {
      parallel(context, shape.rows, kRows, [&](std::int64_t first, std::int64_t last, int) {
        std::vector<double>& scores = own_scores();
        for (std::int64_t n = first; n < last; ++n) {
          sums->run(x.data<T>() + n * shape.features, shape.features, scores);
          ops::finish_scores(scores, transform, ops::SecondClass::kNone);
          for (std::int64_t t = 0; t < targets; ++t)
            y[n * targets + t] = static_cast<float>(scores[static_cast<std::size_t>(t)]);
        }
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

// Forests

/// A forest as the kernel walks it.
struct PackedForest {
  std::vector<TreeNode> nodes;
  std::vector<TreeVote> votes;
  std::vector<std::int32_t> roots;
  std::int64_t targets;
  std::int64_t features = 0;  // that rows need at least
  ops::TreeAggregate aggregate;

  PackedForest(const ops::Forest& forest, std::int64_t targets, ops::TreeAggregate aggregate)
      : targets(targets), aggregate(aggregate) {
    for (std::size_t i = 0; i < forest.nodes.size(); ++i) {
      const ops::Forest::Node& from = forest.nodes[i];
      TreeNode n{};
      if (from.mode == ops::Forest::Mode::kLeaf) {
        n.test = TreeTest::kLeaf;
        n.next[0] = static_cast<std::int32_t>(forest.votes[i].size());
        n.next[1] = static_cast<std::int32_t>(votes.size());
        for (const ops::Forest::Vote& v : forest.votes[i])
          votes.push_back({v.weight, static_cast<std::int32_t>(v.target)});
      } else {
        n.test = static_cast<TreeTest>(from.mode);
        n.feature = static_cast<std::int32_t>(from.feature);
        n.threshold = from.value;
        n.missing_is_true = from.missing_is_true;
        n.next[0] = static_cast<std::int32_t>(from.if_false);
        n.next[1] = static_cast<std::int32_t>(from.if_true);
        features = std::max(features, from.feature + 1);
      }
      nodes.push_back(n);
    }
    for (const std::int64_t r : forest.roots) roots.push_back(static_cast<std::int32_t>(r));
  }

  /// Calls row(n, scores) for every row of x.
  template <typename Row>
  void run(const Tensor& x, RunContext& context, Row&& row) const {
    const ops::MlRows shape(x);
    ORIEL_REQUIRE(features <= shape.features || shape.rows == 0, "feature {} is missing from a row of {}", features - 1,
                  shape.features);
    Trees trees{nodes.data(), votes.data(),  roots.data(), static_cast<std::int64_t>(roots.size()),
                targets,      TreeFold::kSum};
    if (aggregate == ops::TreeAggregate::kMin) trees.fold = TreeFold::kMin;
    if (aggregate == ops::TreeAggregate::kMax) trees.fold = TreeFold::kMax;
    const double share =
        aggregate == ops::TreeAggregate::kAverage && !roots.empty() ? static_cast<double>(roots.size()) : 1.0;
    const auto bytes = static_cast<std::size_t>(kRows * targets) * (sizeof(double) + 1) + 64;
    auto* scratch =
        static_cast<char*>(context.scratch(bytes / 64 * 64 * static_cast<std::size_t>(context.threads.threads())));
    parallel(context, (shape.rows + kRows - 1) / kRows, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
      auto* score = reinterpret_cast<double*>(scratch + bytes / 64 * 64 * static_cast<std::size_t>(slot));
      auto* voted = reinterpret_cast<std::uint8_t*>(score + kRows * targets);
      // A thread keeps it, so that steady runs allocate nothing.
      thread_local ops::TreeScores own;
      for (std::int64_t c = begin; c < end; ++c) {
        const std::int64_t first = c * kRows;
        const std::int64_t last = std::min(shape.rows, first + kRows);
        tree_scores(trees, x.type(), x.raw(), shape.features, first, last, score, voted);
        for (std::int64_t n = first; n < last; ++n) {
          const double* from = score + (n - first) * targets;
          const std::uint8_t* seen = voted + (n - first) * targets;
          own.score.assign(from, from + targets);
          own.voted.assign(seen, seen + targets);
          for (double& s : own.score) s /= share;
          row(n, own);
        }
      }
    });
  }
};

std::string decline_forest(const Node& node, const CompileOptions& options) {
  if (node.op().name == "TreeEnsemble") {
    const Tensor& modes = node.attributes().get_tensor("nodes_modes");
    for (std::int64_t i = 0; i < modes.size(); ++i) {
      if (element_as_i64(modes, i) == static_cast<std::int64_t>(ops::Forest::Mode::kMember))
        return "no kernel tests membership of a set";
    }
  }
  return decline_ml_features(node, options);
}

static_assert(static_cast<int>(ops::Forest::Mode::kNotEqual) == static_cast<int>(TreeTest::kNotEqual));

void lower_tree_classifier(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "trees");
  const auto model = std::make_shared<ops::TreeClassifier>(unit.node->attributes());
  const auto forest = std::make_shared<PackedForest>(model->forest, model->labels.size(), ops::TreeAggregate::kSum);
  model->forest = {};
  spec.run = [model, forest](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const std::int64_t rows = ops::MlRows(inputs[0]).rows;
    const std::int64_t classes = forest->targets;
    Tensor& labels = outputs.allocate(0, model->labels.type(), {rows});
    float* z = outputs.size() > 1 && outputs.wanted(1)
                   ? outputs.allocate(1, ElementType::kF32, {rows, classes}).data<float>()
                   : nullptr;
    forest->run(inputs[0], context, [&](std::int64_t n, ops::TreeScores& scores) {
      ops::copy_label(labels, n, model->labels, model->finish(scores));
      for (std::int64_t t = 0; z != nullptr && t < classes; ++t)
        z[n * classes + t] = static_cast<float>(scores.score[static_cast<std::size_t>(t)]);
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_tree_regressor(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = ml_spec(lowering, unit, "trees");
  const auto model = std::make_shared<ops::TreeRegressor>(node.op().name == "TreeEnsemble"
                                                              ? ops::TreeRegressor::of_ensemble(node.attributes())
                                                              : ops::TreeRegressor::of_regressor(node.attributes()));
  const auto forest = std::make_shared<PackedForest>(model->forest, model->targets, model->aggregate);
  model->forest = {};
  spec.run = [model, forest, type = node.output()->element()](const Inputs& inputs, OutputSink& outputs,
                                                              RunContext& context) {
    const std::int64_t targets = model->targets;
    Tensor& y = outputs.allocate(0, type, {ops::MlRows(inputs[0]).rows, targets});
    forest->run(inputs[0], context, [&](std::int64_t n, ops::TreeScores& scores) {
      model->finish(scores.score);
      for (std::int64_t t = 0; t < targets; ++t) {
        const double s = scores.score[static_cast<std::size_t>(t)];
        if (type == ElementType::kF64) {
          y.data<double>()[n * targets + t] = s;
        } else {
          y.data<float>()[n * targets + t] = static_cast<float>(s);
        }
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

// Transforms of rows

void lower_normalizer(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "normalizer");
  spec.algorithm = unit.node->attributes().get_string("norm");
  spec.run = [norm = spec.algorithm](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const ops::MlRows shape(x);
    Tensor& out = outputs.allocate(0, ElementType::kF32, x.dims());
    float* y = out.data<float>();
    with_ml_features(x.type(), [&]<typename T>() {
      parallel(context, shape.rows, std::max<std::int64_t>(1, kMoveGrain / std::max<std::int64_t>(1, shape.features)),
               [&](std::int64_t first, std::int64_t last, int) {
                 for (std::int64_t n = first; n < last; ++n) {
                   const T* row = x.data<T>() + n * shape.features;
                   double divisor = norm == "MAX" ? -std::numeric_limits<double>::infinity() : 0.0;
                   for (std::int64_t i = 0; i < shape.features; ++i) {
                     const auto v = static_cast<double>(row[i]);
                     divisor = norm == "MAX" ? std::max(divisor, v) : divisor + (norm == "L1" ? std::fabs(v) : v * v);
                   }
                   if (norm == "L2") divisor = std::sqrt(divisor);
                   if (divisor == 0) divisor = 1;
                   for (std::int64_t i = 0; i < shape.features; ++i)
                     y[n * shape.features + i] = static_cast<float>(static_cast<double>(row[i]) / divisor);
                 }
               });
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_scaler(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "scaler");
  const Attributes& a = unit.node->attributes();
  spec.run = [scale = ops::floats_of(a, "scale"), offset = ops::floats_of(a, "offset")](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const std::int64_t features = x.rank() == 0 ? 1 : x.dim(x.rank() - 1);
    for (const std::vector<float>* list : {&scale, &offset}) {
      ORIEL_REQUIRE(list->size() <= 1 || static_cast<std::int64_t>(list->size()) == features,
                    "{} values of scale or offset for {} features", list->size(), features);
    }
    const auto pick = [](const std::vector<float>& list, std::int64_t i, double fallback) -> double {
      return list.empty() ? fallback : list[list.size() == 1 ? 0 : static_cast<std::size_t>(i)];
    };
    float* y = outputs.allocate(0, ElementType::kF32, x.dims()).data<float>();
    if (x.size() == 0) return;
    with_ml_features(x.type(), [&]<typename T>() {
      const T* from = x.data<T>();
      parallel(context, x.size() / features, std::max<std::int64_t>(1, kMoveGrain / features),
               [&](std::int64_t first, std::int64_t last, int) {
                 for (std::int64_t n = first; n < last; ++n) {
                   for (std::int64_t i = 0; i < features; ++i) {
                     const auto v = static_cast<double>(from[n * features + i]);
                     y[n * features + i] = static_cast<float>((v - pick(offset, i, 0.0)) * pick(scale, i, 1.0));
                   }
                 }
               });
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_binarizer(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "binarizer");
  spec.run = [threshold = static_cast<double>(unit.node->attributes().get_float("threshold"))](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Tensor& y = outputs.allocate(0, x.type(), x.dims());
    with_ml_features(x.type(), [&]<typename T>() {
      const T* from = x.data<T>();
      T* to = y.data<T>();
      parallel(context, x.size(), kMoveGrain, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t i = first; i < last; ++i) to[i] = static_cast<double>(from[i]) > threshold ? T(1) : T(0);
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_extractor(const Node& node, const CompileOptions&) {
  return node.input(0)->element() == ElementType::kString ? std::string() : decline_moved(node);
}

void lower_extractor(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "gather");
  spec.run = [bytes = fixed_bytes(unit.node->input(0)->element())](const Inputs& inputs, OutputSink& outputs,
                                                                   RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() > 0, "input of shape [], expected rank 1 or more");
    const std::int64_t extent = x.dim(x.rank() - 1);
    const std::int64_t count = inputs[1].size();
    const auto* picks = inputs[1].data<std::int64_t>();
    for (std::int64_t i = 0; i < count; ++i)
      ORIEL_REQUIRE(picks[i] >= 0 && picks[i] < extent, "index {} is outside [0, {})", picks[i], extent);
    Dims dims = x.rank() == 1 ? Dims{1, 0} : x.dims();
    dims[dims.size() - 1] = count;
    Tensor& out = outputs.allocate(0, x.type(), dims);
    if (out.size() == 0) return;
    if (x.type() == ElementType::kString) {
      const auto* from = x.data<std::string>();
      auto* to = out.data<std::string>();
      for (std::int64_t i = 0; i < out.size(); ++i) to[i] = from[i / count * extent + picks[i % count]];
      return;
    }
    with_bytes(bytes, [&]<typename U>() {
      const auto* from = static_cast<const U*>(x.raw());
      auto* to = static_cast<U*>(out.raw());
      parallel(context, out.size() / count, std::max<std::int64_t>(1, kMoveGrain / count),
               [&](std::int64_t first, std::int64_t last, int) {
                 for (std::int64_t n = first; n < last; ++n) {
                   for (std::int64_t i = 0; i < count; ++i) to[n * count + i] = from[n * extent + picks[i]];
                 }
               });
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string accept(const Node&, const CompileOptions&) { return {}; }

// The keys are sorted once, and the maps of all rows and runs share them.
void lower_zip_map(Lowering& lowering, const Unit& unit) {
  const Tensor keys = ops::class_labels(unit.node->attributes(), "classlabels_int64s", "classlabels_strings");
  std::vector<std::int64_t> order(static_cast<std::size_t>(keys.size()));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&keys](std::int64_t a, std::int64_t b) {
    if (keys.type() == ElementType::kString) return keys.data<std::string>()[a] < keys.data<std::string>()[b];
    return keys.data<std::int64_t>()[a] < keys.data<std::int64_t>()[b];
  });
  Tensor sorted = Tensor::allocate(keys.type(), keys.dims());
  for (std::size_t i = 0; i < order.size(); ++i) ops::copy_label(sorted, static_cast<std::int64_t>(i), keys, order[i]);
  Lowering::StepSpec spec = ml_spec(lowering, unit, "zip_map");
  spec.run = [order, sorted](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const ops::MlRows shape(x);
    ORIEL_REQUIRE(shape.features == sorted.size(), "input of shape {}, expected {} columns", to_string(x.dims()),
                  sorted.size());
    auto sequence = std::make_shared<Sequence>();
    for (std::int64_t row = 0; row < shape.rows; ++row) {
      auto map = std::make_shared<Map>();
      map->keys = sorted;
      map->values = Tensor::allocate(ElementType::kF32, {shape.features}, context.budget);
      const float* from = x.data<float>() + row * shape.features;
      float* to = map->values.data<float>();
      for (std::size_t i = 0; i < order.size(); ++i) to[i] = from[order[i]];
      sequence->items.emplace_back(std::shared_ptr<const Map>(std::move(map)));
    }
    outputs.set(0, std::shared_ptr<const Sequence>(std::move(sequence)));
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> ml_rules() {
  std::vector<Rule> rules = {{"ai.onnx.ml.ZipMap", accept, lower_zip_map},
                             {"ai.onnx.ml.LinearClassifier", decline_ml_features, lower_linear_classifier},
                             {"ai.onnx.ml.LinearRegressor", decline_ml_features, lower_linear_regressor},
                             {"ai.onnx.ml.TreeEnsembleClassifier", decline_forest, lower_tree_classifier},
                             {"ai.onnx.ml.TreeEnsembleRegressor", decline_forest, lower_tree_regressor},
                             {"ai.onnx.ml.TreeEnsemble", decline_forest, lower_tree_regressor},
                             {"ai.onnx.ml.Normalizer", decline_ml_features, lower_normalizer},
                             {"ai.onnx.ml.Scaler", decline_ml_features, lower_scaler},
                             {"ai.onnx.ml.Binarizer", decline_ml_features, lower_binarizer},
                             {"ai.onnx.ml.ArrayFeatureExtractor", decline_extractor, lower_extractor}};
  const std::vector<Rule> encoders = ml_encode_rules();
  rules.insert(rules.end(), encoders.begin(), encoders.end());
  return rules;
}

}  // namespace oriel::cpu
