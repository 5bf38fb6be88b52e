// Importers of convolutions, pools, normalisations, reductions, recurrences and attention.
#include <cmath>

#include "frontends/onnx/import_table.h"

namespace oriel::onnx {
namespace {

Value* operand(ImportContext& c, std::size_t i) {
  if (c.input(i) == nullptr) fail(ErrorCode::kInvalidGraph, "input {} is missing", i);
  return c.input(i);
}

/// Versions 1 and 11 work on the input flattened to two axes at `axis` (default 1).
void import_flattening(ImportContext& c) {
  const std::int64_t axis = c.attributes().get_int("axis", 1);
  Value* x = operand(c, 0);
  const Shape& shape = x->shape();
  if (shape.is_ranked() && shape.rank() > 0) {
    const auto at = static_cast<std::size_t>(normalize_axis(axis, shape.rank()));
    if (at + 1 == shape.rank()) {
      c.finish({c.call(c.op_type(), {x}, {{"axis", static_cast<std::int64_t>(at)}})});
      return;
    }
  }
  Value* flat = c.call(c.op_type(), {c.call("Flatten", {x}, {{"axis", axis}})}, {{"axis", std::int64_t{1}}});
  c.finish({c.call("Reshape", {flat, c.call("Shape", {x})}, {{"allowzero", std::int64_t{1}}})});
}

Value* flat_vector(ImportContext& c, Value* value) {
  return c.call("Reshape", {value, c.constant(Tensor::of_i64({-1}))});
}

/// Before version 14: training mode follows from the number of outputs; the moments of the batch are outputs of their
/// own; and with spatial = 0 every element of an image has its own parameters. Parameters of rank 1 are by channel
/// whatever `spatial` says.
void import_batch_normalization(ImportContext& c) {
  std::vector<Value*> operands;
  for (std::size_t i = 0; i < 5; ++i) operands.push_back(operand(c, i));
  if (c.inputs().size() > 5 || c.num_outputs() > 5) {
    fail(ErrorCode::kInvalidGraph, "{} inputs and {} outputs, expected 5 and at most 5", c.inputs().size(),
         c.num_outputs());
  }
  Value* x = operands[0];
  bool extra = false;
  for (std::size_t i = 1; i < c.num_outputs(); ++i) extra = extra || !c.output_names()[i].empty();
  const bool training = extra && c.attributes().get_int("is_test", 0) == 0;
  const bool by_element = c.attributes().get_int("spatial", 1) == 0 &&
                          !(operands[1]->shape().is_ranked() && operands[1]->shape().rank() == 1);
  if (by_element) {
    operands[0] = c.call("Flatten", {x}, {{"axis", std::int64_t{1}}});
    for (std::size_t i = 1; i < operands.size(); ++i) operands[i] = flat_vector(c, operands[i]);
  }
  Attributes attributes{{"training_mode", std::int64_t{training ? 1 : 0}}};
  for (const char* name : {"epsilon", "momentum"}) {
    if (c.attributes().has(name)) attributes.set(name, c.attributes().get_float(name));
  }
  Node* main = c.emit("BatchNormalization", attributes, operands, training ? 3 : 1);
  std::vector<Value*> results = main->outputs();
  if (!training) results.insert(results.end(), {operands[3], operands[4]});
  if (c.num_outputs() > 3) {
    if (training) {
      attributes.set("momentum", 0.0F);
      Node* batch = c.emit("BatchNormalization", attributes, operands, 3);
      results.insert(results.end(), {batch->output(1), batch->output(2)});
    } else {
      results.insert(results.end(), {operands[3], operands[4]});
    }
  }
  results.resize(std::max<std::size_t>(c.num_outputs(), 1));
  if (by_element) {
    for (std::size_t i = 0; i < results.size(); ++i) {
      Value* like = i == 0 ? x : c.inputs()[1];
      results[i] = c.call("Reshape", {results[i], c.call("Shape", {like})}, {{"allowzero", std::int64_t{1}}});
    }
  }
  c.finish(std::move(results));
}

/// Version 18: scale and bias by group; each is repeated for the channels of its group.
void import_group_normalization_18(ImportContext& c) {
  const std::int64_t groups = c.attributes().get_int("num_groups");
  if (groups < 1) fail(ErrorCode::kInvalidGraph, "attribute num_groups is {}", groups);
  Value* count = c.constant(Tensor::of_i64({groups}));
  Value* channels = c.call("Shape", {operand(c, 0)}, {{"start", std::int64_t{1}}, {"end", std::int64_t{2}}});
  Value* target = c.call("Concat", {count, c.call("Div", {channels, count})}, {{"axis", std::int64_t{0}}});
  for (std::size_t i = 1; i < 3; ++i) {
    Value* column = c.call("Unsqueeze", {operand(c, i), c.constant(Tensor::of_i64({1}))});
    c.inputs()[i] = flat_vector(c, c.call("Expand", {column, target}));
  }
  c.emit_as();
}

Value* scalar_like(ImportContext& c, double value, const Value* like) {
  Tensor t = Tensor::allocate(like->element(), {});
  store_element(t, 0, value);
  return c.constant(std::move(t));
}

/// Version 1 has a real-valued p. Whole numbers pass; others become averages or sums of |x|^p.
void import_lp_pool_1(ImportContext& c) {
  const double p = c.attributes().get_float("p", 2.0F);
  if (!(p > 0)) fail(ErrorCode::kInvalidGraph, "attribute p is {}", p);
  if (p == std::floor(p) && p < 1e6) {
    c.attributes().set("p", static_cast<std::int64_t>(p));
    c.emit_as();
    return;
  }
  Value* x = operand(c, 0);
  Value* powers = c.call("Pow", {c.call("Abs", {x}), scalar_like(c, p, x)});
  Value* sum = nullptr;
  if (c.op_type() == "GlobalLpPool") {
    if (!x->shape().is_ranked()) fail(ErrorCode::kNotImplemented, "p is {} and the rank of the input is unknown", p);
    std::vector<std::int64_t> axes;
    for (std::size_t i = 2; i < x->shape().rank(); ++i) axes.push_back(static_cast<std::int64_t>(i));
    sum = c.call("ReduceSum", {powers, c.constant(Tensor::of_i64(axes))}, {{"noop_with_empty_axes", std::int64_t{1}}});
  } else {
    double taps = 1;
    for (const std::int64_t k : c.attributes().get_ints("kernel_shape")) taps *= static_cast<double>(k);
    c.attributes().erase("p");
    c.attributes().set("count_include_pad", std::int64_t{1});
    sum = c.call("Mul", {c.call("AveragePool", {powers}, c.attributes()), scalar_like(c, taps, x)});
  }
  c.finish({c.call("Pow", {sum, scalar_like(c, 1.0 / p, x)})});
}

/// Before version 7, output_sequence said whether output 0 is made; the outputs' names say it too.
void import_recurrent(ImportContext& c) {
  c.attributes().erase("output_sequence");
  c.emit_as();
}

}  // namespace

void add_nn_rows(ImportTable& table) {
  for (const char* op : {"Softmax", "LogSoftmax", "Hardmax"}) table.add(op, 1, 12, import_flattening);
  for (const char* op : {"RNN", "GRU", "LSTM"}) table.add(op, 1, 6, import_recurrent);
  table.add("BatchNormalization", 1, 13, import_batch_normalization);
  table.add("GroupNormalization", 18, 20, import_group_normalization_18);
  table.add("LpPool", 1, 1, import_lp_pool_1);
  table.add("GlobalLpPool", 1, 1, import_lp_pool_1);
}

}  // namespace oriel::onnx
