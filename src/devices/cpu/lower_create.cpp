// Operators that create elements, and those that rearrange pixels, triangles and running sums.
#include <cstring>

#include "devices/cpu/movement.h"
#include "kernels/reduce/running_sum.h"
#include "ops/elementwise.h"
#include "ops/range.h"

namespace oriel::cpu {
namespace {

Lowering::StepSpec plain_spec(Lowering& lowering, const Unit& unit, std::string kernel) {
  Lowering::StepSpec spec;
  for (const Value* v : unit.node->inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = std::move(kernel);
  return spec;
}

bool is_number(ElementType type) {
  return (is_integer(type) && !is_sub_byte(type)) || type == ElementType::kF32 || type == ElementType::kF64 ||
         type == ElementType::kF16 || type == ElementType::kBF16;
}

std::string decline_numbers(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return is_number(type) ? std::string() : formatted("no kernel for {}", element_name(type));
}

void lower_range(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = plain_spec(lowering, unit, "range");
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    for (std::size_t i = 0; i < 3; ++i) {
      ORIEL_REQUIRE(inputs[i].size() == 1, "input {} is {}, expected a scalar", i, inputs[i].description());
    }
    ops::dispatch_numeric(inputs[0].type(), [&]<typename T>() {
      const auto start = ops::widen(*inputs[0].data<T>());
      const auto delta = ops::widen(*inputs[2].data<T>());
      const std::int64_t count = ops::range_count(start, ops::widen(*inputs[1].data<T>()), delta);
      T* out = outputs.allocate(0, inputs[0].type(), {count}).template data<T>();
      parallel(context, count, kMoveGrain, [&](std::int64_t first, std::int64_t last, int) {
        if constexpr (std::is_integral_v<T>) {
          using U = std::uint64_t;
          const auto step = static_cast<U>(delta);
          U value = static_cast<U>(start) + step * static_cast<U>(first);
          for (std::int64_t i = first; i < last; ++i, value += step) out[i] = static_cast<T>(value);
        } else {
          for (std::int64_t i = first; i < last; ++i) out[i] = ops::narrow<T>(start + delta * static_cast<double>(i));
        }
      });
    });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_constant(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  return fixed_bytes(type) > 0 ? std::string() : formatted("no kernel for {}", element_name(type));
}

void lower_constant_of_shape(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = plain_spec(lowering, unit, "fill");
  spec.run = [value = unit.node->attributes().get_tensor("value")](const Inputs& inputs, OutputSink& outputs,
                                                                   RunContext& context) {
    const Dims dims = read_integers(inputs[0]);
    ORIEL_REQUIRE(std::all_of(dims.begin(), dims.end(), [](std::int64_t d) { return d >= 0; }), "the shape is {}",
                  to_string(dims));
    Tensor& out = outputs.allocate(0, value.type(), dims);
    fill_elements(context, out.raw(), out.size(), fixed_bytes(value.type()), value.raw());
  };
  lowering.step(unit, std::move(spec));
}

std::string accept(const Node&, const CompileOptions&) { return {}; }

void lower_shape(Lowering& lowering, const Unit& unit) {
  const Attributes& a = unit.node->attributes();
  Lowering::StepSpec spec = plain_spec(lowering, unit, "shape");
  spec.run = [start = a.get_int("start", 0), end = a.get_int("end", kUnboundedDim)](const Inputs& inputs,
                                                                                    OutputSink& outputs, RunContext&) {
    const Dims& dims = inputs[0].dims();
    const auto rank = static_cast<std::int64_t>(dims.size());
    const auto inside = [rank](std::int64_t v) { return std::clamp<std::int64_t>(v < 0 ? v + rank : v, 0, rank); };
    const std::int64_t first = inside(start);
    const std::int64_t last = std::max(first, inside(end));
    Tensor& out = outputs.allocate(0, ElementType::kI64, {last - first});
    std::copy(dims.begin() + first, dims.begin() + last, out.data<std::int64_t>());
  };
  lowering.step(unit, std::move(spec));
}

void lower_size(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec = plain_spec(lowering, unit, "size");
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext&) {
    *outputs.allocate(0, ElementType::kI64, {}).data<std::int64_t>() = inputs[0].size();
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_bytes(const Node& node, const CompileOptions&) { return decline_moved(node); }

void lower_pixels(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool to_space = node.op().name == "DepthToSpace";
  Lowering::StepSpec spec = plain_spec(lowering, unit, "pixel_shuffle");
  spec.algorithm = node.attributes().get_string("mode");
  const bool slow_block = spec.algorithm == "DCR";
  spec.run = [to_space, slow_block, b = ops::pixel_block(node.attributes()),
              bytes = fixed_bytes(node.input(0)->element())](const Inputs& inputs, OutputSink& outputs,
                                                             RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() == 4, "input has the shape {}, expected rank 4", to_string(x.dims()));
    const std::int64_t n = x.dim(0);
    // Channels and pixels of the deep side.
    const std::int64_t kept = to_space ? x.dim(1) / (b * b) : x.dim(1);
    const std::int64_t h = to_space ? x.dim(2) : x.dim(2) / b;
    const std::int64_t w = to_space ? x.dim(3) : x.dim(3) / b;
    ORIEL_REQUIRE(to_space ? kept * b * b == x.dim(1) : h * b == x.dim(2) && w * b == x.dim(3),
                  "input {} for blocks of {}", to_string(x.dims()), b);
    const Dims dims = to_space ? Dims{n, kept, h * b, w * b} : Dims{n, kept * b * b, h, w};
    Tensor& y = outputs.allocate(0, x.type(), dims);
    if (y.size() == 0) return;
    const std::int64_t plane = h * w;
    const std::int64_t extent[6] = {n, kept, h, b, w, b};
    const std::int64_t channel = slow_block ? plane : plane * b * b;
    const std::int64_t place = slow_block ? plane * kept : plane;
    const std::int64_t deep[6] = {plane * b * b * kept, channel, w, place * b, 1, place};
    const std::int64_t wide[6] = {plane * b * b * kept, plane * b * b, b * w * b, w * b, b, 1};
    Region region;
    for (int i = 0; i < 6; ++i) region.add(extent[i], to_space ? deep[i] : wide[i], to_space ? wide[i] : deep[i]);
    region.copy(context, bytes, x.raw(), y.raw());
  };
  lowering.step(unit, std::move(spec));
}

void lower_trilu(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "trilu");
  spec.run = [upper = node.attributes().get_bool("upper"), bytes = fixed_bytes(node.input(0)->element())](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() >= 2, "input has the shape {}, expected matrices", to_string(x.dims()));
    const std::int64_t rows = x.dim(x.rank() - 2);
    const std::int64_t columns = x.dim(x.rank() - 1);
    const std::int64_t k = std::clamp(inputs.has(1) ? read_integer(inputs[1]) : 0, -rows - 1, columns + 1);
    Tensor& y = outputs.allocate(0, x.type(), x.dims());
    if (y.size() == 0) return;
    const auto* from = static_cast<const char*>(x.raw());
    auto* to = static_cast<char*>(y.raw());
    parallel(context, y.size() / columns, std::max<std::int64_t>(1, kMoveGrain / columns),
             [&](std::int64_t first, std::int64_t last, int) {
               for (std::int64_t row = first; row < last; ++row) {
                 const std::int64_t diagonal = row % rows + k;
                 const std::int64_t begin = upper ? std::clamp<std::int64_t>(diagonal, 0, columns) : 0;
                 const std::int64_t end = upper ? columns : std::clamp<std::int64_t>(diagonal + 1, 0, columns);
                 const std::int64_t base = row * columns;
                 std::memset(at(to, base, bytes), 0, static_cast<std::size_t>(begin * bytes));
                 std::memcpy(at(to, base + begin, bytes), at(from, base + begin, bytes),
                             static_cast<std::size_t>((end - begin) * bytes));
                 std::memset(at(to, base + end, bytes), 0, static_cast<std::size_t>((columns - end) * bytes));
               }
             });
  };
  lowering.step(unit, std::move(spec));
}

void lower_cum_sum(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec = plain_spec(lowering, unit, "cum_sum");
  spec.run = [exclusive = node.attributes().get_bool("exclusive"), reverse = node.attributes().get_bool("reverse")](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const auto axis = static_cast<std::size_t>(normalize_axis(read_integer(inputs[1]), x.rank()));
    const ops::AxisSplit split = ops::split_at(x.dims(), axis);
    Tensor& out = outputs.allocate(0, x.type(), x.dims());
    if (x.size() == 0) return;
    ops::dispatch_numeric(x.type(), [&]<typename T>() {
      // Integers wrap around.
      using Sum = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
      const T* in = x.data<T>();
      T* y = out.data<T>();
      const auto extent = split.extent;
      const auto inner = split.inner;
      // A unit is up to kLines neighbouring lines, which advance together.
      constexpr std::int64_t kLines = 128;
      const std::int64_t groups = (inner + kLines - 1) / kLines;
      const std::int64_t unit_elements = extent * std::min(inner, kLines);
      parallel(context, split.outer * groups, std::max<std::int64_t>(1, kMoveGrain / unit_elements),
               [&](std::int64_t first, std::int64_t last, int) {
                 for (std::int64_t unit = first; unit < last; ++unit) {
                   const std::int64_t begin = unit % groups * kLines;
                   const std::int64_t lines = std::min(kLines, inner - begin);
                   const std::int64_t base = unit / groups * extent * inner + begin;
                   Sum sums[kLines] = {};
                   for (std::int64_t k = 0; k < extent; ++k) {
                     const std::int64_t here = base + (reverse ? extent - 1 - k : k) * inner;
                     const T* from = in + here;
                     T* to = y + here;
                     if constexpr (std::is_same_v<T, float>) {
                       constexpr std::int64_t kVector = 8;
                       if (lines >= kVector) {
                         kernels::running_sum_f32(exclusive, from, sums, to, lines);
                         continue;
                       }
                     }
                     for (std::int64_t j = 0; j < lines; ++j) {
                       const Sum next = sums[j] + static_cast<Sum>(ops::widen(from[j]));
                       to[j] = ops::narrow<T>(exclusive ? sums[j] : next);
                       sums[j] = next;
                     }
                   }
                 }
               });
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_eye_like(Lowering& lowering, const Unit& unit) {
  const ElementType type = unit.output->element();
  Tensor one = Tensor::allocate(type, {1});
  store_element(one, 0, 1);
  Lowering::StepSpec spec = plain_spec(lowering, unit, "eye_like");
  spec.run = [one, k = unit.node->attributes().get_int("k"), bytes = fixed_bytes(type)](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() == 2, "input has the shape {}, expected a matrix", to_string(x.dims()));
    Tensor& out = outputs.allocate(0, one.type(), x.dims());
    char* to = static_cast<char*>(out.raw());
    const std::int64_t columns = x.dim(1);
    parallel(context, x.dim(0), std::max<std::int64_t>(1, kMoveGrain / std::max<std::int64_t>(1, columns)),
             [&](std::int64_t first, std::int64_t last, int) {
               std::memset(at(to, first * columns, bytes), 0,
                           static_cast<std::size_t>((last - first) * columns * bytes));
               for (std::int64_t row = first; row < last; ++row) {
                 if (k < -row || k >= columns - row) continue;
                 std::memcpy(at(to, row * columns + row + k, bytes), one.raw(), static_cast<std::size_t>(bytes));
               }
             });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> create_rules() {
  std::vector<Rule> rules;
  rules.push_back({"Range", decline_numbers, lower_range});
  rules.push_back({"ConstantOfShape", decline_constant, lower_constant_of_shape});
  rules.push_back({"EyeLike", decline_constant, lower_eye_like});
  rules.push_back({"Shape", accept, lower_shape});
  rules.push_back({"Size", accept, lower_size});
  rules.push_back({"DepthToSpace", decline_bytes, lower_pixels});
  rules.push_back({"SpaceToDepth", decline_bytes, lower_pixels});
  rules.push_back({"Trilu", decline_bytes, lower_trilu});
  rules.push_back({"CumSum", decline_numbers, lower_cum_sum});
  return rules;
}

}  // namespace oriel::cpu
