// Attention: softmax(softcap(scale * Q K^T) + bias) V by heads, where bias is the mask, the causal and sliding windows
// and the padding of the cache (minus infinity where a key is hidden); keys and values are past and new ones; several
// query heads may share one of theirs.
#include "ops/common.h"

namespace oriel::ops {
namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

/// Extents of a call. Operands of rank 3 have their heads packed in the last axis.
struct Extents {
  bool packed;
  std::int64_t batch, q_heads, kv_heads, q_steps, new_steps, past, total, head, v_head;
};

void infer(InferContext& c) {
  const Attributes& attributes = c.attributes();
  for (const char* name : {"left_window_size", "right_window_size"}) {
    if (attributes.get_int(name) < -1)
      fail(ErrorCode::kInvalidGraph, "attribute {} is {}", name, attributes.get_int(name));
  }
  const std::int64_t mode = attributes.get_int("qk_matmul_output_mode");
  if (mode < 0 || mode > 3)
    fail(ErrorCode::kInvalidGraph, "attribute qk_matmul_output_mode is {}, expected 0 to 3", mode);
  if (c.has_input(4) != c.has_input(5))
    fail(ErrorCode::kInvalidGraph, "past_key and past_value are not given together");
  if (c.has_input(4) && c.has_input(6))
    fail(ErrorCode::kInvalidGraph, "nonpad_kv_seqlen and past_key are given together");
  const Shape& q = c.shape(0);
  const Shape& k = c.shape(1);
  const Shape& v = c.shape(2);
  if (!q.is_ranked() || !k.is_ranked() || !v.is_ranked()) {
    for (std::size_t i = 0; i < c.num_outputs(); ++i) {
      c.set(i, c.element(i == 2 ? 2 : 0), i == 0 ? Shape::unranked() : Shape::of_rank(4));
    }
    return;
  }
  if ((q.rank() != 3 && q.rank() != 4) || k.rank() != q.rank() || v.rank() != q.rank()) {
    fail(ErrorCode::kInvalidGraph, "query of shape {}, key {} and value {}, expected ranks of 3 or 4", q.to_string(),
         k.to_string(), v.to_string());
  }
  const bool packed = q.rank() == 3;
  const std::int64_t q_given = attributes.get_int("q_num_heads", 0);
  const std::int64_t kv_given = attributes.get_int("kv_num_heads", 0);
  if (packed && (q_given < 1 || kv_given < 1))
    fail(ErrorCode::kInvalidGraph, "{} query heads and {} heads of keys", q_given, kv_given);
  const Dim q_heads = packed ? Dim(q_given) : q[1];
  const Dim kv_heads = packed ? Dim(kv_given) : k[1];
  const Dim head = packed ? floor_div(k[2], kv_heads) : k[3];
  const Dim v_head = packed ? floor_div(v[2], kv_heads) : v[3];
  const Dim q_steps = q[packed ? 1 : 2];
  Dim total = k[packed ? 1 : 2];
  if (c.has_input(4)) {
    const Shape& past = c.shape(4);
    if (past.is_ranked() && past.rank() != 4) fail(ErrorCode::kInvalidGraph, "past_key of shape {}", past.to_string());
    total = total + (past.is_ranked() ? past[2] : Dim::unknown());
  }
  c.set(0, c.element(0), packed ? Shape{q[0], q_steps, q_heads * v_head} : Shape{q[0], q_heads, q_steps, v_head});
  if (c.num_outputs() > 1) c.set(1, c.element(1), Shape{q[0], kv_heads, total, head});
  if (c.num_outputs() > 2) c.set(2, c.element(2), Shape{q[0], kv_heads, total, v_head});
  if (c.num_outputs() > 3) c.set(3, c.element(0), Shape{q[0], q_heads, q_steps, total});
}

Extents read_extents(const Inputs& inputs) {
  const Dims& q = inputs[0].dims();
  const Dims& k = inputs[1].dims();
  const Dims& v = inputs[2].dims();
  Extents e{};
  e.packed = q.size() == 3;
  ORIEL_REQUIRE((e.packed || q.size() == 4) && k.size() == q.size() && v.size() == q.size(),
                "query of shape {}, key {} and value {}", to_string(q), to_string(k), to_string(v));
  e.batch = q[0];
  e.q_heads = e.packed ? inputs.attributes().get_int("q_num_heads", 0) : q[1];
  e.kv_heads = e.packed ? inputs.attributes().get_int("kv_num_heads", 0) : k[1];
  ORIEL_REQUIRE(e.kv_heads > 0 ? e.q_heads % e.kv_heads == 0 : e.q_heads == 0 && !e.packed,
                "{} query heads for {} heads of keys", e.q_heads, e.kv_heads);
  ORIEL_REQUIRE(!e.packed || (e.q_heads > 0 && e.q_heads <= q[2]), "{} query heads in {} elements", e.q_heads, q[2]);
  e.q_steps = q[e.packed ? 1 : 2];
  e.new_steps = k[e.packed ? 1 : 2];
  e.head = e.packed ? q[2] / e.q_heads : q[3];
  e.v_head = e.packed ? v[2] / e.kv_heads : v[3];
  const auto laid = [&](std::int64_t heads, std::int64_t steps, std::int64_t size) {
    return e.packed ? Dims{e.batch, steps, heads * size} : Dims{e.batch, heads, steps, size};
  };
  ORIEL_REQUIRE(q == laid(e.q_heads, e.q_steps, e.head) && k == laid(e.kv_heads, e.new_steps, e.head) &&
                    v == laid(e.kv_heads, e.new_steps, e.v_head),
                "query of shape {}, key {} and value {} with {} and {} heads", to_string(q), to_string(k), to_string(v),
                e.q_heads, e.kv_heads);
  e.past = inputs.has(4) && inputs[4].rank() == 4 ? inputs[4].dim(2) : 0;
  for (const std::size_t i : {std::size_t{4}, std::size_t{5}}) {
    if (!inputs.has(4) && !inputs.has(5)) break;
    const Dims wanted{e.batch, e.kv_heads, e.past, i == 4 ? e.head : e.v_head};
    ORIEL_REQUIRE(inputs[i].dims() == wanted, "input {} of shape {}, expected {}", i, to_string(inputs[i].dims()),
                  to_string(wanted));
  }
  e.total = e.past + e.new_steps;
  return e;
}

/// The operand as [batch, heads, past + steps, size] in f64.
std::vector<double> gather_heads(const Extents& e, const Tensor& now, const Tensor* before, std::int64_t heads,
                                 std::int64_t steps, std::int64_t size) {
  const std::int64_t past = before == nullptr ? 0 : e.past;
  std::vector<double> all;
  all.reserve(static_cast<std::size_t>(e.batch * heads * (past + steps) * size));
  dispatch_float(now.type(), [&]<typename T>() {
    const T* in = now.data<T>();
    const T* old = before == nullptr ? nullptr : before->data<T>();
    for (std::int64_t bh = 0; bh < e.batch * heads; ++bh) {
      for (std::int64_t i = 0; i < past * size; ++i) all.push_back(widen(old[bh * past * size + i]));
      for (std::int64_t t = 0; t < steps; ++t) {
        const std::int64_t row = e.packed ? (bh / heads * steps + t) * heads + bh % heads : bh * steps + t;
        for (std::int64_t i = 0; i < size; ++i) all.push_back(widen(in[row * size + i]));
      }
    }
  });
  return all;
}

void store_all(Tensor& tensor, const std::vector<double>& values) {
  dispatch_float(tensor.type(), [&]<typename T>() {
    std::transform(values.begin(), values.end(), tensor.data<T>(), narrow<T, double>);
  });
}

/// The additive bias of attn_mask; keys past its last axis are hidden.
class Mask {
 public:
  Mask(const Inputs& inputs, const Extents& e) {
    if (!inputs.has(3)) return;
    tensor_ = &inputs[3];
    const Dims& dims = tensor_->dims();
    const Dims to{e.batch, e.q_heads, e.q_steps, e.total};
    ORIEL_REQUIRE(dims.size() >= 1 && dims.size() <= 4 && dims.back() <= e.total, "attn_mask of shape {} for {}",
                  to_string(dims), to_string(to));
    columns_ = dims.back();
    const Dims own = row_major_strides(dims);
    for (std::size_t i = 0; i + 1 < dims.size(); ++i) {
      const std::size_t axis = i + 4 - dims.size();
      ORIEL_REQUIRE(dims[i] == 1 || dims[i] == to[axis], "attn_mask of shape {} for {}", to_string(dims),
                    to_string(to));
      strides_[axis] = dims[i] == 1 ? 0 : own[i];
    }
  }
  double at(std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
    if (tensor_ == nullptr) return 0;
    if (j >= columns_) return kHidden;
    const double value = element_as_f64(*tensor_, b * strides_[0] + h * strides_[1] + i * strides_[2] + j);
    return tensor_->type() != ElementType::kBool ? value : value != 0 ? 0.0 : kHidden;
  }

 private:
  const Tensor* tensor_ = nullptr;
  std::int64_t columns_ = 0;
  std::int64_t strides_[3] = {0, 0, 0};
};

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Attributes& attributes = inputs.attributes();
  const Extents e = read_extents(inputs);
  const bool cached = inputs.has(4);
  const std::vector<double> q = gather_heads(e, inputs[0], nullptr, e.q_heads, e.q_steps, e.head);
  const std::vector<double> k =
      gather_heads(e, inputs[1], cached ? &inputs[4] : nullptr, e.kv_heads, e.new_steps, e.head);
  const std::vector<double> v =
      gather_heads(e, inputs[2], cached ? &inputs[5] : nullptr, e.kv_heads, e.new_steps, e.v_head);
  const auto wants = [&](std::size_t i) { return i < outputs.size() && outputs.wanted(i); };
  if (wants(1)) store_all(outputs.allocate(1, inputs[1].type(), {e.batch, e.kv_heads, e.total, e.head}), k);
  if (wants(2)) store_all(outputs.allocate(2, inputs[2].type(), {e.batch, e.kv_heads, e.total, e.v_head}), v);
  std::vector<std::int64_t> valid;
  if (inputs.has(6)) {
    ORIEL_REQUIRE(inputs[6].dims() == Dims{e.batch}, "nonpad_kv_seqlen of shape {}, expected [{}]",
                  to_string(inputs[6].dims()), e.batch);
    valid = inputs[6].to_i64();
    for (const std::int64_t n : valid) ORIEL_REQUIRE(n >= 0 && n <= e.total, "{} of {} keys are valid", n, e.total);
  }
  const Mask mask(inputs, e);
  const std::int64_t left = attributes.get_int("left_window_size");
  const std::int64_t right = attributes.get_int("right_window_size");
  const bool causal = attributes.get_int("is_causal") != 0;
  const double softcap = attributes.get_float("softcap");
  const double scale =
      attributes.has("scale") ? attributes.get_float("scale") : 1.0 / std::sqrt(static_cast<double>(e.head));
  const std::int64_t mode = attributes.get_int("qk_matmul_output_mode");
  Tensor& out = outputs.allocate(
      0, inputs[0].type(),
      e.packed ? Dims{e.batch, e.q_steps, e.q_heads * e.v_head} : Dims{e.batch, e.q_heads, e.q_steps, e.v_head});
  Tensor* scores =
      wants(3) ? &outputs.allocate(3, inputs[0].type(), {e.batch, e.q_heads, e.q_steps, e.total}) : nullptr;
  std::vector<double> raw(static_cast<std::size_t>(e.total));
  std::vector<double> capped = raw;
  std::vector<double> biased = raw;
  std::vector<double> weights = raw;
  for (std::int64_t row = 0; row < e.batch * e.q_heads * e.q_steps; ++row) {
    context.check();
    const std::int64_t i = row % e.q_steps;
    const std::int64_t h = row / e.q_steps % e.q_heads;
    const std::int64_t b = row / e.q_steps / e.q_heads;
    const std::int64_t kv = b * e.kv_heads + h / (e.q_heads / e.kv_heads);
    const std::int64_t position = i + (!valid.empty() ? valid[static_cast<std::size_t>(b)] - e.q_steps : e.past);
    double largest = kHidden;
    bool all_hidden = true;
    for (std::int64_t j = 0; j < e.total; ++j) {
      const auto at = static_cast<std::size_t>(j);
      double dot = 0;
      for (std::int64_t d = 0; d < e.head; ++d) {
        dot += q[static_cast<std::size_t>(row * e.head + d)] *
               k[static_cast<std::size_t>((kv * e.total + j) * e.head + d)];
      }
      raw[at] = dot * scale;
      capped[at] = softcap > 0 ? softcap * std::tanh(raw[at] / softcap) : raw[at];
      double bias = mask.at(b, h, i, j);
      if ((causal && j > position) || (left >= 0 && position - j > left) || (right >= 0 && j - position > right) ||
          (!valid.empty() && j >= valid[static_cast<std::size_t>(b)])) {
        bias = kHidden;
      }
      biased[at] = capped[at] + bias;
      all_hidden = all_hidden && bias == kHidden;
      largest = std::max(largest, biased[at]);
    }
    double sum = 0;
    for (std::size_t j = 0; j < weights.size(); ++j) {
      weights[j] = all_hidden || largest == kHidden ? 0.0 : std::exp(biased[j] - largest);
      sum += weights[j];
    }
    for (double& weight : weights) weight = sum == 0 ? 0.0 : weight / sum;
    if (scores != nullptr) {
      const std::vector<double>& shown = mode == 0 ? raw : mode == 1 ? capped : mode == 2 ? biased : weights;
      for (std::int64_t j = 0; j < e.total; ++j)
        store_element(*scores, row * e.total + j, shown[static_cast<std::size_t>(j)]);
    }
    const std::int64_t to = e.packed ? (b * e.q_steps + i) * e.q_heads + h : row;
    for (std::int64_t d = 0; d < e.v_head; ++d) {
      double y = 0;
      for (std::int64_t j = 0; j < e.total; ++j) {
        if (weights[static_cast<std::size_t>(j)] == 0) continue;
        y += weights[static_cast<std::size_t>(j)] * v[static_cast<std::size_t>((kv * e.total + j) * e.v_head + d)];
      }
      store_element(out, to * e.v_head + d, y);
    }
  }
}

}  // namespace

OpDef op_attention() {
  return {.name = "Attention",
          .min_inputs = 3,
          .max_inputs = 7,
          .max_outputs = 4,
          .attributes = {{"is_causal", std::int64_t{0}},
                         {"kv_num_heads", std::int64_t{0}, AttributeDef::Need::kOptional},
                         {"left_window_size", std::int64_t{-1}},
                         {"q_num_heads", std::int64_t{0}, AttributeDef::Need::kOptional},
                         {"qk_matmul_output_mode", std::int64_t{0}},
                         {"right_window_size", std::int64_t{-1}},
                         {"scale", 0.0F, AttributeDef::Need::kOptional},
                         {"softcap", 0.0F},
                         {"softmax_precision", ElementType::kF32, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
