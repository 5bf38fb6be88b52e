// Importers of com.microsoft's attention operators, as compositions of the standard's.
#include <cmath>
#include <limits>

#include "frontends/onnx/import_table.h"

namespace oriel::onnx {
namespace {

constexpr const char* kMicrosoft = "com.microsoft";

/// Emits the pieces of an attention layer.
class Builder {
 public:
  explicit Builder(ImportContext& c) : c_(c) {}

  Value* call(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return c_.call(op, std::move(inputs), std::move(attributes));
  }
  Value* list(const std::vector<std::int64_t>& values) { return c_.constant(Tensor::of_i64(values)); }
  Value* number(std::int64_t value) { return c_.constant(Tensor::scalar(value)); }
  Value* scalar(double value, ElementType type) {
    Tensor t = Tensor::allocate(type, {});
    store_element(t, 0, value);
    return c_.constant(std::move(t));
  }
  /// An extent as a vector of one.
  Value* extent(Value* x, std::int64_t axis) { return call("Shape", {x}, {{"start", axis}, {"end", axis + 1}}); }
  /// An extent as a scalar.
  Value* scalar_extent(Value* x, std::int64_t axis) { return call("Squeeze", {extent(x, axis), list({0})}); }
  Value* transpose(Value* x, std::vector<std::int64_t> order) {
    return call("Transpose", {x}, {{"perm", std::move(order)}});
  }
  Value* unsqueeze(Value* x, const std::vector<std::int64_t>& axes) { return call("Unsqueeze", {x, list(axes)}); }
  Value* concat(std::vector<Value*> values, std::int64_t axis) {
    return call("Concat", std::move(values), {{"axis", axis}});
  }
  /// Elements [begin, end) of an axis.
  Value* slice(Value* x, std::int64_t axis, std::int64_t begin, std::int64_t end) {
    return call("Slice", {x, list({begin}), list({end}), list({axis})});
  }
  /// 0, 1, ... below the extent of an axis.
  Value* places(Value* x, std::int64_t axis) { return call("Range", {number(0), scalar_extent(x, axis), number(1)}); }
  /// [batch, length, heads * size] as [batch, heads, length, size].
  Value* split_heads(Value* x, std::int64_t heads) {
    return transpose(call("Reshape", {x, list({0, 0, heads, -1})}), {0, 2, 1, 3});
  }
  /// The inverse of split_heads.
  Value* join_heads(Value* x) { return call("Reshape", {transpose(x, {0, 2, 1, 3}), list({0, 0, -1})}); }
  /// 0 where the condition holds, else `value`.
  Value* penalty(Value* condition, float value, ElementType type) {
    return call("Where", {condition, scalar(0, type), scalar(value, type)});
  }
  /// The penalty for keys after the query's own place, lower than any mask; queries stand at the end of the keys.
  Value* causal_penalty(Value* q, Value* k) {
    const float value = q->element() == ElementType::kF16 ? -65504.0F : -3.38e38F;
    Value* keys = places(k, 2);
    Value* offset = call("Sub", {scalar_extent(k, 2), scalar_extent(q, 2)});
    Value* rows = unsqueeze(call("Add", {places(q, 2), offset}), {1});
    return penalty(call("LessOrEqual", {keys, rows}), value, q->element());
  }
  /// The penalty of a key mask of rank 1 (first key past the end of every row; twice as long: then the first key of
  /// every row), 2 (a number a key, not 0 where it counts) or 3 (the same for every query), on scores [batch, heads,
  /// queries, keys].
  Value* mask_penalty(Value* mask, Value* q, Value* k, float value);
  /// The scale of the scores: the attribute of that name or, where it is absent or 0, 1 / sqrt(head size).
  Value* scale_of(const Attributes& attributes, Value* q, Value* k);
  /// softmax(q * k^T * scale + bias) * v, heads in axis 1.
  Value* attend(Value* q, Value* k, Value* v, Value* scale, const std::vector<Value*>& biases) {
    Value* scores = call("MatMul", {q, transpose(k, {0, 1, 3, 2})});
    if (!scale->is_constant() || element_as_f64(*scale->constant(), 0) != 1.0) scores = call("Mul", {scores, scale});
    for (Value* bias : biases) scores = call("Add", {scores, bias});
    return call("MatMul", {call("Softmax", {scores}, {{"axis", std::int64_t{-1}}}), v});
  }

 private:
  ImportContext& c_;
};

std::size_t rank_of(const Value* v) {
  if (!v->shape().is_ranked()) fail(ErrorCode::kNotImplemented, "an input of unknown rank is not supported");
  return v->shape().rank();
}

std::int64_t known(const Dim& d, const char* what) {
  if (!d.is_known()) fail(ErrorCode::kNotImplemented, "{} is not known", what);
  return d.value();
}

std::int64_t heads_of(const Attributes& attributes) {
  const std::int64_t heads = attributes.get_int("num_heads");
  if (heads < 1) fail(ErrorCode::kInvalidGraph, "attribute num_heads is {}", heads);
  return heads;
}

Value* Builder::scale_of(const Attributes& attributes, Value* q, Value* k) {
  if (const float given = attributes.get_float("scale", 0.0F); given != 0.0F) return scalar(given, q->element());
  for (const Value* v : {q, k}) {
    if (!v->shape().is_ranked() || v->shape().rank() != 4 || !v->shape()[3].is_known()) continue;
    const std::int64_t size = std::max<std::int64_t>(v->shape()[3].value(), 1);
    return scalar(1.0 / std::sqrt(static_cast<double>(size)), q->element());
  }
  Value* size = call("Max", {scalar_extent(q, 3), number(1)});
  Value* root = call("Sqrt", {call("Cast", {size}, {{"to", ElementType::kF32}})});
  return call("Cast", {call("Reciprocal", {root})}, {{"to", q->element()}});
}

float mask_value_of(const Attributes& attributes) { return attributes.get_float("mask_filter_value", -10000.0F); }

Value* Builder::mask_penalty(Value* mask, Value* q, Value* k, float value) {
  const std::size_t rank = rank_of(mask);
  if (rank == 1) {
    Value* keys = places(k, 2);
    Value* ends = call("Cast", {mask}, {{"to", ElementType::kI64}});
    Value* inside = nullptr;
    const Dim& batch = k->shape().is_ranked() ? k->shape()[0] : Dim::unknown();
    const Dim& length = mask->shape()[0];
    if (length.same(batch)) {
      inside = call("Less", {keys, unsqueeze(ends, {1})});
    } else if (length.same(batch * Dim(2))) {
      Value* rows = call("Reshape", {ends, list({2, -1, 1})});
      Value* end = call("Gather", {rows, number(0)}, {{"axis", std::int64_t{0}}});
      Value* begin = call("Gather", {rows, number(1)}, {{"axis", std::int64_t{0}}});
      inside = call("And", {call("Less", {keys, end}), call("GreaterOrEqual", {keys, begin})});
    } else {
      fail(ErrorCode::kNotImplemented, "a mask of shape {} for a batch of {} is not supported",
           mask->shape().to_string(), batch.to_string());
    }
    return unsqueeze(penalty(inside, value, q->element()), {1, 2});
  }
  if (rank != 2 && rank != 3) fail(ErrorCode::kNotImplemented, "a mask of rank {} is not supported", rank);
  Value* counts = call("Cast", {mask}, {{"to", ElementType::kBool}});
  return unsqueeze(penalty(counts, value, q->element()),
                   rank == 2 ? std::vector<std::int64_t>{1, 2} : std::vector<std::int64_t>{1});
}

/// Query, key and value with heads in axis 1, past keys and values joined, and what every attention does after that.
struct Layer {
  Value* q;
  Value* k;
  Value* v;
};

Value* finish_layer(ImportContext& c, Builder& b, const Layer& layer, Value* mask, Value* bias) {
  const Attributes& a = c.attributes();
  std::vector<Value*> biases;
  if (mask != nullptr) biases.push_back(b.mask_penalty(mask, layer.q, layer.k, mask_value_of(a)));
  if (a.get_int("unidirectional", 0) != 0) biases.push_back(b.causal_penalty(layer.q, layer.k));
  if (bias != nullptr) biases.push_back(bias);
  return b.join_heads(b.attend(layer.q, layer.k, layer.v, b.scale_of(a, layer.q, layer.k), biases));
}

/// Splits x * weights + bias into heads, joins `past` ([2, batch, heads, length, size]) and attends.
void finish_self_attention(ImportContext& c, Builder& b, Value* projected, const std::vector<std::int64_t>& sizes,
                           Value* mask, Value* past, Value* bias) {
  const std::int64_t heads = heads_of(c.attributes());
  std::int64_t begin = 0;
  std::vector<Value*> parts;
  for (const std::int64_t size : sizes) {
    if (size < 1 || size % heads != 0) fail(ErrorCode::kInvalidGraph, "a hidden size of {} for {} heads", size, heads);
    parts.push_back(b.split_heads(b.slice(projected, 2, begin, begin + size), heads));
    begin += size;
  }
  Layer layer{parts[0], parts[1], parts[2]};
  if (past != nullptr) {
    layer.k = b.concat({b.call("Gather", {past, b.number(0)}, {{"axis", std::int64_t{0}}}), layer.k}, 2);
    layer.v = b.concat({b.call("Gather", {past, b.number(1)}, {{"axis", std::int64_t{0}}}), layer.v}, 2);
  }
  Value* y = finish_layer(c, b, layer, mask, bias);
  Value* present = c.num_outputs() > 1 ? b.concat({b.unsqueeze(layer.k, {0}), b.unsqueeze(layer.v, {0})}, 0) : nullptr;
  c.finish({y, present});
}

void reject(const ImportContext& c, const Attributes& attributes, std::initializer_list<const char*> flags,
            std::size_t inputs) {
  for (const char* flag : flags) {
    if (attributes.get_int(flag, 0) != 0) fail(ErrorCode::kNotImplemented, "attribute {} is not supported", flag);
  }
  for (std::size_t i = inputs; i < 16; ++i) {
    if (c.input(i) != nullptr) fail(ErrorCode::kNotImplemented, "input {} is not supported", i);
  }
}

/// The hidden sizes of q, k and v from qkv_hidden_sizes, or thirds of the columns of the weights.
std::vector<std::int64_t> hidden_sizes(const Attributes& attributes, const Value* weights) {
  std::vector<std::int64_t> sizes = attributes.get_ints("qkv_hidden_sizes", {});
  if (rank_of(weights) != 2)
    fail(ErrorCode::kInvalidGraph, "weights of shape {}, expected rank 2", weights->shape().to_string());
  if (sizes.empty()) sizes.assign(3, known(weights->shape()[1], "the number of columns of the weights") / 3);
  if (sizes.size() != 3)
    fail(ErrorCode::kInvalidGraph, "attribute qkv_hidden_sizes has {} values, expected 3", sizes.size());
  return sizes;
}

// Attention(input, weights, bias, mask_index, past, attention_bias).
void import_attention(ImportContext& c) {
  Builder b(c);
  reject(c, c.attributes(), {"do_rotary", "past_present_share_buffer"}, 6);
  if (c.input(1) == nullptr) fail(ErrorCode::kNotImplemented, "weights are missing");
  Value* projected = b.call("MatMul", {c.input(0), c.input(1)});
  if (c.input(2) != nullptr) projected = b.call("Add", {projected, c.input(2)});
  finish_self_attention(c, b, projected, hidden_sizes(c.attributes(), c.input(1)), c.input(3), c.input(4), c.input(5));
}

// QAttention(input, weight, bias, input_scale, weight_scale, mask_index, input_zero_point, weight_zero_point, past).
void import_qattention(ImportContext& c) {
  Builder b(c);
  reject(c, c.attributes(), {"do_rotary", "past_present_share_buffer"}, 9);
  Value* sum = b.call("MatMulInteger", {c.input(0), c.input(1), c.input(6), c.input(7)});
  Value* projected =
      b.call("Mul", {b.call("Cast", {sum}, {{"to", c.input(3)->element()}}), b.call("Mul", {c.input(3), c.input(4)})});
  if (c.input(2) != nullptr) projected = b.call("Add", {projected, c.input(2)});
  finish_self_attention(c, b, projected, hidden_sizes(c.attributes(), c.input(1)), c.input(5), c.input(8), nullptr);
}

// MultiHeadAttention(query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value). Query may hold
// all three, packed as [batch, length, heads, 3, size], key may hold key and value, packed as [batch, length, heads, 2,
// size], or key and value may be given with heads in axis 1.
void import_multi_head_attention(ImportContext& c) {
  Builder b(c);
  reject(c, c.attributes(), {}, 8);
  const std::int64_t heads = heads_of(c.attributes());
  Value* query = c.input(0);
  Value* key = c.input(1);
  Value* value = c.input(2);
  const auto unpack = [&](Value* packed, std::int64_t index) {
    return b.call("Reshape",
                  {b.call("Gather", {packed, b.number(index)}, {{"axis", std::int64_t{3}}}), b.list({0, 0, -1})});
  };
  if (rank_of(query) == 5) {
    key = unpack(query, 1);
    value = unpack(query, 2);
    query = unpack(query, 0);
  } else if (key != nullptr && rank_of(key) == 5) {
    value = unpack(key, 1);
    key = unpack(key, 0);
  }
  if (key == nullptr || value == nullptr) fail(ErrorCode::kInvalidGraph, "key or value is missing");
  if (rank_of(query) != 3 || (rank_of(key) != 3 && rank_of(key) != 4)) {
    fail(ErrorCode::kInvalidGraph, "query of shape {} and key of shape {}", query->shape().to_string(),
         key->shape().to_string());
  }
  const bool with_heads = rank_of(key) == 4;
  if (c.input(3) != nullptr) {
    // The bias of query, key and value in a row; the first two are as long as the query is wide.
    const Dim hidden = query->shape()[2];
    const auto part = [&](Value* x, Value* begin, Value* end) {
      return b.call("Add", {x, b.call("Slice", {c.input(3), begin, end, b.list({0})})});
    };
    Value* once = hidden.is_known() ? b.list({hidden.value()}) : b.extent(query, 2);
    Value* twice = hidden.is_known() ? b.list({2 * hidden.value()}) : b.call("Add", {once, once});
    query = part(query, b.list({0}), once);
    if (!with_heads) {
      key = part(key, once, twice);
      value = part(value, twice, b.list({std::numeric_limits<std::int64_t>::max()}));
    }
  }
  Layer layer{b.split_heads(query, heads), with_heads ? key : b.split_heads(key, heads),
              with_heads ? value : b.split_heads(value, heads)};
  if (c.input(6) != nullptr && c.input(7) != nullptr) {
    layer.k = b.concat({c.input(6), layer.k}, 2);
    layer.v = b.concat({c.input(7), layer.v}, 2);
  }
  Value* y = finish_layer(c, b, layer, c.input(4), c.input(5));
  c.finish({y, layer.k, layer.v});
}

}  // namespace

void add_attention_rows(ImportTable& table) {
  table.add("Attention", 1, ImportTable::kNewest, import_attention, kMicrosoft);
  table.add("MultiHeadAttention", 1, ImportTable::kNewest, import_multi_head_attention, kMicrosoft);
  table.add("QAttention", 1, ImportTable::kNewest, import_qattention, kMicrosoft);
}

}  // namespace oriel::onnx
