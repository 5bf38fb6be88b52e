// Operators of ai.onnx.ml: forests, read from their attributes once, and transforms of feature rows.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "devices/cpu/ml.h"
#include "kernels/trees/trees.h"
#include "ops/ml_trees.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

constexpr std::int64_t kRows = 64;  // rows of a chunk

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

enum class RowNorm : std::uint8_t { kMax, kL1, kL2 };

/// What a row is divided by. Sums of every fourth element do not wait for each other.
template <typename T>
double row_divisor(RowNorm norm, const T* row, std::int64_t features) {
  if (norm == RowNorm::kMax) {
    double most = -std::numeric_limits<double>::infinity();
    for (std::int64_t i = 0; i < features; ++i) most = std::max(most, static_cast<double>(row[i]));
    return most;
  }
  double sums[4] = {};
  const auto term = [=](std::int64_t i) {
    const auto v = static_cast<double>(row[i]);
    return norm == RowNorm::kL1 ? std::fabs(v) : v * v;
  };
  std::int64_t i = 0;
  for (; i + 4 <= features; i += 4) {
    for (std::int64_t j = 0; j < 4; ++j) sums[j] += term(i + j);
  }
  for (; i < features; ++i) sums[0] += term(i);
  const double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  return norm == RowNorm::kL1 ? sum : std::sqrt(sum);
}

void lower_normalizer(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "normalizer");
  spec.algorithm = unit.node->attributes().get_string("norm");
  const RowNorm norm = spec.algorithm == "MAX" ? RowNorm::kMax : spec.algorithm == "L1" ? RowNorm::kL1 : RowNorm::kL2;
  spec.run = [norm](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const ops::MlRows shape(x);
    Tensor& out = outputs.allocate(0, ElementType::kF32, x.dims());
    float* y = out.data<float>();
    with_ml_features(x.type(), [&]<typename T>() {
      parallel(context, shape.rows, std::max<std::int64_t>(1, kMoveGrain / std::max<std::int64_t>(1, shape.features)),
               [&](std::int64_t first, std::int64_t last, int) {
                 for (std::int64_t n = first; n < last; ++n) {
                   const T* row = x.data<T>() + n * shape.features;
                   double divisor = row_divisor(norm, row, shape.features);
                   if (divisor == 0) divisor = 1;
                   float* to = y + n * shape.features;
                   for (std::int64_t i = 0; i < shape.features; ++i)
                     to[i] = static_cast<float>(static_cast<double>(row[i]) / divisor);
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
    // The maps of all rows share one block of values.
    Tensor values = Tensor::allocate(ElementType::kF32, {shape.rows, shape.features}, context.budget);
    auto sequence = std::make_shared<Sequence>();
    sequence->items.reserve(static_cast<std::size_t>(shape.rows));
    const float* from = x.data<float>();
    float* to = values.data<float>();
    for (std::int64_t row = 0; row < shape.rows; ++row, from += shape.features, to += shape.features) {
      if (row % kRows == 0) context.check();
      for (std::size_t i = 0; i < order.size(); ++i) to[i] = from[order[i]];
      auto map = std::make_shared<Map>();
      map->keys = sorted;
      map->values = Tensor(ElementType::kF32, {shape.features}, values.memory(),
                           static_cast<std::size_t>(row * shape.features) * sizeof(float));
      sequence->items.emplace_back(std::shared_ptr<const Map>(std::move(map)));
    }
    outputs.set(0, std::shared_ptr<const Sequence>(std::move(sequence)));
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> ml_rules() {
  std::vector<Rule> rules = {{"ai.onnx.ml.ZipMap", accept, lower_zip_map},
                             {"ai.onnx.ml.TreeEnsembleClassifier", decline_forest, lower_tree_classifier},
                             {"ai.onnx.ml.TreeEnsembleRegressor", decline_forest, lower_tree_regressor},
                             {"ai.onnx.ml.TreeEnsemble", decline_forest, lower_tree_regressor},
                             {"ai.onnx.ml.Normalizer", decline_ml_features, lower_normalizer},
                             {"ai.onnx.ml.Scaler", decline_ml_features, lower_scaler},
                             {"ai.onnx.ml.Binarizer", decline_ml_features, lower_binarizer},
                             {"ai.onnx.ml.ArrayFeatureExtractor", decline_extractor, lower_extractor}};
  for (const std::vector<Rule>& more : {ml_encode_rules(), ml_linear_rules()})
    rules.insert(rules.end(), more.begin(), more.end());
  return rules;
}

}  // namespace oriel::cpu
