// Operators of com.microsoft on channels in the last axis, and the sums that stand beside them in diffusion models.
#include "frontends/onnx/import_nhwc.h"

#include "frontends/onnx/import_activation.h"

namespace oriel::onnx {
namespace {

std::int64_t spatial_rank(const Value* x) {
  if (!x->shape().is_ranked()) fail(ErrorCode::kNotImplemented, "an input of unknown rank is not supported");
  const auto rank = static_cast<std::int64_t>(x->shape().rank());
  if (rank < 3) fail(ErrorCode::kInvalidGraph, "input of shape {}, expected rank 3 or more", x->shape().to_string());
  return rank;
}

// activation(Conv(x, w, b) + z), x, z and the result with channels last. NhwcConv has neither activation nor z.
void import_nhwc_conv(ImportContext& c) {
  const Activation activation = Activation::take(c.attributes());
  std::vector<Value*> operands{channels_first(c, c.input(0)), c.input(1)};
  if (c.input(2) != nullptr) operands.push_back(c.input(2));
  Value* y = c.call("Conv", operands, c.attributes());
  if (c.input(3) != nullptr) y = c.call("Add", {y, channels_first(c, c.input(3))});
  c.finish({channels_last(c, activation.apply(c, y))});
}

void import_nhwc_max_pool(ImportContext& c) { finish_channels_last(c, "MaxPool", ""); }

Value* cast_to(ImportContext& c, Value* x, ElementType type) {
  return x->element() == type ? x : c.call("Cast", {x}, {{"to", type}});
}

// GroupNormalization of x, computed in the element type of gamma, then x Sigmoid(x) where the attribute activation
// is 1.
Value* group_norm(ImportContext& c, Value* x) {
  const Attributes& a = c.attributes();
  const std::int64_t activation = a.get_int("activation");
  if (activation != 0 && activation != 1)
    fail(ErrorCode::kInvalidGraph, "activation is {}, expected 0 (none) or 1 (SiLU)", activation);
  const bool last = a.get_int("channels_last", 1) != 0;
  Value* wide = cast_to(c, x, c.input(1)->element());
  Value* y = c.call("GroupNormalization", {last ? channels_first(c, wide) : wide, c.input(1), c.input(2)},
                    {{"epsilon", a.get_float("epsilon", 1e-5F)}, {"num_groups", a.get_int("groups")}});
  if (activation == 1) y = c.call("Swish", {y}, {{"alpha", 1.0F}});
  return cast_to(c, last ? channels_last(c, y) : y, x->element());
}

void import_group_norm(ImportContext& c) { c.finish({group_norm(c, c.input(0))}); }

// GroupNorm of x + skip + bias; the second output is the sum. A skip of N and C alone is the same at every place.
void import_skip_group_norm(ImportContext& c) {
  Value* x = c.input(0);
  Value* skip = c.input(3);
  const bool last = c.attributes().get_int("channels_last", 1) != 0;
  const std::int64_t rank = spatial_rank(x);
  const auto spread = [&](Value* v, std::int64_t first) {
    std::vector<std::int64_t> axes;
    for (std::int64_t i = first; i < first + rank - 2; ++i) axes.push_back(i);
    return c.call("Unsqueeze", {v, c.constant(Tensor::of_i64(axes))});
  };
  if (!skip->shape().is_ranked()) fail(ErrorCode::kNotImplemented, "a skip of unknown rank is not supported");
  if (skip->shape().rank() == 2) skip = spread(skip, last ? 1 : 2);
  Value* sum = c.call("Add", {x, skip});
  if (Value* bias = c.input(4); bias != nullptr) sum = c.call("Add", {sum, last ? bias : spread(bias, 1)});
  std::vector<Value*> results{group_norm(c, sum)};
  if (c.num_outputs() > 1) results.push_back(sum);
  c.finish(std::move(results));
}

// x + bias + skip.
void import_bias_add(ImportContext& c) {
  c.finish({c.call("Add", {c.call("Add", {c.input(0), c.input(1)}), c.input(2)})});
}

// The left half of x + bias in its last axis times Gelu of the right half.
void import_bias_split_gelu(ImportContext& c) {
  Value* sum = c.call("Add", {c.input(0), c.input(1)});
  const Node* halves = c.emit("Split", {{"axis", std::int64_t{-1}}, {"num_outputs", std::int64_t{2}}}, {sum}, 2);
  c.finish({c.call("Mul", {halves->output(0), c.call("Gelu", {halves->output(1)})})});
}

}  // namespace

Value* channels_first(ImportContext& c, Value* x) {
  const std::int64_t rank = spatial_rank(x);
  std::vector<std::int64_t> perm{0, rank - 1};
  for (std::int64_t i = 1; i + 1 < rank; ++i) perm.push_back(i);
  return c.call("Transpose", {x}, {{"perm", perm}});
}

Value* channels_last(ImportContext& c, Value* x) {
  const std::int64_t rank = spatial_rank(x);
  std::vector<std::int64_t> perm{0};
  for (std::int64_t i = 2; i < rank; ++i) perm.push_back(i);
  perm.push_back(1);
  return c.call("Transpose", {x}, {{"perm", perm}});
}

void finish_channels_last(ImportContext& c, std::string_view op, std::string_view domain) {
  c.inputs()[0] = channels_first(c, c.input(0));
  c.finish({channels_last(c, c.emit(op, c.attributes(), c.inputs(), 1, domain)->output())});
}

void add_nhwc_rows(ImportTable& table) {
  const auto microsoft = [&](const char* op, ImportFunction function) {
    table.add(op, 1, ImportTable::kNewest, function, "com.microsoft");
  };
  microsoft("NhwcConv", import_nhwc_conv);
  microsoft("NhwcFusedConv", import_nhwc_conv);
  microsoft("NhwcMaxPool", import_nhwc_max_pool);
  microsoft("GroupNorm", import_group_norm);
  microsoft("SkipGroupNorm", import_skip_group_norm);
  microsoft("BiasAdd", import_bias_add);
  microsoft("BiasSplitGelu", import_bias_split_gelu);
}

}  // namespace oriel::onnx
