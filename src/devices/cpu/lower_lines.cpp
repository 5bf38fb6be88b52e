// Operators along one axis: Hardmax, LpNormalization, CumProd; and the rotation of pairs in RotaryEmbedding.
#include <cmath>

#include "devices/cpu/movement.h"
#include "kernels/reduce/reduce.h"
#include "ops/elementwise.h"
#include "ops/movement.h"

namespace oriel::cpu {
namespace {

std::string decline_f32(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return type == ElementType::kF32 ? std::string() : formatted("no kernel for {}", element_name(type));
}

/// Calls line(x, y, extent, stride) for every line of x along the axis.
template <typename T, typename Line>
void each_line(RunContext& context, const Tensor& x, std::int64_t axis, Tensor& out, Line&& line) {
  // A scalar is a line of one element.
  const Dims dims = x.rank() == 0 ? Dims{1} : x.dims();
  const ops::AxisSplit split = ops::split_at(dims, static_cast<std::size_t>(normalize_axis(axis, dims.size())));
  if (x.size() == 0) return;
  const T* from = x.data<T>();
  T* to = out.data<T>();
  parallel(context, split.outer * split.inner, std::max<std::int64_t>(1, kMoveGrain / split.extent),
           [&](std::int64_t first, std::int64_t last, int) {
             for (std::int64_t l = first; l < last; ++l) {
               const std::int64_t base = l / split.inner * split.extent * split.inner + l % split.inner;
               line(from + base, to + base, split.extent, split.inner);
             }
           });
}

Lowering::StepSpec spec_of(Lowering& lowering, const Unit& unit, std::string kernel) {
  Lowering::StepSpec spec;
  for (const Value* v : unit.node->inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = std::move(kernel);
  return spec;
}

/// The first of the greatest elements, among which NaN counts only where it stands first.
std::int64_t greatest(const float* x, std::int64_t extent, std::int64_t stride) {
  std::int64_t best = 0;
  for (std::int64_t k = 1; k < extent; ++k) best = x[k * stride] > x[best * stride] ? k : best;
  return best;
}

void lower_hardmax(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = spec_of(lowering, unit, "hardmax_f32");
  spec.run = [axis = unit.node->attributes().get_int("axis")](const Inputs& inputs, OutputSink& outputs,
                                                              RunContext& context) {
    const Tensor& x = inputs[0];
    Tensor& out = outputs.allocate(0, ElementType::kF32, x.dims());
    if (x.size() == 0) return;
    const Dims dims = x.rank() == 0 ? Dims{1} : x.dims();
    const ops::AxisSplit split = ops::split_at(dims, static_cast<std::size_t>(normalize_axis(axis, dims.size())));
    const std::int64_t lines = split.outer * split.inner;
    auto* best = static_cast<std::int64_t*>(context.scratch(static_cast<std::size_t>(lines) * sizeof(std::int64_t)));
    const float* from = x.data<float>();
    float* to = out.data<float>();
    const std::int64_t grain = std::max<std::int64_t>(1, kMoveGrain / split.extent);
    parallel(context, lines, grain, [&](std::int64_t first, std::int64_t last, int) {
      kernels::arg_extreme(true, false, ElementType::kF32, split.extent, split.inner, from, best, first, last);
    });
    const auto base_of = [&](std::int64_t l) { return l / split.inner * split.extent * split.inner + l % split.inner; };
    const float zero = 0;
    fill_elements(context, to, out.size(), sizeof(float), &zero);
    for (std::int64_t l = 0; l < lines; ++l) {
      const float* line = from + base_of(l);
      if (std::isnan(line[best[l] * split.inner])) best[l] = greatest(line, split.extent, split.inner);
      to[base_of(l) + best[l] * split.inner] = 1.0F;
    }
  };
  lowering.step(unit, std::move(spec));
}

void lower_lp_normalization(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = spec_of(lowering, unit, "lp_normalization_f32");
  const Attributes& a = unit.node->attributes();
  spec.run = [axis = a.get_int("axis"), euclidean = a.get_int("p") == 2](const Inputs& inputs, OutputSink& outputs,
                                                                         RunContext& context) {
    Tensor& out = outputs.allocate(0, ElementType::kF32, inputs[0].dims());
    each_line<float>(context, inputs[0], axis, out,
                     [euclidean](const float* x, float* y, std::int64_t extent, std::int64_t stride) {
                       // Sums of every fourth element, which do not wait for each other.
                       double sums[4] = {};
                       const auto term = [=](std::int64_t k) {
                         const double v = x[k * stride];
                         return euclidean ? v * v : std::fabs(v);
                       };
                       std::int64_t k = 0;
                       for (; k + 4 <= extent; k += 4) {
                         for (std::int64_t j = 0; j < 4; ++j) sums[j] += term(k + j);
                       }
                       for (; k < extent; ++k) sums[0] += term(k);
                       const double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
                       const double norm = euclidean ? std::sqrt(sum) : sum;
                       const auto factor = static_cast<float>(norm == 0 ? 0.0 : 1.0 / norm);
                       for (k = 0; k < extent; ++k) y[k * stride] = x[k * stride] * factor;
                     });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_numbers(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  const bool known = (is_integer(type) && !is_sub_byte(type)) || type == ElementType::kF32 || type == ElementType::kF64;
  return known ? std::string() : formatted("no kernel for {}", element_name(type));
}

void lower_cum_prod(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = spec_of(lowering, unit, "cum_prod");
  const Attributes& a = unit.node->attributes();
  spec.run = [exclusive = a.get_bool("exclusive"), reverse = a.get_bool("reverse")](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    Tensor& out = outputs.allocate(0, inputs[0].type(), inputs[0].dims());
    ops::dispatch_numeric(inputs[0].type(), [&]<typename T>() {
      each_line<T>(context, inputs[0], read_integer(inputs[1]), out,
                   [=](const T* x, T* y, std::int64_t extent, std::int64_t stride) {
                     ops::Wide<T> product(1);
                     for (std::int64_t k = 0; k < extent; ++k) {
                       const std::int64_t at = (reverse ? extent - 1 - k : k) * stride;
                       const ops::Wide<T> next = ops::wrapping_multiply(product, ops::widen(x[at]));
                       y[at] = ops::narrow<T>(exclusive ? product : next);
                       product = next;
                     }
                   });
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_rotary(const Node& node, const CompileOptions&) {
  for (const std::size_t i : {0, 1, 2}) {
    if (node.input(i)->element() != ElementType::kF32)
      return formatted("no kernel for {}", element_name(node.input(i)->element()));
  }
  return {};
}

void lower_rotary(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = spec_of(lowering, unit, "rotary_f32");
  const Attributes& a = unit.node->attributes();
  spec.run = [num_heads = a.get_int("num_heads", 0), given = a.get_int("rotary_embedding_dim"),
              interleaved = a.get_int("interleaved") != 0](const Inputs& inputs, OutputSink& outputs,
                                                           RunContext& context) {
    const Tensor& x = inputs[0];
    const bool packed = x.rank() == 3;
    ORIEL_REQUIRE(packed || x.rank() == 4, "input of shape {}, expected a rank of 3 or 4", to_string(x.dims()));
    const std::int64_t batch = x.dim(0);
    const std::int64_t heads = packed ? num_heads : x.dim(1);
    ORIEL_REQUIRE(!packed || (heads > 0 && heads <= x.dim(2) && x.dim(2) % heads == 0), "{} heads in {} elements",
                  heads, x.dim(2));
    const std::int64_t steps = packed ? x.dim(1) : x.dim(2);
    const std::int64_t head = packed ? x.dim(2) / heads : x.dim(3);
    const std::int64_t rotated = given == 0 ? head : given;
    ORIEL_REQUIRE(rotated >= 0 && rotated <= head && rotated % 2 == 0, "{} of {} elements are rotated", rotated, head);
    const std::int64_t half = rotated / 2;
    const bool by_id = inputs.has(3);
    for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
      const Dims& dims = inputs[i].dims();
      const bool fits =
          by_id ? dims.size() == 2 && dims[1] == half && dims == inputs[1].dims() : dims == Dims{batch, steps, half};
      ORIEL_REQUIRE(fits, "input {} of shape {} for {} images of {} positions with {} angles", i, to_string(dims),
                    batch, steps, half);
    }
    ORIEL_REQUIRE(!by_id || inputs[3].dims() == Dims({batch, steps}), "position_ids of shape {}, expected [{}, {}]",
                  to_string(inputs[3].dims()), batch, steps);
    const std::int64_t* ids = by_id ? inputs[3].data<std::int64_t>() : nullptr;
    for (std::int64_t i = 0; by_id && i < batch * steps; ++i) {
      ORIEL_REQUIRE(ids[i] >= 0 && ids[i] < inputs[1].dim(0), "position {} outside {}", ids[i], inputs[1].dim(0));
    }
    const float* cosines = inputs[1].data<float>();
    const float* sines = inputs[2].data<float>();
    const float* from = x.data<float>();
    Tensor& out = outputs.allocate(0, ElementType::kF32, x.dims());
    float* to = out.data<float>();
    parallel(context, batch * steps * heads, std::max<std::int64_t>(1, kMoveGrain / std::max<std::int64_t>(1, head)),
             [&](std::int64_t first, std::int64_t last, int) {
               for (std::int64_t unit = first; unit < last; ++unit) {
                 // Units follow memory: [batch, steps, heads] where packed, else [batch, heads, steps].
                 const std::int64_t b = unit / (steps * heads);
                 const std::int64_t s = packed ? unit / heads % steps : unit % steps;
                 const std::int64_t row = (by_id ? ids[b * steps + s] : b * steps + s) * half;
                 const float* in = from + unit * head;
                 float* y = to + unit * head;
                 if (interleaved) {
                   for (std::int64_t i = 0; i < half; ++i) {
                     y[2 * i] = cosines[row + i] * in[2 * i] - sines[row + i] * in[2 * i + 1];
                     y[2 * i + 1] = sines[row + i] * in[2 * i] + cosines[row + i] * in[2 * i + 1];
                   }
                 } else {
                   for (std::int64_t i = 0; i < half; ++i) {
                     y[i] = cosines[row + i] * in[i] - sines[row + i] * in[half + i];
                     y[half + i] = sines[row + i] * in[i] + cosines[row + i] * in[half + i];
                   }
                 }
                 std::copy(in + rotated, in + head, y + rotated);
               }
             });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> line_rules() {
  return {{"Hardmax", decline_f32, lower_hardmax},
          {"LpNormalization", decline_f32, lower_lp_normalization},
          {"CumProd", decline_numbers, lower_cum_prod},
          {"RotaryEmbedding", decline_rotary, lower_rotary}};
}

}  // namespace oriel::cpu
