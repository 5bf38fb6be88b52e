// Resize: the nearest element for every type, interpolation of f32 one axis after another.
#include <cstring>

#include "devices/cpu/movement.h"
#include "ops/movement.h"
#include "ops/resize.h"

namespace oriel::cpu {
namespace {

std::string decline(const Node& node, const CompileOptions&) {
  const Attributes& a = node.attributes();
  if (a.get_string("coordinate_transformation_mode") == "tf_crop_and_resize") return "no kernel extrapolates";
  if (a.get_string("mode") != "nearest" && node.input(0)->element() != ElementType::kF32) {
    return formatted("no kernel interpolates {}", element_name(node.input(0)->element()));
  }
  return decline_moved(node);
}

std::int64_t grain_of(std::int64_t elements_a_unit) { return std::max<std::int64_t>(1, kMoveGrain / std::max<std::int64_t>(1, elements_a_unit)); }

// Rows along the last axis, each from the row that the other axes pick.
void pick(RunContext& context, const std::vector<ops::ResizeAxis>& axes, int bytes, const Tensor& x, Tensor& y) {
  const std::size_t last = axes.size() - 1;
  const Dims strides = row_major_strides(x.dims());
  const std::int64_t width = axes[last].out;
  const bool whole = axes[last].same;
  with_bytes(bytes, [&]<typename U>() {
    const auto* from = static_cast<const U*>(x.raw());
    auto* to = static_cast<U*>(y.raw());
    const std::int64_t* index = axes[last].index.data();
    parallel(context, y.size() / width, grain_of(width), [&](std::int64_t first, std::int64_t end, int) {
      for (std::int64_t row = first; row < end; ++row) {
        std::int64_t rest = row;
        const U* source = from;
        for (std::size_t a = last; a-- > 0;) {
          source += axes[a].index[static_cast<std::size_t>(rest % axes[a].out)] * strides[a];
          rest /= axes[a].out;
        }
        U* target = to + row * width;
        if (whole) {
          std::memcpy(target, source, static_cast<std::size_t>(width) * sizeof(U));
        } else {
          for (std::int64_t i = 0; i < width; ++i) target[i] = source[index[i]];
        }
      }
    });
  });
}

// One axis of [outer, axis.in, inner] interpolated.
void interpolate(RunContext& context, const ops::ResizeAxis& axis, std::int64_t outer, std::int64_t inner, const float* x, float* y) {
  parallel(context, outer * axis.out, grain_of(2 * inner), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const auto i = static_cast<std::size_t>(unit % axis.out);
      const float* plane = x + unit / axis.out * axis.in * inner;
      float* to = y + unit * inner;
      const auto first = static_cast<std::size_t>(axis.first[i]);
      const auto last = static_cast<std::size_t>(axis.first[i + 1]);
      if (inner == 1) {
        float sum = 0;
        for (std::size_t k = first; k < last; ++k) sum += axis.weight[k] * plane[axis.index[k]];
        *to = sum;
        continue;
      }
      for (std::size_t k = first; k < last; ++k) {
        const float weight = axis.weight[k];
        const float* from = plane + axis.index[k] * inner;
        if (k == first) {
          for (std::int64_t p = 0; p < inner; ++p) to[p] = weight * from[p];
        } else {
          for (std::int64_t p = 0; p < inner; ++p) to[p] += weight * from[p];
        }
      }
    }
  });
}

void interpolate_all(RunContext& context, const std::vector<ops::ResizeAxis>& axes, const Tensor& x, Tensor& y) {
  std::size_t passes = 0;
  for (const ops::ResizeAxis& axis : axes) passes += axis.same ? 0 : 1;
  if (passes == 0) return copy_bytes(context, x.raw(), y.raw(), x.bytes());
  // Between passes the array lies in one of two buffers, each as large as the largest of the arrays between.
  Dims dims = x.dims();
  std::int64_t largest = 0;
  std::size_t pass = 0;
  for (std::size_t a = axes.size(); a-- > 0;) {
    if (axes[a].same) continue;
    dims[a] = axes[a].out;
    if (++pass < passes) largest = std::max(largest, count_elements(dims));
  }
  auto* buffers = static_cast<float*>(context.scratch(static_cast<std::size_t>(2 * largest) * sizeof(float) + 1));
  dims = x.dims();
  const auto* from = static_cast<const float*>(x.raw());
  pass = 0;
  for (std::size_t a = axes.size(); a-- > 0;) {
    if (axes[a].same) continue;
    const ops::AxisSplit split = ops::split_at(dims, a);
    float* to = ++pass == passes ? static_cast<float*>(y.raw()) : buffers + (pass % 2 == 0 ? largest : 0);
    interpolate(context, axes[a], split.outer, split.inner, from, to);
    dims[a] = axes[a].out;
    from = to;
  }
}

void lower(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "resize";
  spec.algorithm = node.attributes().get_string("mode");
  const bool nearest = spec.algorithm == "nearest";
  spec.run = [nearest, bytes = fixed_bytes(node.input(0)->element())](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const std::vector<ops::ResizeAxis> axes = ops::resize_axes(inputs);
    Dims dims;
    for (const ops::ResizeAxis& axis : axes) dims.push_back(axis.out);
    Tensor& y = outputs.allocate(0, x.type(), dims);
    if (y.size() == 0) return;
    ORIEL_REQUIRE(x.size() > 0, "input {} is empty, the output {} is not", to_string(x.dims()), to_string(dims));
    if (dims.empty()) return copy_bytes(context, x.raw(), y.raw(), x.bytes());
    if (nearest) return pick(context, axes, bytes, x, y);
    interpolate_all(context, axes, x, y);
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> resize_rules() { return {{"Resize", decline, lower}}; }

}  // namespace oriel::cpu
