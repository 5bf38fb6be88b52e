// Importers of quantised operators and those of com.microsoft that are compositions of the standard's.
#include <algorithm>

#include "frontends/onnx/import_activation.h"
#include "frontends/onnx/import_nhwc.h"

namespace oriel::onnx {
namespace {

constexpr const char* kMicrosoft = "com.microsoft";

/// A scalar of the given float type.
Value* scalar(ImportContext& c, double value, ElementType type) {
  Tensor t = Tensor::allocate(type, {});
  store_element(t, 0, value);
  return c.constant(std::move(t));
}

// activation(Conv(x, w, b) + z).
void import_fused_conv(ImportContext& c) {
  const Activation activation = Activation::take(c.attributes());
  std::vector<Value*> operands{c.input(0), c.input(1)};
  if (c.input(2) != nullptr) operands.push_back(c.input(2));
  Value* y = c.call("Conv", operands, c.attributes());
  if (c.input(3) != nullptr) y = c.call("Add", {y, c.input(3)});
  c.finish({activation.apply(c, y)});
}

// activation(Gemm(a, b, c)).
void import_fused_gemm(ImportContext& c) {
  const Activation activation = Activation::take(c.attributes());
  c.finish({activation.apply(c, c.call("Gemm", c.inputs(), c.attributes()))});
}

Value* i64_list(ImportContext& c, const std::vector<std::int64_t>& values) {
  return c.constant(Tensor::of_i64(values));
}

std::size_t rank_of(const Value* v) {
  if (!v->shape().is_ranked()) fail(ErrorCode::kNotImplemented, "an input of unknown rank is not supported");
  return v->shape().rank();
}

// Gelu(x), the exact form.
void import_gelu(ImportContext& c) { c.finish({c.call("Gelu", {c.input(0)}, {{"approximate", std::string("none")}})}); }

// Gelu(a + b).
void import_bias_gelu(ImportContext& c) {
  c.finish({c.call("Gelu", {c.call("Add", {c.input(0), c.input(1)})}, {{"approximate", std::string("none")}})});
}

// Gelu(x + bias) by the tanh approximation.
void import_fast_gelu(ImportContext& c) {
  Value* x = c.input(0);
  if (c.input(1) != nullptr) x = c.call("Add", {x, c.input(1)});
  c.finish({c.call("Gelu", {x}, {{"approximate", std::string("tanh")}})});
}

// x * Sigmoid(alpha * x).
void import_quick_gelu(ImportContext& c) {
  c.finish({c.call("Swish", {c.input(0)}, {{"alpha", c.attributes().get_float("alpha", 1.702F)}})});
}

// Reciprocal root of the mean square over the last axes, as the second output of SimplifiedLayerNormalization.
Value* inverse_rms(ImportContext& c, Value* x, std::int64_t axis, float epsilon) {
  Value* wide = x->element() == ElementType::kF32 ? x : c.call("Cast", {x}, {{"to", ElementType::kF32}});
  std::vector<std::int64_t> axes;
  const auto rank = static_cast<std::int64_t>(rank_of(x));
  for (std::int64_t a = axis < 0 ? axis + rank : axis; a < rank; ++a) axes.push_back(a);
  Value* mean = c.call("ReduceMean", {c.call("Mul", {wide, wide}), i64_list(c, axes)});
  return c.call("Reciprocal", {c.call("Sqrt", {c.call("Add", {mean, scalar(c, epsilon, ElementType::kF32)})})});
}

bool wanted(const ImportContext& c, std::size_t output) {
  return c.num_outputs() > output && !c.output_names()[output].empty();
}

// RMSNormalization, with the reciprocal root as an optional second output.
void import_simplified_layer_norm(ImportContext& c) {
  const std::int64_t axis = c.attributes().get_int("axis", -1);
  const float epsilon = c.attributes().get_float("epsilon", 1e-5F);
  Value* y = c.call("RMSNormalization", {c.input(0), c.input(1)}, {{"axis", axis}, {"epsilon", epsilon}});
  c.finish({y, wanted(c, 1) ? inverse_rms(c, c.input(0), axis, epsilon) : nullptr});
}

// input + skip (+ bias), which SkipLayerNormalization gives as its fourth output.
Value* skip_sum(ImportContext& c, std::size_t bias) {
  Value* sum = c.call("Add", {c.input(0), c.input(1)});
  return c.input(bias) != nullptr ? c.call("Add", {sum, c.input(bias)}) : sum;
}

// LayerNormalization(input + skip + bias).
void import_skip_layer_norm(ImportContext& c) {
  Value* sum = skip_sum(c, 4);
  std::vector<Value*> operands{sum, c.input(2)};
  if (c.input(3) != nullptr) operands.push_back(c.input(3));
  const Attributes attributes{{"axis", std::int64_t{-1}}, {"epsilon", c.attributes().get_float("epsilon", 1e-12F)}};
  const bool statistics = wanted(c, 1) || wanted(c, 2);
  const Node* norm = c.emit("LayerNormalization", attributes, operands, statistics ? 3 : 1);
  c.finish({norm->output(), statistics ? norm->output(1) : nullptr, statistics ? norm->output(2) : nullptr, sum});
}

// RMSNormalization(input + skip + bias).
void import_skip_simplified_layer_norm(ImportContext& c) {
  Value* sum = skip_sum(c, 3);
  const float epsilon = c.attributes().get_float("epsilon", 1e-12F);
  Value* y = c.call("RMSNormalization", {sum, c.input(2)}, {{"axis", std::int64_t{-1}}, {"epsilon", epsilon}});
  if (wanted(c, 1)) fail(ErrorCode::kNotImplemented, "the mean is not given as an output");
  c.finish({y, nullptr, wanted(c, 2) ? inverse_rms(c, sum, -1, epsilon) : nullptr, sum});
}

/// f32(x - zero) * scale, with scale and zero point of a tensor as scalars or vectors of one.
Value* dequantized(ImportContext& c, Value* x, Value* scale, Value* zero) {
  std::vector<Value*> operands{x, c.call("Reshape", {scale, i64_list(c, {})})};
  if (zero != nullptr) operands.push_back(c.call("Reshape", {zero, i64_list(c, {})}));
  return c.call("DequantizeLinear", operands);
}

// LayerNormalization(word + position + segment embeddings), and the number of ones in every row of the mask. Tables and
// parameters of QEmbedLayerNormalization are quantised: input i has scale i + 6 and zero point i + 11.
void embed_layer_norm(ImportContext& c, bool quantised) {
  Value* ids = c.input(0);
  if (c.input(2) == nullptr || c.input(3) == nullptr || c.input(5) == nullptr)
    fail(ErrorCode::kInvalidGraph, "an input is missing");
  const auto plain = [&](Value* taken, std::size_t i) {
    if (!quantised) return taken;
    if (c.input(i + 6) == nullptr) fail(ErrorCode::kInvalidGraph, "input {} is missing", i + 6);
    return dequantized(c, taken, c.input(i + 6), c.input(i + 11));
  };
  Value* sum = plain(c.call("Gather", {c.input(2), ids}), 2);
  Value* positions = quantised ? nullptr : c.input(8);
  if (positions == nullptr) {
    Value* length = c.call(
        "Squeeze", {c.call("Shape", {ids}, {{"start", std::int64_t{1}}, {"end", std::int64_t{2}}}), i64_list(c, {0})});
    positions = c.call(
        "Range", {c.constant(Tensor::scalar<std::int64_t>(0)), length, c.constant(Tensor::scalar<std::int64_t>(1))});
  }
  sum = c.call("Add", {sum, plain(c.call("Gather", {c.input(3), positions}), 3)});
  if (c.input(4) != nullptr) {
    if (c.input(1) == nullptr) fail(ErrorCode::kInvalidGraph, "input 1 is missing");
    sum = c.call("Add", {sum, plain(c.call("Gather", {c.input(4), c.input(1)}), 4)});
  }
  std::vector<Value*> operands{sum, plain(c.input(5), 5)};
  if (c.input(6) != nullptr) operands.push_back(plain(c.input(6), 6));
  const Attributes attributes{{"axis", std::int64_t{-1}}, {"epsilon", c.attributes().get_float("epsilon", 1e-12F)}};
  Value* y = c.call("LayerNormalization", operands, attributes);
  Value* ones = nullptr;
  if (wanted(c, 1)) {
    Value* mask = c.input(7);
    if (mask == nullptr) {
      Value* rows = c.call("Shape", {ids}, {{"start", std::int64_t{0}}, {"end", std::int64_t{1}}});
      ones = c.call("Expand", {c.constant(Tensor::scalar<std::int32_t>(0)), rows});
    } else {
      Value* one = c.call("Equal", {mask, c.constant(Tensor::scalar<std::int32_t>(1))});
      ones = c.call("ReduceSum", {c.call("Cast", {one}, {{"to", ElementType::kI32}}), i64_list(c, {1})},
                    {{"keepdims", std::int64_t{0}}});
    }
  }
  c.finish({y, ones, sum});
}

void import_embed_layer_norm(ImportContext& c) { embed_layer_norm(c, false); }
void import_qembed_layer_norm(ImportContext& c) { embed_layer_norm(c, true); }

// LSTM with weights [directions, inputs, 4 * hidden] of bytes, their scales and zero points a direction or a column
// behind its operands. The inputs are not quantised: the result is that of the weights as they are.
void import_dynamic_quantize_lstm(ImportContext& c) {
  const auto weights = [&](std::size_t i, std::size_t scale) {
    if (c.input(i) == nullptr || c.input(scale) == nullptr) fail(ErrorCode::kInvalidGraph, "an input is missing");
    // [directions] or [directions, columns] beside [directions, inputs, columns].
    const auto beside = [&](Value* v) {
      return c.call("Unsqueeze",
                    {v, i64_list(c, rank_of(v) == 1 ? std::vector<std::int64_t>{1, 2} : std::vector<std::int64_t>{1})});
    };
    Value* plain = c.call("Cast", {c.input(i)}, {{"to", ElementType::kF32}});
    if (c.input(scale + 1) != nullptr)
      plain = c.call("Sub", {plain, beside(c.call("Cast", {c.input(scale + 1)}, {{"to", ElementType::kF32}}))});
    plain = c.call("Mul", {plain, beside(c.input(scale))});
    return c.call("Transpose", {plain}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
  };
  std::vector<Value*> operands{c.input(0), weights(1, 8), weights(2, 10)};
  for (std::size_t i = 3; i < 8; ++i) operands.push_back(c.input(i));
  c.finish(c.emit("LSTM", c.attributes(), operands, std::max<std::size_t>(c.num_outputs(), 1))->outputs());
}

// Distances between all rows of A and B: |a|^2 + |b|^2 - 2 a b, not below 0, or its root.
void import_cdist(ImportContext& c) {
  const std::string metric = c.attributes().get_string("metric", "sqeuclidean");
  if (metric != "sqeuclidean" && metric != "euclidean")
    fail(ErrorCode::kInvalidGraph, "attribute metric is \"{}\", expected sqeuclidean or euclidean", metric);
  const auto squares = [&](Value* v, std::int64_t keep) {
    return c.call("ReduceSumSquare", {v, i64_list(c, {1})}, {{"keepdims", keep}});
  };
  Value* a = c.input(0);
  Value* b = c.input(1);
  Value* product = c.call("MatMul", {a, c.call("Transpose", {b}, {{"perm", std::vector<std::int64_t>{1, 0}}})});
  Value* twice = c.call("Mul", {product, scalar(c, 2, a->element())});
  Value* y = c.call("Sub", {c.call("Add", {squares(a, 1), squares(b, 0)}), twice});
  y = c.call("Max", {y, scalar(c, 0, a->element())});
  c.finish({metric == "euclidean" ? c.call("Sqrt", {y}) : y});
}

// Unique(x): the elements in order of their first places, the place of each among them, and how often they occur.
void import_unique(ImportContext& c) {
  const Node* unique = c.emit("Unique", {{"sorted", std::int64_t{0}}}, {c.input(0)}, 4);
  c.finish({unique->output(0), unique->output(2), unique->output(3)});
}

// Range(start, limit, delta), scalars or vectors of one; a step of 1 where there is no delta.
void import_range(ImportContext& c) {
  std::vector<Value*> operands;
  for (std::size_t i = 0; i < 3; ++i) {
    Value* v = c.input(i);
    if (v == nullptr && i < 2) fail(ErrorCode::kInvalidGraph, "input {} is missing", i);
    operands.push_back(v == nullptr ? scalar(c, 1, c.input(0)->element()) : c.call("Reshape", {v, i64_list(c, {})}));
  }
  c.finish({c.call("Range", operands)});
}

// MatMul of 16-bit integers into 32 bits.
void import_matmul_integer16(ImportContext& c) {
  const bool is_signed = is_signed_integer(c.input(0)->element()) || is_signed_integer(c.input(1)->element());
  const ElementType wide = is_signed ? ElementType::kI32 : ElementType::kU32;
  c.finish(
      {c.call("MatMul", {c.call("Cast", {c.input(0)}, {{"to", wide}}), c.call("Cast", {c.input(1)}, {{"to", wide}})})});
}

// An operand of FusedMatMul: `batch` moves the first axis behind the batch axes, `last` swaps the last two axes.
Value* transposed(ImportContext& c, Value* x, bool batch, bool last) {
  if (!batch && !last) return x;
  const std::size_t rank = rank_of(x);
  if (rank < 2) return x;
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < rank; ++i) order.push_back(static_cast<std::int64_t>(i));
  if (batch) std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  if (last) std::swap(order[rank - 1], order[rank - 2]);
  return c.call("Transpose", {x}, {{"perm", order}});
}

// alpha * MatMul of operands that may be transposed.
void import_fused_matmul(ImportContext& c) {
  const Attributes& a = c.attributes();
  Value* left = transposed(c, c.input(0), a.get_int("transBatchA", 0) != 0, a.get_int("transA", 0) != 0);
  Value* right = transposed(c, c.input(1), a.get_int("transBatchB", 0) != 0, a.get_int("transB", 0) != 0);
  Value* y = c.call("MatMul", {left, right});
  const float alpha = a.get_float("alpha", 1.0F);
  c.finish({alpha == 1.0F ? y : c.call("Mul", {y, scalar(c, alpha, y->element())})});
}

// f32(MatMulInteger(a, b)) * (a_scale * b_scale) + bias.
Value* scaled_product(ImportContext& c, std::vector<Value*> operands, Value* a_scale, Value* b_scale, Value* bias) {
  Value* sum = c.call("Cast", {c.call("MatMulInteger", std::move(operands))}, {{"to", a_scale->element()}});
  Value* y = c.call("Mul", {sum, c.call("Mul", {a_scale, b_scale})});
  return bias != nullptr ? c.call("Add", {y, bias}) : y;
}

// (A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias).
void import_matmul_integer_to_float(ImportContext& c) {
  Value* a_scale = c.input(2);
  const Value* a = c.input(0);
  // A scale for every row stands along the rows.
  if (a->shape().is_ranked() && a->shape().rank() > 1 && a_scale->shape().is_ranked() && a_scale->shape().rank() == 1 &&
      !a_scale->shape()[0].same(Dim(1))) {
    a_scale = c.call("Unsqueeze", {a_scale, i64_list(c, {1})});
  }
  c.finish({scaled_product(c, {c.input(0), c.input(1), c.input(4), c.input(5)}, a_scale, c.input(3), c.input(6))});
}

// (A, B, b_scale, b_zero_point, bias) with A quantised dynamically to u8.
void import_dynamic_quantize_matmul(ImportContext& c) {
  const Node* quantised = c.emit("DynamicQuantizeLinear", {}, {c.input(0)}, 3);
  c.finish({scaled_product(c, {quantised->output(0), c.input(1), quantised->output(2), c.input(3)},
                           quantised->output(1), c.input(2), c.input(4))});
}

// The elements of a packed tensor of bytes as 4-bit integers, twice as many on the last axis.
Value* as_u4(ImportContext& c, Value* bytes) {
  const Tensor* packed = bytes->constant();
  if (packed == nullptr || packed->rank() == 0)
    fail(ErrorCode::kNotImplemented, "packed data that are no constant are not supported");
  Dims dims = packed->dims();
  dims[dims.size() - 1] *= 2;
  return c.constant(Tensor(ElementType::kU4, dims, packed->memory(), packed->byte_offset()));
}

// DequantizeLinear in blocks of what Gather takes from data, scales and zero points.
void import_gather_block_quantized(ImportContext& c) {
  const Attributes& a = c.attributes();
  Value* data = c.input(0);
  Value* zeros = c.input(3);
  const std::int64_t bits = a.get_int("bits", 4);
  const bool packed = data->element() == ElementType::kU8 && bits == 4;
  if (!packed && bits != (data->element() == ElementType::kU8 ? 8 : 4))
    fail(ErrorCode::kNotImplemented, "attribute bits is {}", bits);
  if (packed) data = as_u4(c, data);
  const auto rank = static_cast<std::int64_t>(rank_of(data));
  const auto normalized = [rank](std::int64_t axis) { return normalize_axis(axis, static_cast<std::size_t>(rank)); };
  const std::int64_t gather_axis = normalized(a.get_int("gather_axis", 0));
  const std::int64_t quantize_axis = normalized(a.get_int("quantize_axis", 1));
  if (gather_axis == quantize_axis)
    fail(ErrorCode::kInvalidGraph, "attributes gather_axis and quantize_axis are both {}", gather_axis);
  // Bytes without zero points stand for integers around the middle of their range.
  if (packed && zeros != nullptr) {
    zeros = as_u4(c, zeros);
    const Dim blocks =
        c.input(2)->shape().is_ranked() && rank_of(c.input(2)) > 0 ? c.input(2)->shape().dims().back() : Dim::unknown();
    // An odd number of blocks leaves half a byte behind.
    if (blocks.is_known())
      zeros = c.call("Slice", {zeros, i64_list(c, {0}), i64_list(c, {blocks.value()}), i64_list(c, {-1})});
  }
  if (zeros == nullptr && data->element() != ElementType::kI4) {
    Tensor middle = Tensor::allocate(data->element(), {1});
    store_element(middle, 0, bits == 4 ? 8.0 : 128.0);
    Value* shape = c.call("Shape", {c.input(2)});
    zeros = c.call("Expand", {c.constant(std::move(middle)), shape});
  }
  const auto take = [&](Value* from) { return c.call("Gather", {from, c.input(1)}, {{"axis", gather_axis}}); };
  const auto added = static_cast<std::int64_t>(rank_of(c.input(1))) - 1;
  const std::int64_t axis = quantize_axis < gather_axis ? quantize_axis : quantize_axis + added;
  std::vector<Value*> operands{take(data), take(c.input(2))};
  if (zeros != nullptr) operands.push_back(take(zeros));
  c.finish({c.call("DequantizeLinear", operands, {{"axis", axis}, {"block_size", a.get_int("block_size", 128)}})});
}

// Unsqueeze with the axis as a scalar of i32.
void import_expand_dims(ImportContext& c) {
  c.finish({c.call(
      "Unsqueeze",
      {c.input(0), c.call("Reshape", {c.call("Cast", {c.input(1)}, {{"to", ElementType::kI64}}), i64_list(c, {1})})})});
}

// GridSample with the mode names of version 16.
void import_grid_sample(ImportContext& c) {
  const std::string mode = c.attributes().get_string("mode", "bilinear");
  c.attributes().set("mode", mode == "bilinear"  ? std::string("linear")
                             : mode == "bicubic" ? std::string("cubic")
                                                 : mode);
  c.emit_as("GridSample", "");
}

// Takes the channels_last attribute from the node.
bool take_channels_last(ImportContext& c) {
  const bool last = c.attributes().get_int("channels_last", 0) != 0;
  c.attributes().erase("channels_last");
  return last;
}

void import_qlinear_average_pool(ImportContext& c) {
  if (take_channels_last(c)) return finish_channels_last(c, c.op_type(), c.domain());
  c.emit_as();
}

// The standard's QLinearConv, also on channels in the last axis.
void import_qlinear_conv(ImportContext& c) {
  if (take_channels_last(c)) return finish_channels_last(c, "QLinearConv", "");
  c.emit_as("QLinearConv", "");
}

// The standard's operator of the same name and operands.
void import_as_standard(ImportContext& c) { c.emit_as(c.op_type(), ""); }

// RotaryEmbedding(input, position_ids, cos_cache, sin_cache): a single position is that of the first token.
void import_rotary_embedding(ImportContext& c) {
  Attributes& a = c.attributes();
  Value* x = c.input(0);
  Value* positions = c.input(1);
  const std::size_t rank = rank_of(x);
  if (a.get_float("scale", 1.0F) != 1.0F) fail(ErrorCode::kNotImplemented, "attribute scale is not supported");
  if (a.get_int("is_packed_batching", 0) != 0)
    fail(ErrorCode::kNotImplemented, "attribute is_packed_batching is not supported");
  for (const char* name : {"scale", "is_packed_batching"}) a.erase(name);
  const auto extent = [&](Value* v, std::int64_t axis) {
    return c.call("Shape", {v}, {{"start", axis}, {"end", axis + 1}});
  };
  // Heads as wide as the caches say, where nothing else tells their number.
  bool split = false;
  if (rank == 3 && a.get_int("num_heads", 0) == 0) {
    const Dim& hidden = x->shape()[2];
    const Shape& cache = c.input(2)->shape();
    if (cache.is_ranked() && cache.rank() != 2)
      fail(ErrorCode::kInvalidGraph, "cos_cache of shape {}, expected rank 2", cache.to_string());
    const bool known = hidden.is_known() && cache.is_ranked() && cache[1].is_known() && cache[1].value() > 0;
    if (known) a.set("num_heads", hidden.value() / (2 * cache[1].value()));
    split = !known;
  }
  if (rank_of(positions) == 1) {
    Value* length = extent(x, rank == 3 ? 1 : 2);
    Value* steps =
        c.call("Range", {c.constant(Tensor::scalar<std::int64_t>(0)), c.call("Squeeze", {length, i64_list(c, {0})}),
                         c.constant(Tensor::scalar<std::int64_t>(1))});
    positions = c.call("Expand", {c.call("Add", {steps, positions}),
                                  c.call("Concat", {extent(x, 0), length}, {{"axis", std::int64_t{0}}})});
  }
  const auto swap_middle = [&](Value* v) {
    return c.call("Transpose", {v}, {{"perm", std::vector<std::int64_t>{0, 2, 1, 3}}});
  };
  if (split) {
    Value* width = c.call("Mul", {extent(c.input(2), 1), i64_list(c, {2})});
    Value* heads = c.call("Concat", {i64_list(c, {0, 0, -1}), width}, {{"axis", std::int64_t{0}}});
    x = swap_middle(c.call("Reshape", {x, heads}));
  }
  Value* y = c.call("RotaryEmbedding", {x, c.input(2), c.input(3), positions}, a);
  if (split) y = c.call("Reshape", {swap_middle(y), i64_list(c, {0, 0, -1})});
  c.finish({y});
}

}  // namespace

void add_quant_rows(ImportTable& table) {
  const auto microsoft = [&table](std::string_view op, ImportFunction function) {
    table.add(op, 1, ImportTable::kNewest, function, kMicrosoft);
  };
  microsoft("FusedConv", import_fused_conv);
  microsoft("FusedGemm", import_fused_gemm);
  microsoft("FusedMatMul", import_fused_matmul);
  microsoft("TransposeMatMul", import_fused_matmul);
  microsoft("Gelu", import_gelu);
  microsoft("BiasGelu", import_bias_gelu);
  microsoft("FastGelu", import_fast_gelu);
  microsoft("QuickGelu", import_quick_gelu);
  microsoft("SkipLayerNormalization", import_skip_layer_norm);
  microsoft("SkipSimplifiedLayerNormalization", import_skip_simplified_layer_norm);
  microsoft("EmbedLayerNormalization", import_embed_layer_norm);
  microsoft("QEmbedLayerNormalization", import_qembed_layer_norm);
  microsoft("DynamicQuantizeLSTM", import_dynamic_quantize_lstm);
  microsoft("CDist", import_cdist);
  microsoft("Unique", import_unique);
  microsoft("Range", import_range);
  microsoft("MatMulInteger16", import_matmul_integer16);
  microsoft("MatMulIntegerToFloat", import_matmul_integer_to_float);
  microsoft("DynamicQuantizeMatMul", import_dynamic_quantize_matmul);
  microsoft("ExpandDims", import_expand_dims);
  microsoft("GridSample", import_grid_sample);
  microsoft("RotaryEmbedding", import_rotary_embedding);
  microsoft("QLinearAveragePool", import_qlinear_average_pool);
  microsoft("QLinearConv", import_qlinear_conv);
  microsoft("GatherBlockQuantized", import_gather_block_quantized);
  for (const char* op : {"QuantizeLinear", "DequantizeLinear", "GatherND", "Pad", "Trilu"})
    microsoft(op, import_as_standard);
  table.add("SimplifiedLayerNormalization", 1, ImportTable::kNewest, import_simplified_layer_norm);
}

}  // namespace oriel::onnx
