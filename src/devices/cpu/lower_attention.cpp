// Attention, in f32 or with products of bf16: keys and values read where they lie, a cache joined first, scores never
// held as a whole.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "devices/cpu/attention_unit.h"
#include "devices/cpu/narrow.h"
#include "kernels/attention/attention.h"
#include "passes/patterns.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

constexpr std::size_t kMask = 3;
constexpr std::size_t kPastKey = 4;
constexpr std::size_t kPastValue = 5;
constexpr std::size_t kValid = 6;

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

std::string decline_attention(const Node& node, const CompileOptions&) {
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{2}, kPastKey, kPastValue}) {
    const Value* v = node.input(i);
    if (v == nullptr) continue;
    if (v->element() != ElementType::kF32) return formatted("no kernel for {}", element_name(v->element()));
    if (!v->shape().is_ranked()) return "an operand of unknown rank";
  }
  if (const Value* mask = node.input(kMask); mask != nullptr) {
    if (mask->element() != ElementType::kF32 && mask->element() != ElementType::kBool)
      return formatted("no kernel for a mask of {}", element_name(mask->element()));
    if (!mask->shape().is_ranked()) return "a mask of unknown rank";
  }
  const Attributes& a = node.attributes();
  if (node.num_outputs() > 3 && (!node.output(3)->users().empty() || leaves_graph(*node.output(3))))
    return "no kernel gives the scores";
  if (a.get_int("right_window_size", -1) > 0)
    return formatted("right_window_size is {}, the kernel has -1 and 0", a.get_int("right_window_size"));
  const bool windowed = a.get_int("is_causal", 0) != 0 || a.get_int("left_window_size", -1) >= 0 ||
                        a.get_int("right_window_size", -1) == 0;
  if (node.input(kValid) != nullptr && windowed)
    return "no kernel for nonpad_kv_seqlen with causal or windowed attention";
  return {};
}

// One of Q, K and V as [batch, heads, steps, size].
struct Operand {
  const void* at = nullptr;
  bool narrow = false;  // elements are bf16
  std::int64_t batch = 0, heads = 0, steps = 0, size = 0;
  std::int64_t batch_stride = 0, head_stride = 0, row_stride = 0;
};

Operand operand(const StridedView& view, const Tensor& base, std::int64_t heads) {
  const BoundView bound = bind(view, base.dims());
  Operand o;
  o.narrow = base.type() == ElementType::kBF16;
  o.at = o.narrow ? static_cast<const void*>(static_cast<const std::uint16_t*>(base.raw()) + bound.offset)
                  : base.data<float>() + bound.offset;
  o.batch = bound.extents[0];
  o.batch_stride = bound.strides[0];
  if (bound.extents.size() == 3) {
    ORIEL_REQUIRE(heads > 0 && bound.extents[2] % heads == 0, "{} heads in {} elements", heads, bound.extents[2]);
    o.heads = heads;
    o.steps = bound.extents[1];
    o.size = bound.extents[2] / heads;
    o.head_stride = o.size;
    o.row_stride = bound.strides[1];
  } else {
    o.heads = bound.extents[1];
    o.steps = bound.extents[2];
    o.size = bound.extents[3];
    o.head_stride = bound.strides[1];
    o.row_stride = bound.strides[2];
  }
  return o;
}

// Past and new rows of keys or values, all f32, as [batch, heads, past + steps, size].
void join(const Operand& now, const Tensor* past, float* to, RunContext& context) {
  const std::int64_t before = past == nullptr ? 0 : past->dim(2);
  const float* old = past == nullptr ? nullptr : past->data<float>();
  const std::int64_t total = before + now.steps;
  const std::int64_t grain = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(total * now.size, 1));
  parallel(context, now.batch * now.heads, grain, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t i = first; i < last; ++i) {
      float* out = to + i * total * now.size;
      if (before > 0) std::copy_n(old + i * before * now.size, before * now.size, out);
      out += before * now.size;
      const float* in =
          static_cast<const float*>(now.at) + i / now.heads * now.batch_stride + i % now.heads * now.head_stride;
      for (std::int64_t t = 0; t < now.steps; ++t) std::copy_n(in + t * now.row_stride, now.size, out + t * now.size);
    }
  });
}

// Makes the joined rows the operand.
void point_at(Operand& o, const float* joined, std::int64_t total) {
  o.at = joined;
  o.steps = total;
  o.row_stride = o.size;
  o.head_stride = total * o.size;
  o.batch_stride = o.heads * o.head_stride;
}

void set_mask(Attention& x, const Tensor& mask) {
  const Dims& dims = mask.dims();
  const Dims to{x.batch, x.heads, x.queries, x.keys};
  ORIEL_REQUIRE(!dims.empty() && dims.size() <= 4 && dims.back() <= x.keys, "attn_mask of shape {} for {}",
                to_string(dims), to_string(to));
  const Dims own = row_major_strides(dims);
  std::int64_t strides[3] = {0, 0, 0};
  for (std::size_t i = 0; i + 1 < dims.size(); ++i) {
    const std::size_t axis = i + 4 - dims.size();
    ORIEL_REQUIRE(dims[i] == 1 || dims[i] == to[axis], "attn_mask of shape {} for {}", to_string(dims), to_string(to));
    strides[axis] = dims[i] == 1 ? 0 : own[i];
  }
  x.mask_batch = strides[0];
  x.mask_head = strides[1];
  x.mask_row = strides[2];
  if (mask.type() == ElementType::kBool) {
    x.keep = static_cast<const std::uint8_t*>(mask.raw());
  } else {
    x.bias = mask.data<float>();
  }
  // Keys past the mask's last axis are hidden.
  x.keys = dims.back();
}

AttentionUnit layout_of(const Unit& unit) {
  if (unit.attention != nullptr) return *unit.attention;
  AttentionUnit own;
  for (std::size_t i = 0; i < 3; ++i) own.operands[i] = whole(unit.node->input(i));
  return own;
}

void lower_attention(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Attributes& a = node.attributes();
  const AttentionUnit own = layout_of(unit);
  const bool narrow_out = node.num_outputs() == 1 && is_read_narrow(lowering, unit.output, false);
  Lowering::StepSpec spec;
  for (const StridedView& v : own.operands) {
    const bool narrow = lowering.is_narrow(v.base) && attention_reads_narrow(lowering, unit, v.base, false);
    spec.inputs.push_back(narrow ? lowering.narrow(v.base) : lowering.plain(v.base));
  }
  for (std::size_t i = kMask; i <= kValid; ++i) spec.inputs.push_back(lowering.plain(node.input(i)));
  spec.outputs = {narrow_out ? lowering.narrow_output(unit.output) : lowering.plain_output(unit.output)};
  for (std::size_t i = 1; i < std::min<std::size_t>(node.num_outputs(), 3); ++i)
    spec.outputs.push_back(lowering.plain_output(node.output(i)));
  spec.kernel = lowering.bf16() ? "attention_bf16" : "attention_f32";
  spec.algorithm = "blocks of rows and keys";
  if (lowering.bf16()) spec.describe = [](StepInfo& info) { info.precision = "bf16"; };
  Attention fixed;
  fixed.bf16 = lowering.bf16();
  fixed.narrow_out = narrow_out;
  fixed.causal = a.get_int("is_causal", 0) != 0 || a.get_int("right_window_size", -1) == 0;
  fixed.window = a.get_int("left_window_size", -1) + 1;
  fixed.softcap = a.get_float("softcap", 0.0F);
  fixed.scale = a.get_float("scale", 0.0F);
  const bool scaled = a.has("scale");
  const std::int64_t q_heads = a.get_int("q_num_heads", 0);
  const std::int64_t kv_heads = a.get_int("kv_num_heads", 0);
  const bool packed = node.input(0)->shape().rank() == 3;
  spec.run = [own, fixed, scaled, packed, q_heads, kv_heads](const Inputs& inputs, OutputSink& outputs,
                                                             RunContext& context) {
    const Operand q = operand(own.operands[0], inputs[0], q_heads);
    Operand k = operand(own.operands[1], inputs[1], kv_heads);
    Operand v = operand(own.operands[2], inputs[2], kv_heads);
    ORIEL_REQUIRE(k.batch == q.batch && v.batch == q.batch && v.heads == k.heads && k.size == q.size &&
                      v.steps == k.steps && (k.heads > 0 ? q.heads % k.heads == 0 : q.heads == 0),
                  "query of {} x {} x {} x {}, key of {} x {} x {} x {} and value of {} x {} x {} x {} (batch, heads, "
                  "steps, size)",
                  q.batch, q.heads, q.steps, q.size, k.batch, k.heads, k.steps, k.size, v.batch, v.heads, v.steps,
                  v.size);
    const bool cached = inputs.has(kPastKey);
    const std::int64_t past = cached ? inputs[kPastKey].dim(2) : 0;
    if (cached) {
      const Dims wanted_key{k.batch, k.heads, past, k.size};
      const Dims wanted_value{v.batch, v.heads, past, v.size};
      ORIEL_REQUIRE(inputs[kPastKey].dims() == wanted_key && inputs[kPastValue].dims() == wanted_value,
                    "past_key of shape {} and past_value {}, expected {} and {}", to_string(inputs[kPastKey].dims()),
                    to_string(inputs[kPastValue].dims()), to_string(wanted_key), to_string(wanted_value));
    }
    Attention x = fixed;
    x.batch = q.batch;
    x.heads = q.heads;
    x.kv_heads = k.heads;
    x.queries = q.steps;
    x.keys = past + k.steps;
    x.dim = q.size;
    x.value_dim = v.size;
    x.past = past;
    if (!scaled) x.scale = 1.0F / std::sqrt(static_cast<float>(q.size));
    const std::int64_t total = x.keys;
    if (inputs.has(kMask)) set_mask(x, inputs[kMask]);
    const Dims dims = packed           ? Dims{q.batch, q.steps, q.heads * v.size}
                      : own.heads_last ? Dims{q.batch, q.steps, q.heads, v.size}
                                       : Dims{q.batch, q.heads, q.steps, v.size};
    Tensor& y = outputs.allocate(0, x.narrow_out ? ElementType::kBF16 : ElementType::kF32, dims);
    x.out = y.raw();
    x.out_batch = q.heads * q.steps * v.size;
    x.out_head = packed || own.heads_last ? v.size : q.steps * v.size;
    x.out_row = packed || own.heads_last ? q.heads * v.size : v.size;
    const auto wants = [&](std::size_t i) { return i < outputs.size() && outputs.wanted(i); };
    float* keys =
        wants(1) ? outputs.allocate(1, ElementType::kF32, {k.batch, k.heads, total, k.size}).data<float>() : nullptr;
    float* values =
        wants(2) ? outputs.allocate(2, ElementType::kF32, {v.batch, v.heads, total, v.size}).data<float>() : nullptr;
    if (x.heads == 0) return;
    // Scratch: what of the joined rows no output holds, the lengths, then each thread's own.
    const std::size_t key_bytes =
        cached && keys == nullptr
            ? round_up(static_cast<std::size_t>(k.batch * k.heads * total * k.size) * sizeof(float))
            : 0;
    const std::size_t value_bytes =
        cached && values == nullptr
            ? round_up(static_cast<std::size_t>(v.batch * v.heads * total * v.size) * sizeof(float))
            : 0;
    const std::size_t count_bytes =
        inputs.has(kValid) ? round_up(static_cast<std::size_t>(q.batch) * sizeof(std::int64_t)) : 0;
    x.narrow_q = q.narrow;
    x.narrow_k = k.narrow;
    x.narrow_v = v.narrow;
    const AttentionPlan plan = attention_plan(x, context.threads.threads());
    const std::size_t each = round_up(plan.scratch_bytes);
    char* scratch = static_cast<char*>(context.scratch(
        key_bytes + value_bytes + count_bytes + each * static_cast<std::size_t>(context.threads.threads()) + 64));
    if (key_bytes > 0) keys = reinterpret_cast<float*>(scratch);
    if (value_bytes > 0) values = reinterpret_cast<float*>(scratch + key_bytes);
    if (keys != nullptr) {
      join(k, cached ? &inputs[kPastKey] : nullptr, keys, context);
      point_at(k, keys, total);
    }
    if (values != nullptr) {
      join(v, cached ? &inputs[kPastValue] : nullptr, values, context);
      point_at(v, values, total);
    }
    if (count_bytes > 0) {
      const std::vector<std::int64_t> valid = inputs[kValid].to_i64();
      ORIEL_REQUIRE(inputs[kValid].dims() == Dims{q.batch}, "nonpad_kv_seqlen of shape {}, expected [{}]",
                    to_string(inputs[kValid].dims()), q.batch);
      for (const std::int64_t n : valid) ORIEL_REQUIRE(n >= 0 && n <= total, "{} of {} keys are valid", n, total);
      auto* counts = reinterpret_cast<std::int64_t*>(scratch + key_bytes + value_bytes);
      std::copy(valid.begin(), valid.end(), counts);
      x.key_counts = counts;
    }
    x.q = q.at;
    x.q_batch = q.batch_stride;
    x.q_head = q.head_stride;
    x.q_row = q.row_stride;
    x.k = k.at;
    x.k_batch = k.batch_stride;
    x.k_head = k.head_stride;
    x.k_row = k.row_stride;
    x.v = v.at;
    x.v_batch = v.batch_stride;
    x.v_head = v.head_stride;
    x.v_row = v.row_stride;
    char* lanes = scratch + key_bytes + value_bytes + count_bytes;
    // Neighbouring units together, but enough pieces for all threads.
    const std::int64_t grain = std::clamp<std::int64_t>(plan.units / (8 * context.threads.threads()), 1, 16);
    parallel(context, plan.units, grain, [&](std::int64_t first, std::int64_t last, int slot) {
      attention_run(plan, x, first, last, lanes + static_cast<std::size_t>(slot) * each);
    });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

// Q, K and V, unless rows of a cache join them.
bool attention_reads_narrow(const Lowering& lowering, const Unit& unit, const Value* value, bool blocked) {
  const Node& node = *unit.node;
  if (blocked || !lowering.bf16() || node.num_outputs() > 1) return false;
  for (std::size_t i = kMask; i <= kValid; ++i) {
    if (node.input(i) != nullptr && (i == kPastKey || i == kPastValue || node.input(i) == value)) return false;
  }
  const AttentionUnit own = layout_of(unit);
  return std::any_of(std::begin(own.operands), std::end(own.operands),
                     [&](const StridedView& v) { return v.base == value; });
}

std::vector<Rule> attention_rules() { return {{"Attention", decline_attention, lower_attention}}; }

}  // namespace oriel::cpu
