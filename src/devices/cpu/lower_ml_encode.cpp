// Encoders of ai.onnx.ml: labels by tables that are built once, categories, filled gaps, joined features.
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "devices/cpu/ml.h"
#include "ops/ml_label_encoder.h"

namespace oriel::cpu {
namespace {

// LabelEncoder

std::string decline_labels(const Node& node, const CompileOptions&) {
  for (const ElementType type : {node.input(0)->element(), node.output()->element()}) {
    if (type != ElementType::kString && fixed_bytes(type) == 0)
      return formatted("no kernel for {}", element_name(type));
  }
  const ElementType type = node.input(0)->element();
  return type == ElementType::kString || is_ml_feature(type) ? std::string()
                                                             : formatted("no kernel looks up {}", element_name(type));
}

/// Puts the element of the table that an element of x leads to, or the fallback, to every element of y.
template <typename T>
struct LabelTable {
  using Identity = decltype(ops::identity_of(std::declval<T>()));
  std::unordered_map<Identity, std::int64_t> places;
  ops::LabelEncoder model;

  explicit LabelTable(const ops::LabelEncoder& from) : model(from) {
    for (std::int64_t i = 0; i < model.keys.size(); ++i) places[ops::identity_of(model.keys.data<T>()[i])] = i;
  }
  std::int64_t place(const T& key) const {
    const auto found = places.find(ops::identity_of(key));
    return found == places.end() ? -1 : found->second;
  }
  void run(const Inputs& inputs, OutputSink& outputs, RunContext& context) const {
    const Tensor& x = inputs[0];
    const T* from = x.data<T>();
    Tensor& y = outputs.allocate(0, model.values.type(), x.dims());
    if (y.type() == ElementType::kString) {
      for (std::int64_t i = 0; i < y.size(); ++i) {
        const std::int64_t at = place(from[i]);
        y.data<std::string>()[i] = at < 0 ? *model.fallback.data<std::string>() : model.values.data<std::string>()[at];
      }
      return;
    }
    with_bytes(fixed_bytes(y.type()), [&]<typename U>() {
      const auto* values = static_cast<const U*>(model.values.raw());
      const auto* fallback = static_cast<const U*>(model.fallback.raw());
      auto* to = static_cast<U*>(y.raw());
      parallel(context, y.size(), kMoveGrain / 16, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t i = first; i < last; ++i) {
          const std::int64_t at = place(from[i]);
          to[i] = at < 0 ? *fallback : values[at];
        }
      });
    });
  }
};

void lower_labels(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "label_table");
  const ops::LabelEncoder model(unit.node->attributes());
  const auto keep = [&]<typename T>() {
    spec.run = [table = std::make_shared<LabelTable<T>>(model)](const Inputs& inputs, OutputSink& outputs,
                                                                RunContext& context) {
      table->run(inputs, outputs, context);
    };
  };
  if (model.keys.type() == ElementType::kString) {
    keep.template operator()<std::string>();
  } else {
    with_ml_features(model.keys.type(), keep);
  }
  lowering.step(unit, std::move(spec));
}

// OneHotEncoder

std::string decline_categories(const Node& node, const CompileOptions& options) {
  return node.input(0)->element() == ElementType::kString ? std::string() : decline_ml_features(node, options);
}

/// The place of every category; the last of equal ones counts.
template <typename Key>
std::unordered_map<Key, std::int64_t> places_of(const std::vector<Key>& keys) {
  std::unordered_map<Key, std::int64_t> places;
  for (std::size_t i = 0; i < keys.size(); ++i) places[keys[i]] = static_cast<std::int64_t>(i);
  return places;
}

template <typename Places, typename Read>
void encode(const Inputs& inputs, OutputSink& outputs, const Places& places, std::int64_t categories, bool zeros,
            Read&& read) {
  const Tensor& x = inputs[0];
  Dims dims = x.dims();
  dims.push_back(categories);
  float* y = outputs.allocate(0, ElementType::kF32, dims).data<float>();
  std::fill_n(y, x.size() * categories, 0.0F);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const auto found = places.find(read(i));
    ORIEL_REQUIRE(zeros || found != places.end(), "element {} has an unknown category", i);
    if (found != places.end()) y[i * categories + found->second] = 1.0F;
  }
}

void lower_categories(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "categories");
  const Attributes& a = unit.node->attributes();
  const bool zeros = a.get_bool("zeros");
  if (unit.node->input(0)->element() == ElementType::kString) {
    const std::vector<std::string>& keys = a.get_strings("cats_strings");
    spec.run = [places = places_of(keys), categories = static_cast<std::int64_t>(keys.size()), zeros](
                   const Inputs& inputs, OutputSink& outputs, RunContext&) {
      const auto* from = inputs[0].data<std::string>();
      encode(inputs, outputs, places, categories, zeros,
             [from](std::int64_t i) -> const std::string& { return from[i]; });
    };
  } else {
    const std::vector<std::int64_t>& keys = a.get_ints("cats_int64s");
    spec.run = [places = places_of(keys), categories = static_cast<std::int64_t>(keys.size()), zeros](
                   const Inputs& inputs, OutputSink& outputs, RunContext&) {
      encode(inputs, outputs, places, categories, zeros, [&](std::int64_t i) { return element_as_i64(inputs[0], i); });
    };
  }
  lowering.step(unit, std::move(spec));
}

// Imputer

/// Whether an element is the one to replace; NaN is equal to itself.
template <typename T>
bool replaced(T v, T target) {
  if constexpr (std::is_floating_point_v<T>) return v == target || (v != v && target != target);
  return v == target;
}

void lower_imputer(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "imputer");
  spec.in_place = {0};
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const Attributes& a = inputs.attributes();
    const std::int64_t features = x.rank() == 0 ? 1 : x.dim(x.rank() - 1);
    with_ml_features(x.type(), [&]<typename T>() {
      const auto impute = [&](const auto& imputed, T target) {
        const auto count = static_cast<std::int64_t>(imputed.size());
        ORIEL_REQUIRE(count == 1 || count == features, "{} imputed values for {} features", count, features);
        const T* from = x.data<T>();
        const std::int64_t n = x.size();
        T* to = outputs.allocate(0, kElementTypeOf<T>, Dims(x.dims())).template data<T>();
        if (n == 0) return;
        parallel(context, n / features, std::max<std::int64_t>(1, kMoveGrain / features),
                 [&](std::int64_t first, std::int64_t last, int) {
                   const auto* values = imputed.data();
                   for (std::int64_t row = first; row < last; ++row) {
                     const T* own = from + row * features;
                     for (std::int64_t i = 0; i < features; ++i) {
                       const T v = own[i];
                       const bool hit = replaced(v, target);
                       to[row * features + i] = hit ? static_cast<T>(values[count == 1 ? 0 : i]) : v;
                     }
                   }
                 });
      };
      if constexpr (std::is_integral_v<T>) {
        impute(a.get_ints("imputed_value_int64s"), static_cast<T>(a.get_int("replaced_value_int64")));
      } else {
        impute(a.get_floats("imputed_value_floats"), static_cast<T>(a.get_float("replaced_value_float")));
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

// FeatureVectorizer

void lower_vectorizer(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = ml_spec(lowering, unit, "join_features");
  spec.run = [widths = unit.node->attributes().get_ints("inputdimensions")](const Inputs& inputs, OutputSink& outputs,
                                                                            RunContext&) {
    const std::int64_t rows = ops::MlRows(inputs[0]).rows;
    std::int64_t total = 0;
    for (const std::int64_t w : widths) total += w;
    float* y = outputs.allocate(0, ElementType::kF32, {rows, total}).data<float>();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const ops::MlRows shape(inputs[i]);
      ORIEL_REQUIRE(shape.rows == rows, "input {} has {} rows, expected {}", i, shape.rows, rows);
      const std::int64_t taken = std::min(shape.features, widths[i]);
      with_ml_features(inputs[i].type(), [&]<typename T>() {
        const T* from = inputs[i].data<T>();
        for (std::int64_t r = 0; r < rows; ++r) {
          float* to = y + r * total;
          for (std::int64_t f = 0; f < taken; ++f) to[f] = static_cast<float>(from[r * shape.features + f]);
          std::fill(to + taken, to + widths[i], 0.0F);
        }
      });
      y += widths[i];
    }
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> ml_encode_rules() {
  return {{"ai.onnx.ml.LabelEncoder", decline_labels, lower_labels},
          {"ai.onnx.ml.OneHotEncoder", decline_categories, lower_categories},
          {"ai.onnx.ml.Imputer", decline_ml_features, lower_imputer},
          {"ai.onnx.ml.FeatureVectorizer", decline_ml_features, lower_vectorizer}};
}

}  // namespace oriel::cpu
