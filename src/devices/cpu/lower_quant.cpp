// Quantisation, and the operators on 8-bit integers that work element by element, by window or by row.
#include <algorithm>
#include <cmath>

#include "devices/cpu/quantised.h"
#include "ir/alignment.h"
#include "kernels/elementwise/broadcast.h"
#include "kernels/quant/byte_table.h"
#include "kernels/quant/quantize.h"
#include "ops/qlinear.h"

namespace oriel::cpu {
namespace {

using namespace kernels;
using ops::QLinearParameters;

constexpr std::int64_t kGrain = 32768;
constexpr std::int64_t kPiece = 1024;  // elements that pass through f32 at a time

bool one_element(const Value* v) {
  const Dim count = v->shape().elements();
  return count.is_known() && count.value() == 1;
}

/// The parameters of a run as a QuantizeShape; zeros as i32, null where there are none.
struct Granularity {
  QuantizeShape shape;
  const std::int32_t* zeros = nullptr;
};

// `stored` elements lie in memory; a blocked tensor has one scale.
Granularity granularity(const Inputs& inputs, std::int64_t stored, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& scale = inputs[1];
  Granularity g;
  if (scale.size() == 1 && scale.rank() <= 1) {
    g.shape.inner = stored;
  } else {
    const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), x.rank()));
    ORIEL_REQUIRE(scale.rank() == 1 && scale.dim(0) == x.dim(axis),
                  "a scale of shape {} does not fit the shape {} along axis {}", to_string(scale.dims()),
                  to_string(x.dims()), axis);
    g.shape.axis = x.dim(axis);
    g.shape.inner = 1;
    for (std::size_t i = 0; i < axis; ++i) g.shape.outer *= x.dim(i);
    for (std::size_t i = axis + 1; i < x.rank(); ++i) g.shape.inner *= x.dim(i);
  }
  if (inputs.has(2)) {
    const Tensor& zero = inputs[2];
    ORIEL_REQUIRE(zero.size() == scale.size(), "a zero point of shape {}, expected {}", to_string(zero.dims()),
                  to_string(scale.dims()));
    auto* zeros =
        static_cast<std::int32_t*>(context.scratch(static_cast<std::size_t>(zero.size()) * sizeof(std::int32_t) + 64));
    for (std::int64_t i = 0; i < zero.size(); ++i) zeros[i] = static_cast<std::int32_t>(element_as_i64(zero, i));
    g.zeros = zeros;
  }
  return g;
}

std::string decline_linear(const Node& node, const CompileOptions& options) {
  // Constants are computed once, readers of weights take them as they are.
  if (!options.one_step_per_node && is_folded(node.output())) return {};
  const bool forward = node.op().name == "QuantizeLinear";
  const ElementType real = forward ? node.input(0)->element() : node.output()->element();
  const ElementType narrow = forward ? node.output()->element() : node.input(0)->element();
  const bool served = is_byte(narrow) || narrow == ElementType::kU16 || narrow == ElementType::kI16 ||
                      (!forward && narrow == ElementType::kI32);
  if (!served) return formatted("no kernel for {}", element_name(narrow));
  if (real != ElementType::kF32 || node.input(1)->element() != ElementType::kF32)
    return "computed in another type than f32";
  if (node.attributes().get_int("block_size") != 0) return "one scale a block";
  if (forward && node.attributes().has("precision")) {
    const ElementType precision = node.attributes().get_element_type("precision");
    if (precision != ElementType::kF32 && precision != ElementType::kUndefined)
      return formatted("division in {}", element_name(precision));
  }
  return {};
}

// Bytes and f32 in whole blocks under one scale.
bool linear_reads_blocked(const Node& node, std::size_t input) {
  if (input != 0 || !decline_linear(node, {}).empty() || !one_element(node.input(1))) return false;
  const bool bytes = is_byte(node.input(0)->element()) || is_byte(node.output()->element());
  if (!bytes || !node.input(0)->shape().is_ranked() || node.input(0)->shape().rank() < 3) return false;
  if (whole_blocks(node.input(0)->shape())) return true;
  // An integer convolution behind it reads the bytes themselves.
  const std::vector<Node*>& users = node.output()->users();
  return node.op().name == "DequantizeLinear" && std::any_of(users.begin(), users.end(), [&](const Node* n) {
           return n->op().full_name() == "Conv" && n->input(0) == node.output();
         });
}

std::int64_t stored_elements(const Tensor& t, bool blocked) {
  return blocked ? count_elements(blocked_storage(t.dims())) : t.size();
}

void lower_linear(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  // Readers ask for the folded value.
  if (is_folded(unit.output) && !lowering.options().one_step_per_node) return;
  const bool forward = node.op().name == "QuantizeLinear";
  const ElementType type = node.output()->element();
  const Value* x = node.input(0);
  const bool blocked = lowering.is_blocked(x) && linear_reads_blocked(node, 0) && whole_blocks(x->shape());
  Lowering::StepSpec spec;
  spec.inputs = {blocked ? lowering.blocked(x) : lowering.plain(x), lowering.plain(node.input(1)),
                 lowering.plain(node.input(2))};
  spec.outputs = {blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.kernel = forward ? "quantize" : "dequantize";
  spec.algorithm = std::string(element_name(forward ? type : x->element()));
  spec.run = [forward, type, blocked](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& in = inputs[0];
    const Granularity g = granularity(inputs, stored_elements(in, blocked), context);
    const float* scales = inputs[1].data<float>();
    Tensor& out = outputs.allocate(0, type, in.dims());
    const void* from = in.raw();
    void* to = out.raw();
    parallel(context, quantize_units(g.shape), 4, [&](std::int64_t first, std::int64_t last, int) {
      if (forward) {
        quantize_f32(g.shape, type, static_cast<const float*>(from), scales, g.zeros, to, first, last);
      } else {
        dequantize_f32(g.shape, in.type(), from, scales, g.zeros, static_cast<float*>(to), first, last);
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_dynamic(const Node&, const CompileOptions&) { return {}; }

void lower_dynamic(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0))};
  for (const Value* v : node.outputs()) spec.outputs.push_back(lowering.plain_output(v));
  spec.kernel = "quantize";
  spec.algorithm = "dynamic";
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const float* from = x.data<float>();
    const int threads = context.threads.threads();
    // A line of the cache for each thread.
    constexpr int kLine = 16;
    auto* ends = static_cast<float*>(context.scratch(static_cast<std::size_t>(threads) * kLine * sizeof(float)));
    std::fill_n(ends, threads * kLine, 0.0F);
    parallel(context, x.size(), kGrain, [&](std::int64_t first, std::int64_t last, int slot) {
      float low = 0;
      float high = 0;
      range_with_zero_f32(from + first, last - first, &low, &high);
      float* mine = ends + slot * kLine;
      mine[0] = std::min(mine[0], low);
      mine[1] = std::max(mine[1], high);
    });
    float low = 0;
    float high = 0;
    for (int t = 0; t < threads; ++t) {
      low = std::min(low, ends[t * kLine]);
      high = std::max(high, ends[t * kLine + 1]);
    }
    float scale = 1.0F;
    std::int32_t zero = 0;
    if (high != low) dynamic_parameters_u8(low, high, &scale, &zero);
    QuantizeShape shape;
    shape.inner = x.size();
    void* to = outputs.allocate(0, ElementType::kU8, x.dims()).raw();
    parallel(context, quantize_units(shape), 4, [&](std::int64_t first, std::int64_t last, int) {
      quantize_f32(shape, ElementType::kU8, from, &scale, &zero, to, first, last);
    });
    if (outputs.size() > 1 && outputs.wanted(1)) *outputs.allocate(1, ElementType::kF32, {}).data<float>() = scale;
    if (outputs.size() > 2 && outputs.wanted(2))
      *outputs.allocate(2, ElementType::kU8, {}).data<std::uint8_t>() = static_cast<std::uint8_t>(zero);
  };
  lowering.step(unit, std::move(spec));
}

std::string accept(const Node&, const CompileOptions&) { return {}; }

bool bytes_in_whole_blocks(const Value* v) { return is_byte(v->element()) && whole_blocks(v->shape()); }
// The same, or with lanes beyond the channels, which whoever writes them keeps zero.
bool bytes_in_blocks(const Value* v) {
  return is_byte(v->element()) && v->shape().is_ranked() && v->shape().rank() >= 3;
}
bool unary_reads_blocked(const Node& node, std::size_t input) { return input == 0 && bytes_in_blocks(node.input(0)); }

// Zeros in the lanes beyond the channels of blocked bytes.
void clear_padding(RunContext& context, const Dims& dims, void* blocked) {
  const std::int64_t keep = dims[1] % 16;
  if (keep == 0) return;
  const Dims storage = blocked_storage(dims);
  const std::int64_t pixels = count_elements(Dims(dims.begin() + 2, dims.end()));
  auto* to = static_cast<char*>(blocked);
  parallel(context, dims[0] * pixels, kGrain / 16, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t at = (i / pixels * storage[1] + storage[1] - 1) * pixels + i % pixels;
      std::fill(to + at * 16 + keep, to + at * 16 + 16, 0);
    }
  });
}

// Runs y = table[x] on memory as it lies.
void run_table(const ByteTable& table, const Tensor& x, bool blocked, OutputSink& outputs, RunContext& context,
               ElementType type) {
  const void* from = x.raw();
  void* to = outputs.allocate(0, type, x.dims()).raw();
  parallel(context, stored_elements(x, blocked), kGrain, [&](std::int64_t first, std::int64_t last, int) {
    apply_table(table, static_cast<const char*>(from) + first, static_cast<char*>(to) + first, last - first);
  });
  if (blocked && table[0] != 0) clear_padding(context, x.dims(), to);
}

void lower_table(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Value* x = node.input(0);
  const bool blocked = lowering.is_blocked(x) && unary_reads_blocked(node, 0);
  const bool sigmoid = node.op().name == "QLinearSigmoid";
  const float alpha = sigmoid ? 0.0F : node.attributes().get_float("alpha");
  Lowering::StepSpec spec;
  spec.inputs = {blocked ? lowering.blocked(x) : lowering.plain(x)};
  for (std::size_t i = 1; i < 5; ++i) spec.inputs.push_back(lowering.plain(node.input(i)));
  spec.outputs = {blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.in_place = {0};
  spec.kernel = "byte_table";
  spec.algorithm = sigmoid ? "sigmoid" : "leaky_relu";
  spec.run = [blocked, sigmoid, alpha](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& in = inputs[0];
    const QLinearParameters from(inputs, 1);
    const QLinearParameters to(inputs, 3);
    const ElementType type = in.type();
    const ops::QuantRange range = ops::quant_range(type);
    const ByteTable table = byte_table(type, [&](std::int64_t q) {
      const float v = from.dequantize(q);
      return to.quantize(sigmoid  ? static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(v))))
                         : v >= 0 ? v
                                  : alpha * v,
                         range);
    });
    run_table(table, in, blocked, outputs, context, type);
  };
  lowering.step(unit, std::move(spec));
}

// c = a + b and c = a * b of bytes.
QLinearAdd add_of(float a_scale, std::int64_t a_zero, float b_scale, std::int64_t b_zero, float c_scale,
                  std::int64_t c_zero) {
  QLinearAdd sum;
  sum.ratio_a = a_scale / c_scale;
  sum.ratio_b = b_scale / c_scale;
  sum.fixed = static_cast<float>(c_zero) -
              std::fma(sum.ratio_a, static_cast<float>(a_zero), sum.ratio_b * static_cast<float>(b_zero));
  return sum;
}

QLinearMul mul_of(float a_scale, std::int64_t a_zero, float b_scale, std::int64_t b_zero, float c_scale,
                  std::int64_t c_zero) {
  QLinearMul product;
  product.zero_a = static_cast<std::int32_t>(a_zero);
  product.zero_b = static_cast<std::int32_t>(b_zero);
  product.factor = a_scale * b_scale / c_scale;
  product.zero = static_cast<float>(c_zero);
  return product;
}

// Operands of a binary step in dimensions of one rank.
Broadcast plan_of(const Dims& a, const Dims& b, const Dims& out) {
  const auto full = [&](const Dims& d, std::int64_t(&to)[kMaxBroadcastRank]) {
    std::fill_n(to, kMaxBroadcastRank, 1);
    for (std::size_t i = 0; i < d.size(); ++i) to[out.size() - d.size() + i] = d[i];
  };
  std::int64_t left[kMaxBroadcastRank];
  std::int64_t right[kMaxBroadcastRank];
  full(a, left);
  full(b, right);
  const std::int64_t* shapes[2] = {left, right};
  return plan_broadcast(2, static_cast<int>(out.size()), out.data(), shapes);
}

// Whether an operand has one value a channel.
bool one_a_channel(const Value* v, const Value* out) {
  const Shape& shape = v->shape();
  if (!shape.is_ranked() || shape.rank() < 3 || shape.rank() != out->shape().rank() || !bytes_in_blocks(v))
    return false;
  const auto is_one = [](const Dim& d) { return d.is_known() && d.value() == 1; };
  if (!shape[1].same(out->shape()[1]) || (!shape[0].same(out->shape()[0]) && !is_one(shape[0]))) return false;
  for (std::size_t i = 2; i < shape.rank(); ++i) {
    if (!is_one(shape[i])) return false;
  }
  return true;
}

// Blocked memory joins blocked memory of the same shape, one value a channel, or one element.
bool binary_joins_blocked(const Value* v, const Value* out) {
  return one_element(v) || (v->shape().same(out->shape()) && bytes_in_blocks(v)) || one_a_channel(v, out);
}
bool binary_blocks(const Value* a, const Value* b, const Value* out) {
  const bool both = one_a_channel(a, out) && one_a_channel(b, out);
  return !both && bytes_in_blocks(out) && binary_joins_blocked(a, out) && binary_joins_blocked(b, out);
}

std::string decline_binary(const Node& node, const CompileOptions&) {
  if (!node.output()->shape().is_ranked()) return "an operand of unknown rank";
  if (node.output()->shape().rank() >= static_cast<std::size_t>(kMaxBroadcastRank)) return "a rank above 15";
  return {};
}

bool binary_reads_blocked(const Node& node, std::size_t input) {
  return (input == 0 || input == 3) && !one_element(node.input(input)) &&
         binary_blocks(node.input(0), node.input(3), node.output());
}

// What blocked or plain operands of a binary step are in memory.
class BinaryLayout {
 public:
  BinaryLayout(const Lowering& lowering, const Value* a, const Value* b, const Value* out) {
    const Value* operands[2] = {a, b};
    for (int i = 0; i < 2; ++i) {
      single_[i] = one_element(operands[i]);
      by_channel_[i] = !single_[i] && one_a_channel(operands[i], out);
      blocked_ = blocked_ || (!by_channel_[i] && lowering.is_blocked(operands[i]));
    }
    blocked_ = blocked_ && binary_blocks(a, b, out);
  }
  int operand(Lowering& lowering, const Value* v, int i) const {
    // Without spatial extents whole blocks lie as the plain layout does.
    const bool as_it_is = by_channel_[i] && whole_blocks(v->shape()) && !lowering.is_blocked(v);
    return blocked_ && !single_[i] && !as_it_is ? lowering.blocked(v) : lowering.plain(v);
  }
  int output(Lowering& lowering, const Value* v) const {
    return blocked_ ? lowering.blocked_output(v) : lowering.plain_output(v);
  }

  /// Calls f(a, step of a, b, step of b, result, n) for runs of bytes whose operands have one step each; `to` is where
  /// the results begin.
  template <typename F>
  void run(RunContext& context, const Tensor& a, const Tensor& b, const Dims& out, char* to, F&& f) const {
    const auto at_place = [&](const char* left, int left_step, const char* right, int right_step, std::int64_t at,
                              std::int64_t n) { f(left, left_step, right, right_step, to + at, n); };
    for_each_run(context, a, b, out, at_place);
    if (blocked_) clear_padding(context, out, to);
  }

 private:
  template <typename F>
  void for_each_run(RunContext& context, const Tensor& a, const Tensor& b, const Dims& out, F&& f) const {
    const Tensor* in[2] = {&a, &b};
    const auto* left = static_cast<const char*>(a.raw());
    const auto* right = static_cast<const char*>(b.raw());
    if (blocked_ && (by_channel_[0] || by_channel_[1])) {
      const int narrow = by_channel_[0] ? 0 : 1;
      const Dims storage = blocked_storage(out);
      const std::int64_t planes = out.empty() ? 0 : storage[0] * storage[1];
      const std::int64_t run = planes == 0 ? 0 : count_elements(storage) / planes;
      const std::int64_t cuts = (run + kCut - 1) / kCut;
      parallel(context, planes * cuts, std::max<std::int64_t>(1, kGrain / kCut),
               [&](std::int64_t first, std::int64_t last, int) {
                 char pattern[256];
                 for (std::int64_t u = first; u < last; ++u) {
                   const std::int64_t plane = u / cuts;
                   const std::int64_t begin = u % cuts * kCut;
                   const std::int64_t end = std::min(run, begin + kCut);
                   const char* values =
                       (narrow == 0 ? left : right) + (in[narrow]->dim(0) == 1 ? plane % storage[1] : plane) * kBlock;
                   for (std::size_t i = 0; i < sizeof pattern; i += kBlock) std::copy_n(values, kBlock, pattern + i);
                   const auto step = static_cast<std::int64_t>(sizeof pattern);
                   for (std::int64_t i = begin; i < end; i += step) {
                     const std::int64_t at = plane * run + i;
                     const std::int64_t n = std::min(end - i, step);
                     // The other operand is one element or lies like the result.
                     const bool one = single_[1 - narrow];
                     const char* other = (narrow == 0 ? right : left) + (one ? 0 : at);
                     if (narrow == 0) {
                       f(pattern, 1, other, one ? 0 : 1, at, n);
                     } else {
                       f(other, one ? 0 : 1, pattern, 1, at, n);
                     }
                   }
                 }
               });
      return;
    }
    const Dims storage = blocked_ ? blocked_storage(out) : out;
    const auto dims_of = [&](int i) { return !blocked_ ? in[i]->dims() : single_[i] ? Dims{} : storage; };
    const Broadcast plan = plan_of(dims_of(0), dims_of(1), storage);
    const int steps[2] = {static_cast<int>(plan.stride[0][plan.rank - 1]),
                          static_cast<int>(plan.stride[1][plan.rank - 1])};
    parallel(context, plan.elements, kGrain, [&](std::int64_t first, std::int64_t last, int) {
      for_each_row(plan, first, last, [&](const std::int64_t(&from)[3], std::int64_t at, std::int64_t n) {
        f(left + from[0], steps[0], right + from[1], steps[1], at, n);
      });
    });
  }

  static constexpr std::int64_t kBlock = 16;
  static constexpr std::int64_t kCut = 4096;

  bool blocked_ = false;
  bool single_[2] = {false, false};
  bool by_channel_[2] = {false, false};
};

void lower_binary(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const BinaryLayout layout(lowering, node.input(0), node.input(3), node.output());
  const bool add = node.op().name == "QLinearAdd";
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < 8; ++i) {
    spec.inputs.push_back(i == 0 || i == 3 ? layout.operand(lowering, node.input(i), i == 0 ? 0 : 1)
                                           : lowering.plain(node.input(i)));
  }
  spec.outputs = {layout.output(lowering, unit.output)};
  spec.in_place = {0, 3};
  spec.kernel = "qlinear";
  spec.algorithm = add ? "add" : "mul";
  spec.run = [add, layout](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const Tensor& y = inputs[3];
    ORIEL_REQUIRE(x.type() == y.type(), "operands of types {} and {}", element_name(x.type()), element_name(y.type()));
    const QLinearParameters a(inputs, 1);
    const QLinearParameters b(inputs, 4);
    const QLinearParameters c(inputs, 6);
    const QLinearAdd sum = add_of(a.scale, a.zero_point, b.scale, b.zero_point, c.scale, c.zero_point);
    const QLinearMul product = mul_of(a.scale, a.zero_point, b.scale, b.zero_point, c.scale, c.zero_point);
    const Dims dims = broadcast(x.dims(), y.dims());
    const ElementType type = x.type();
    auto* to = static_cast<char*>(outputs.allocate(0, type, dims).raw());
    layout.run(context, x, y, dims, to,
               [&](const char* left, int left_step, const char* right, int right_step, char* z, std::int64_t n) {
                 if (add) {
                   qlinear_add(type, left, left_step, right, right_step, sum, z, n);
                 } else {
                   qlinear_mul(type, left, left_step, right, right_step, product, z, n);
                 }
               });
  };
  lowering.step(unit, std::move(spec));
}

// An operator of f32 between bytes, a piece at a time: dequantised, computed and quantised as the three nodes would.
void lower_float_binary(Lowering& lowering, const Unit& unit) {
  const std::shared_ptr<const QuantisedUnit> q = unit.quantised;
  const BinaryLayout layout(lowering, q->operands[0], q->operands[1], unit.output);
  Lowering::StepSpec spec;
  for (int i = 0; i < 2; ++i)
    spec.inputs.push_back(layout.operand(lowering, q->operands[static_cast<std::size_t>(i)], i));
  spec.outputs = {layout.output(lowering, unit.output)};
  spec.in_place = {0, 1};
  spec.kernel = "quantised_binary";
  spec.algorithm = unit.node->op().name;
  const ElementType type = unit.output->element();
  spec.run = [q, layout, type](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const Tensor& y = inputs[1];
    const Dims dims = broadcast(x.dims(), y.dims());
    auto* to = static_cast<char*>(outputs.allocate(0, type, dims).raw());
    const bool like = x.type() == type && y.type() == type;
    if (like && (q->op == BinaryOp::kAdd || q->op == BinaryOp::kSub)) {
      const QLinearAdd sum = add_of(q->scales[0], q->zeros[0], q->op == BinaryOp::kSub ? -q->scales[1] : q->scales[1],
                                    q->zeros[1], q->scales[2], q->zeros[2]);
      return layout.run(context, x, y, dims, to,
                        [&](const char* left, int left_step, const char* right, int right_step, char* z,
                            std::int64_t n) { qlinear_add(type, left, left_step, right, right_step, sum, z, n); });
    }
    if (like && q->op == BinaryOp::kMul) {
      const QLinearMul product =
          mul_of(q->scales[0], q->zeros[0], q->scales[1], q->zeros[1], q->scales[2], q->zeros[2]);
      return layout.run(context, x, y, dims, to,
                        [&](const char* left, int left_step, const char* right, int right_step, char* z,
                            std::int64_t n) { qlinear_mul(type, left, left_step, right, right_step, product, z, n); });
    }
    const ElementType types[2] = {x.type(), y.type()};
    layout.run(context, x, y, dims, to,
               [&](const char* left, int left_step, const char* right, int right_step, char* z, std::int64_t count) {
                 const char* from[2] = {left, right};
                 const int steps[2] = {left_step, right_step};
                 float real[3][kPiece];
                 for (std::int64_t done = 0; done < count; done += kPiece) {
                   const std::int64_t n = std::min(kPiece, count - done);
                   Broadcast piece;
                   piece.operands = 2;
                   piece.extent[0] = n;
                   piece.elements = n;
                   for (int i = 0; i < 2; ++i) {
                     piece.stride[i][0] = steps[i];
                     QuantizeShape shape;
                     shape.inner = steps[i] == 0 ? 1 : n;
                     dequantize_f32(shape, types[i], from[i] + done * steps[i], &q->scales[static_cast<std::size_t>(i)],
                                    &q->zeros[static_cast<std::size_t>(i)], real[i], 0, quantize_units(shape));
                   }
                   binary(q->op, ElementType::kF32, piece, real[0], real[1], real[2], 0, n);
                   QuantizeShape shape;
                   shape.inner = n;
                   quantize_f32(shape, type, real[2], &q->scales[2], &q->zeros[2], z + done, 0, quantize_units(shape));
                 }
               });
  };
  lowering.step(unit, std::move(spec));
}

// Joins bytes along an axis, each part copied or mapped; `parts` by operand `first`, first + stride, ...
void run_concat(const Inputs& inputs, std::size_t first, std::size_t stride, const ConcatPart* parts,
                std::int64_t wanted_axis, bool blocked, OutputSink& outputs, RunContext& context, ElementType type) {
  Dims dims = inputs[first].dims();
  const auto axis = static_cast<std::size_t>(normalize_axis(wanted_axis, dims.size()));
  for (std::size_t i = first + stride; i < inputs.size(); i += stride) {
    const Tensor& x = inputs[i];
    bool fits = x.rank() == dims.size();
    for (std::size_t d = 0; fits && d < dims.size(); ++d) fits = d == axis || x.dim(d) == dims[d];
    ORIEL_REQUIRE(fits, "input {} is {}, which does not fit {}", i, x.description(), inputs[first].description());
    dims[axis] += x.dim(axis);
  }
  auto* to = static_cast<char*>(outputs.allocate(0, type, dims).raw());
  const Dims storage = blocked ? blocked_storage(dims) : dims;
  std::int64_t outer = 1;
  std::int64_t inner = 1;
  for (std::size_t d = 0; d < axis; ++d) outer *= storage[d];
  for (std::size_t d = axis + 1; d < storage.size(); ++d) inner *= storage[d];
  const std::int64_t extent = storage[axis];
  std::int64_t begin = 0;
  for (std::size_t i = first, part = 0; i < inputs.size(); i += stride, ++part) {
    const Tensor& x = inputs[i];
    const std::int64_t own = blocked && axis == 1 ? x.dim(1) / 16 : x.dim(axis);
    const std::int64_t run = own * inner;
    const auto* from = static_cast<const char*>(x.raw());
    const ConcatPart& p = parts[part];
    parallel(context, outer * run, kGrain, [&](std::int64_t head, std::int64_t tail, int) {
      while (head < tail) {
        const std::int64_t row = head / run;
        const std::int64_t at = head % run;
        const std::int64_t n = std::min(tail - head, run - at);
        char* place = to + (row * extent + begin) * inner + at;
        if (p.copy) {
          std::copy_n(from + head, n, place);
        } else {
          apply_table(p.table, from + head, place, n);
        }
        head += n;
      }
    });
    begin += own;
  }
}

bool concat_blocks(const std::vector<const Value*>& operands) {
  return std::all_of(operands.begin(), operands.end(), bytes_in_whole_blocks);
}

std::vector<const Value*> concat_operands(const Node& node) {
  std::vector<const Value*> operands;
  for (std::size_t i = 2; i < node.num_inputs(); i += 3) operands.push_back(node.input(i));
  return operands;
}

bool any_blocked(const Lowering& lowering, const std::vector<const Value*>& operands) {
  return std::any_of(operands.begin(), operands.end(), [&](const Value* v) { return lowering.is_blocked(v); });
}

bool concat_reads_blocked(const Node& node, std::size_t input) {
  return input >= 2 && input % 3 == 2 && concat_blocks(concat_operands(node));
}

std::string decline_concat(const Node& node, const CompileOptions&) {
  for (std::size_t i = 0; i < node.num_inputs(); ++i) {
    if (i < 2 || i % 3 != 2) {
      if (!fixed_operand(node.input(i))) return "scales or zero points that are no constants";
    }
  }
  return {};
}

QLinearParameters parameters_of(const Node& node, std::size_t i) {
  const Datum scale(aligned(*node.input(i)->constant()));
  const Datum zero = node.input(i + 1) != nullptr ? Datum(*node.input(i + 1)->constant()) : Datum();
  const Datum* operands[2] = {&scale, &zero};
  return QLinearParameters(Inputs(node.attributes(), operands, 2), 0);
}

void lower_concat(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const std::vector<const Value*> operands = concat_operands(node);
  const bool blocked = any_blocked(lowering, operands) && concat_blocks(operands);
  const ElementType type = node.output()->element();
  const ops::QuantRange range = ops::quant_range(type);
  const QLinearParameters to = parameters_of(node, 0);
  auto parts = std::make_shared<std::vector<ConcatPart>>();
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const QLinearParameters from = parameters_of(node, 3 * i + 3);
    ConcatPart part;
    part.copy = from.scale == to.scale && from.zero_point == to.zero_point;
    if (!part.copy)
      part.table = byte_table(type, [&](std::int64_t x) { return to.quantize(from.dequantize(x), range); });
    parts->push_back(part);
    spec.inputs.push_back(blocked ? lowering.blocked(operands[i]) : lowering.plain(operands[i]));
  }
  spec.outputs = {blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.kernel = "byte_concat";
  spec.algorithm = blocked ? "blocked" : "plain";
  spec.run = [parts, blocked, type, axis = node.attributes().get_int("axis")](const Inputs& inputs, OutputSink& outputs,
                                                                              RunContext& context) {
    run_concat(inputs, 0, 1, parts->data(), axis, blocked, outputs, context, type);
  };
  lowering.step(unit, std::move(spec));
}

void lower_unit_concat(Lowering& lowering, const Unit& unit) {
  const std::shared_ptr<const QuantisedUnit> q = unit.quantised;
  const bool blocked = any_blocked(lowering, q->operands) && concat_blocks(q->operands);
  Lowering::StepSpec spec;
  for (const Value* v : q->operands) spec.inputs.push_back(blocked ? lowering.blocked(v) : lowering.plain(v));
  spec.outputs = {blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.kernel = "byte_concat";
  spec.algorithm = blocked ? "blocked" : "plain";
  spec.run = [q, blocked, type = unit.output->element()](const Inputs& inputs, OutputSink& outputs,
                                                         RunContext& context) {
    run_concat(inputs, 0, 1, q->parts.data(), q->axis, blocked, outputs, context, type);
  };
  lowering.step(unit, std::move(spec));
}

void lower_unit_table(Lowering& lowering, const Unit& unit) {
  const std::shared_ptr<const QuantisedUnit> q = unit.quantised;
  const Value* x = q->operands[0];
  const bool blocked = lowering.is_blocked(x) && bytes_in_blocks(x) && x->shape().same(unit.output->shape());
  Lowering::StepSpec spec;
  spec.inputs = {blocked ? lowering.blocked(x) : lowering.plain(x)};
  spec.outputs = {blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.in_place = {0};
  spec.kernel = "byte_table";
  spec.algorithm = unit.node->op().name;
  spec.run = [q, blocked, type = unit.output->element()](const Inputs& inputs, OutputSink& outputs,
                                                         RunContext& context) {
    run_table(q->table, inputs[0], blocked, outputs, context, type);
  };
  lowering.step(unit, std::move(spec));
}

template <typename T>
std::int64_t sum_of(const T* x, std::int64_t n, std::int64_t step) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i * step];
  return sum;
}

bool global_reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && node.attributes().get_int("channels_last") == 0 && bytes_in_whole_blocks(node.input(0));
}

void lower_global_average(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Value* v = node.input(0);
  const bool blocked = lowering.is_blocked(v) && global_reads_blocked(node, 0);
  const bool last = node.attributes().get_int("channels_last") != 0;
  Lowering::StepSpec spec;
  spec.inputs = {blocked ? lowering.blocked(v) : lowering.plain(v)};
  for (std::size_t i = 1; i < 5; ++i) spec.inputs.push_back(lowering.plain(node.input(i)));
  // Without spatial extents whole blocks lie as the plain layout does.
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "qlinear";
  spec.algorithm = "global_average";
  spec.run = [blocked, last](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() >= 3, "input of shape {}, expected rank 3 or more", to_string(x.dims()));
    const QLinearParameters from(inputs, 1);
    const QLinearParameters to(inputs, 3);
    Dims dims = x.dims();
    std::int64_t size = 1;
    for (std::size_t i = last ? 1 : 2; i + (last ? 1 : 0) < x.rank(); ++i) {
      size *= dims[i];
      dims[i] = 1;
    }
    ORIEL_REQUIRE(size > 0, "input of shape {} has no elements to average", to_string(x.dims()));
    const std::int64_t step = blocked ? 16 : last ? dims.back() : 1;
    const float factor = from.scale / (to.scale * static_cast<float>(size));
    const ops::QuantRange range = ops::quant_range(x.type());
    Tensor& y = outputs.allocate(0, x.type(), dims);
    auto* out = static_cast<std::uint8_t*>(y.raw());
    parallel(context, y.size(), 4, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t o = begin; o < end; ++o) {
        const std::int64_t base = o / step * size * step + o % step;
        const std::int64_t sum = x.type() == ElementType::kU8
                                     ? sum_of(static_cast<const std::uint8_t*>(x.raw()) + base, size, step)
                                     : sum_of(static_cast<const std::int8_t*>(x.raw()) + base, size, step);
        const float scaled = static_cast<float>(ops::wrap_i32(sum - from.zero_point * size)) * factor;
        out[o] = static_cast<std::uint8_t>(ops::quantize(scaled, to.zero_point, range));
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

// Softmax of bytes; `flatten` takes all axes from `axis` on as one.
void run_softmax(const Tensor& x, std::int64_t wanted_axis, bool flatten, float from_scale, ElementType type,
                 float to_scale, std::int64_t to_zero, OutputSink& outputs, RunContext& context) {
  const auto axis = static_cast<std::size_t>(normalize_axis(wanted_axis, std::max<std::size_t>(x.rank(), 1)));
  std::int64_t extent = x.rank() == 0 ? 1 : x.dim(axis);
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < x.rank(); ++d) (flatten ? extent : inner) *= x.dim(d);
  const ops::QuantRange range = ops::quant_range(type);
  const auto* in = static_cast<const std::uint8_t*>(x.raw());
  auto* out = static_cast<std::uint8_t*>(outputs.allocate(0, type, x.dims()).raw());
  if (x.size() == 0) return;
  // By how far an element lies below the largest.
  double powers[256];
  for (int i = 0; i < 256; ++i) powers[i] = std::exp(static_cast<double>(-i) * static_cast<double>(from_scale));
  const int flip = x.type() == ElementType::kI8 ? 0x80 : 0;
  parallel(context, x.size() / extent, std::max<std::int64_t>(1, 1024 / extent),
           [&](std::int64_t begin, std::int64_t end, int) {
             std::uint8_t results[256];
             for (std::int64_t row = begin; row < end; ++row) {
               const std::int64_t base = row / inner * extent * inner + row % inner;
               int largest = 0;
               for (std::int64_t i = 0; i < extent; ++i) largest = std::max(largest, in[base + i * inner] ^ flip);
               double sum = 0;
               for (std::int64_t i = 0; i < extent; ++i) sum += powers[largest - (in[base + i * inner] ^ flip)];
               const auto result = [&](int below) {
                 return static_cast<std::uint8_t>(
                     ops::quantize(powers[below] / sum / static_cast<double>(to_scale), to_zero, range));
               };
               // A long row sees every byte often.
               const bool tabled = extent > 256;
               for (int i = 0; tabled && i < 256; ++i) results[i] = result(i);
               for (std::int64_t i = 0; i < extent; ++i) {
                 const int below = largest - (in[base + i * inner] ^ flip);
                 out[base + i * inner] = tabled ? results[below] : result(below);
               }
             }
           });
}

void lower_softmax(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool flatten = node.attributes().get_int("opset") < 13;
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < 5; ++i) spec.inputs.push_back(lowering.plain(node.input(i)));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "qlinear";
  spec.algorithm = "softmax";
  spec.run = [flatten](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const QLinearParameters from(inputs, 1);
    const QLinearParameters to(inputs, 3);
    run_softmax(inputs[0], inputs.attributes().get_int("axis"), flatten, from.scale, inputs[0].type(), to.scale,
                to.zero_point, outputs, context);
  };
  lowering.step(unit, std::move(spec));
}

// The same for rows of neighbours.
void run_softmax_rows(const QuantisedUnit& q, const Tensor& x, std::int64_t extent, ElementType type,
                      OutputSink& outputs, RunContext& context) {
  const auto* in = static_cast<const std::uint8_t*>(x.raw());
  auto* out = static_cast<std::uint8_t*>(outputs.allocate(0, type, x.dims()).raw());
  if (x.size() == 0) return;
  ByteSoftmax f;
  for (int i = 0; i < 256; ++i)
    f.powers[i] = static_cast<float>(std::exp(static_cast<double>(-i) * static_cast<double>(q.scales[0])));
  f.x_signed = x.type() == ElementType::kI8;
  f.y_signed = type == ElementType::kI8;
  f.y_scale = q.scales[1];
  f.y_zero = q.zeros[1];
  parallel(context, x.size() / extent, std::max<std::int64_t>(1, 8192 / extent),
           [&](std::int64_t begin, std::int64_t end, int) {
             for (std::int64_t row = begin; row < end; ++row)
               byte_softmax(f, in + row * extent, out + row * extent, extent);
           });
}

void lower_unit_softmax(Lowering& lowering, const Unit& unit) {
  const std::shared_ptr<const QuantisedUnit> q = unit.quantised;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(q->operands[0])};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "byte_softmax";
  spec.run = [q, type = unit.output->element()](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    // Shorter rows do not repay a table.
    constexpr std::int64_t kLongRow = 24;
    if (x.rank() > 0 && normalize_axis(q->axis, x.rank()) == static_cast<std::int64_t>(x.rank()) - 1 &&
        x.dims().back() >= kLongRow) {
      return run_softmax_rows(*q, x, x.dims().back(), type, outputs, context);
    }
    run_softmax(inputs[0], q->axis, false, q->scales[0], type, q->scales[1], q->zeros[1], outputs, context);
  };
  lowering.step(unit, std::move(spec));
}

class OneResult final : public OutputSink {
 public:
  explicit OneResult(std::size_t size) : results_(size) {}
  std::size_t size() const override { return results_.size(); }
  bool wanted(std::size_t i) const override { return i == 0; }
  Tensor& allocate(std::size_t i, ElementType type, const Dims& dims) override {
    results_[i] = Datum(Tensor::allocate(type, dims));
    return results_[i].tensor();
  }
  void set(std::size_t i, Datum value) override { results_[i] = std::move(value); }
  Tensor take() { return results_[0].tensor(); }

 private:
  std::vector<Datum> results_;
};

}  // namespace

std::vector<std::int32_t> constant_zeros(const Value* value) {
  if (value == nullptr) return {0};
  std::vector<std::int32_t> zeros;
  const Tensor& t = *value->constant();
  for (std::int64_t i = 0; i < t.size(); ++i) zeros.push_back(static_cast<std::int32_t>(element_as_i64(t, i)));
  return zeros;
}

Tensor all_bytes(ElementType type) {
  Tensor t = Tensor::allocate(type, {256});
  auto* p = static_cast<std::uint8_t*>(t.raw());
  for (int i = 0; i < 256; ++i) p[i] = static_cast<std::uint8_t>(i);
  return t;
}

Tensor evaluate(const Node& node, const std::vector<const Tensor*>& operands) {
  std::vector<Datum> data;
  for (const Tensor* t : operands) data.push_back(t == nullptr ? Datum() : Datum(aligned(*t)));
  std::vector<const Datum*> pointers;
  for (std::size_t i = 0; i < data.size(); ++i) pointers.push_back(operands[i] == nullptr ? nullptr : &data[i]);
  OneResult sink(node.num_outputs());
  RunContext context;
  node.op().reference(Inputs(node.attributes(), pointers.data(), pointers.size()), sink, context);
  return sink.take();
}

void apply_table(const ByteTable& table, const void* x, void* y, std::int64_t n) { map_bytes(table.data(), x, y, n); }

void lower_quantised(Lowering& lowering, const Unit& unit) {
  switch (unit.quantised->kind) {
    case QuantisedUnit::Kind::kTable:
      return lower_unit_table(lowering, unit);
    case QuantisedUnit::Kind::kBinary:
      return lower_float_binary(lowering, unit);
    case QuantisedUnit::Kind::kConcat:
      return lower_unit_concat(lowering, unit);
    case QuantisedUnit::Kind::kConv:
      return lower_quantised_conv(lowering, unit);
    case QuantisedUnit::Kind::kProduct:
      return lower_quantised_product(lowering, unit);
    case QuantisedUnit::Kind::kDynamic:
      return unit.node->op().name == "ConvInteger" ? lower_quantised_conv(lowering, unit)
                                                   : lower_quantised_product(lowering, unit);
    case QuantisedUnit::Kind::kAverage:
      return lower_quantised_average(lowering, unit);
    case QuantisedUnit::Kind::kSoftmax:
      return lower_unit_softmax(lowering, unit);
    case QuantisedUnit::Kind::kWeightOnly:
      return lower_weight_only(lowering, unit);
  }
}

std::vector<Rule> quant_rules() {
  std::vector<Rule> rules = {
      {"QuantizeLinear", decline_linear, lower_linear, linear_reads_blocked},
      {"DequantizeLinear", decline_linear, lower_linear, linear_reads_blocked},
      {"DynamicQuantizeLinear", decline_dynamic, lower_dynamic},
      {"com.microsoft.QLinearSigmoid", accept, lower_table, unary_reads_blocked},
      {"com.microsoft.QLinearLeakyRelu", accept, lower_table, unary_reads_blocked},
      {"com.microsoft.QLinearAdd", decline_binary, lower_binary, binary_reads_blocked},
      {"com.microsoft.QLinearMul", decline_binary, lower_binary, binary_reads_blocked},
      {"com.microsoft.QLinearConcat", decline_concat, lower_concat, concat_reads_blocked},
      {"com.microsoft.QLinearGlobalAveragePool", accept, lower_global_average, global_reads_blocked},
      {"com.microsoft.QLinearSoftmax", accept, lower_softmax}};
  for (const std::vector<Rule>& list : {quant_conv_rules(), quant_matmul_rules(), weight_only_rules()})
    rules.insert(rules.end(), list.begin(), list.end());
  return rules;
}

}  // namespace oriel::cpu
