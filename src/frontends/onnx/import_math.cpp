// Importers of elementwise arithmetic, comparisons, logic and casts.
#include <algorithm>
#include <initializer_list>

#include "frontends/onnx/import_table.h"

namespace oriel::onnx {
namespace {

constexpr int kNewest = ImportTable::kNewest;

Value* required_input(ImportContext& c, std::size_t i) {
  Value* v = c.input(i);
  if (v == nullptr) fail(ErrorCode::kInvalidGraph, "{}: input {} is missing", c.op_type(), i);
  return v;
}

// A scalar of the element type of input 0.
Value* scalar_like_input(ImportContext& c, float value) {
  Tensor t = Tensor::allocate(required_input(c, 0)->element(), {});
  store_element(t, 0, value);
  return c.constant(std::move(t));
}

// The value as [d0, ..., 1, 1] with `count` ones appended.
Value* with_trailing_ones(ImportContext& c, Value* v, std::size_t count) {
  std::vector<std::int64_t> dims(v->shape().rank(), 0);
  dims.insert(dims.end(), count, 1);
  return c.call("Reshape", {v, c.constant(Tensor::of_i64(dims))});
}

// Version 1 lists operands that may be overwritten.
void import_without_consumed_inputs(ImportContext& c) {
  c.attributes().erase("consumed_inputs");
  c.emit_as();
}

// Binary operators before 7: with `broadcast`, the second operand's axes stand at `axis` of the first one's, or at its
// end.
void import_binary(ImportContext& c) {
  const bool broadcast = c.attributes().get_int("broadcast", 0) != 0;
  if (broadcast && c.attributes().has("axis")) {
    const Shape& a = required_input(c, 0)->shape();
    const Shape& b = required_input(c, 1)->shape();
    if (!a.is_ranked() || !b.is_ranked()) {
      fail(ErrorCode::kNotImplemented, "{}: an axis to broadcast at needs operands of known rank", c.op_type());
    }
    const auto rank = static_cast<std::int64_t>(a.rank());
    const auto own = static_cast<std::int64_t>(b.rank());
    std::int64_t axis = c.attributes().get_int("axis");
    if (axis < 0) axis += rank;
    if (axis < 0 || axis + own > rank) {
      fail(ErrorCode::kInvalidGraph, "{}: axis {} does not place shape {} inside {}", c.op_type(), axis, b.to_string(),
           a.to_string());
    }
    if (own > 0 && axis + own < rank) {
      c.inputs()[1] = with_trailing_ones(c, c.input(1), static_cast<std::size_t>(rank - axis - own));
    }
  }
  c.attributes().erase("broadcast");
  c.attributes().erase("axis");
  c.attributes().erase("consumed_inputs");
  c.emit_as();
}

// Before 7 a slope holds one number for all or one a channel.
void import_prelu(ImportContext& c) {
  c.attributes().erase("consumed_inputs");
  const Shape& x = required_input(c, 0)->shape();
  Value* slope = required_input(c, 1);
  if (x.is_ranked() && x.rank() > 2 && slope->shape().is_ranked() && slope->shape().rank() == 1) {
    c.inputs()[1] = with_trailing_ones(c, slope, x.rank() - 2);
  }
  c.emit_as();
}

void import_clip(ImportContext& c) {
  c.attributes().erase("consumed_inputs");
  std::vector<Value*>& inputs = c.inputs();
  const auto bound = [&](const char* name, std::size_t position) {
    if (!c.attributes().has(name)) return;
    inputs.resize(std::max(inputs.size(), position + 1), nullptr);
    inputs[position] = scalar_like_input(c, c.attributes().get_float(name));
    c.attributes().erase(name);
  };
  bound("min", 1);
  bound("max", 2);
  c.emit_as();
}

// Version 1 spells the type as the name of its number.
void import_cast_1(ImportContext& c) {
  static const std::pair<const char*, ElementType> kNames[] = {
      {"FLOAT", ElementType::kF32},    {"DOUBLE", ElementType::kF64}, {"FLOAT16", ElementType::kF16},
      {"BOOL", ElementType::kBool},    {"INT8", ElementType::kI8},    {"INT16", ElementType::kI16},
      {"INT32", ElementType::kI32},    {"INT64", ElementType::kI64},  {"UINT8", ElementType::kU8},
      {"UINT16", ElementType::kU16},   {"UINT32", ElementType::kU32}, {"UINT64", ElementType::kU64},
      {"STRING", ElementType::kString}};
  if (const Attribute* to = c.attributes().find("to"); to != nullptr && std::holds_alternative<std::string>(*to)) {
    const std::string name = std::get<std::string>(*to);
    const auto* const found =
        std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& n) { return name == n.first; });
    if (found == std::end(kNames)) fail(ErrorCode::kInvalidGraph, "Cast: the type \"{}\" is unknown", name);
    c.attributes().set("to", found->second);
  }
  c.emit_as();
}

void import_reduce(ImportContext& c) {
  c.attribute_to_input("axes", 1);
  c.emit_as();
}

void import_gemm(ImportContext& c) {
  c.attributes().erase("broadcast");
  c.emit_as();
}

// Before 12 the ratio is an attribute; before 7 is_test says whether the model is at work or being trained. Masks have
// the data's type before 10.
void import_dropout(ImportContext& c) {
  const float ratio = c.attributes().get_float("ratio", 0.5F);
  const bool training = c.version() < 7 && c.attributes().get_int("is_test", 0) == 0;
  Value* x = required_input(c, 0);
  std::vector<Value*> inputs{x, c.constant(Tensor::scalar(ratio))};
  if (training) inputs.push_back(c.constant(Tensor::scalar(true)));
  std::vector<Value*> results =
      c.emit("Dropout", {}, std::move(inputs), std::max<std::size_t>(c.num_outputs(), 1))->outputs();
  if (results.size() > 1 && c.version() < 10) results[1] = c.call("Cast", {results[1]}, {{"to", x->element()}});
  c.finish(std::move(results));
}

// Version 1 has other default values.
void import_selu_1(ImportContext& c) {
  c.attributes().erase("consumed_inputs");
  if (!c.attributes().has("alpha")) c.attributes().set("alpha", 1.6732F);
  if (!c.attributes().has("gamma")) c.attributes().set("gamma", 1.0507F);
  c.emit_as();
}

// Version 17 has the axis as an attribute, 1 where absent.
void import_dft_17(ImportContext& c) {
  if (!c.attributes().has("axis")) c.attributes().set("axis", std::int64_t{1});
  c.attribute_to_input("axis", 2, true);
  c.emit_as();
}

// Experiments of the first versions, gone since: alpha * f(beta * x) and the like, in terms of operators that stayed.
Value* scaled(ImportContext& c, Value* x, float factor) {
  return factor == 1 ? x : c.call("Mul", {x, scalar_like_input(c, factor)});
}

void import_affine(ImportContext& c) {
  Value* x = scaled(c, required_input(c, 0), c.attributes().get_float("alpha", 1.0F));
  c.finish({c.call("Add", {x, scalar_like_input(c, c.attributes().get_float("beta", 0.0F))})});
}

void import_scale(ImportContext& c) {
  c.finish({c.call("Mul", {required_input(c, 0), scalar_like_input(c, c.attributes().get_float("scale", 1.0F))})});
}

void import_scaled_tanh(ImportContext& c) {
  Value* x = scaled(c, required_input(c, 0), c.attributes().get_float("beta", 1.0F));
  c.finish({scaled(c, c.call("Tanh", {x}), c.attributes().get_float("alpha", 1.0F))});
}

void import_parametric_softplus(ImportContext& c) {
  Value* x = scaled(c, required_input(c, 0), c.attributes().get_float("beta", 1.0F));
  c.finish({scaled(c, c.call("Softplus", {x}), c.attributes().get_float("alpha", 1.0F))});
}

}  // namespace

void add_math_rows(ImportTable& table) {
  for (const char* op : {"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"}) {
    table.add(op, 1, 6, import_binary);
  }
  for (const char* op : {"Abs", "Ceil", "Elu", "Exp", "Floor", "HardSigmoid", "LeakyRelu", "Log", "Max", "Mean", "Min",
                         "Neg", "Reciprocal", "Relu", "Sigmoid", "Sqrt", "Sum", "Tanh"}) {
    table.add(op, 1, 5, import_without_consumed_inputs);
  }
  table.add("PRelu", 1, 6, import_prelu);
  table.add("Clip", 1, 10, import_clip);
  table.add("Cast", 1, 5, import_cast_1);
  for (const char* op : {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
                         "ReduceMin", "ReduceProd", "ReduceSumSquare"}) {
    table.add(op, 1, 17, import_reduce);
  }
  table.add("ReduceSum", 1, 12, import_reduce);
  table.add("Gemm", 1, 6, import_gemm);
  table.add("Dropout", 1, 11, import_dropout);
  table.add("Selu", 1, 5, import_selu_1);
  table.add("DFT", 17, 19, import_dft_17);
  table.add("Affine", 1, kNewest, import_affine);
  table.add("Scale", 1, kNewest, import_scale);
  table.add("ScaledTanh", 1, kNewest, import_scaled_tanh);
  table.add("ParametricSoftplus", 1, kNewest, import_parametric_softplus);
}

}  // namespace oriel::onnx
