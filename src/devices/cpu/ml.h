// What the lowerings of ai.onnx.ml share.
#pragma once

#include <string>
#include <vector>

#include "devices/cpu/movement.h"
#include "ops/ml.h"

namespace oriel::cpu {

/// Whether rows of features may be of a type: f32, f64, i64, i32.
inline bool is_ml_feature(ElementType type) {
  return type == ElementType::kF32 || type == ElementType::kF64 || type == ElementType::kI64 ||
         type == ElementType::kI32;
}

/// Why nodes cannot be lowered all of whose operands are features; empty where they can.
inline std::string decline_ml_features(const Node& node, const CompileOptions&) {
  for (const Value* v : node.inputs()) {
    if (!is_ml_feature(v->element())) return formatted("no kernel for {}", element_name(v->element()));
  }
  return {};
}

/// Calls f.template operator()<T>() for the type of features.
template <typename F>
void with_ml_features(ElementType type, F&& f) {
  switch (type) {
    case ElementType::kF32:
      return f.template operator()<float>();
    case ElementType::kF64:
      return f.template operator()<double>();
    case ElementType::kI64:
      return f.template operator()<std::int64_t>();
    case ElementType::kI32:
      return f.template operator()<std::int32_t>();
    default:
      fail(ErrorCode::kInvalidArgument, "features are {}", element_name(type));
  }
}

/// A step on plain operands whose first output is always made, others where somebody reads them.
inline Lowering::StepSpec ml_spec(Lowering& lowering, const Unit& unit, std::string kernel) {
  Lowering::StepSpec spec;
  for (const Value* v : unit.node->inputs()) spec.inputs.push_back(lowering.plain(v));
  for (std::size_t i = 0; i < unit.node->num_outputs(); ++i) {
    const bool wanted = i == 0 || output_wanted(lowering, *unit.node, i);
    spec.outputs.push_back(wanted ? lowering.plain_output(unit.node->output(i)) : -1);
  }
  spec.kernel = std::move(kernel);
  return spec;
}

// Encoders, linear models and support vector machines; parts of ml_rules().
std::vector<Rule> ml_encode_rules();
std::vector<Rule> ml_linear_rules();

}  // namespace oriel::cpu
