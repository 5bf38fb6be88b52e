// Resize: the nearest element for every type, interpolation of f32 one axis after another.
#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>

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

std::int64_t grain_of(std::int64_t elements_a_unit) {
  return std::max<std::int64_t>(1, kMoveGrain / std::max<std::int64_t>(1, elements_a_unit));
}

using AxisTables = std::vector<ops::ResizeAxis>;

// Axis tables by what they follow from: the dimensions of operand 0 and the elements of the others. Runs share it.
class TableCache {
 public:
  std::shared_ptr<const AxisTables> find(const Inputs& inputs) {
    Entry wanted;
    wanted.dims = inputs[0].dims();
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      if (!inputs.has(i)) continue;
      const auto* bytes = static_cast<const unsigned char*>(inputs[i].raw());
      wanted.operands.push_back(static_cast<unsigned char>(i));
      for (std::size_t b = 0; b < inputs[i].bytes(); ++b) wanted.operands.push_back(bytes[b]);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::size_t i = 0; i < recent_.size(); ++i) {
      if (!(recent_[i].dims == wanted.dims) || !(recent_[i].operands == wanted.operands)) continue;
      std::rotate(recent_.begin(), recent_.begin() + static_cast<std::ptrdiff_t>(i),
                  recent_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      return recent_.front().tables;
    }
    wanted.tables = std::make_shared<const AxisTables>(ops::resize_axes(inputs));
    if (recent_.size() == kKept) recent_.pop_back();
    recent_.insert(recent_.begin(), wanted);
    return wanted.tables;
  }

 private:
  // As many shapes as a program keeps plans for.
  static constexpr std::size_t kKept = 8;
  struct Entry {
    Dims dims;
    SmallVector<unsigned char, 128> operands;
    std::shared_ptr<const AxisTables> tables;
  };
  std::mutex mutex_;
  std::vector<Entry> recent_;  // most recent first
};

/// n >= 2 where every element is picked n times in a row, else 0.
std::int64_t repeats_of(const ops::ResizeAxis& axis, std::int64_t in) {
  const std::int64_t n = in > 0 && axis.out % in == 0 ? axis.out / in : 0;
  for (std::int64_t i = 0; n >= 2 && i < axis.out; ++i) {
    if (axis.index[static_cast<std::size_t>(i)] != i / n) return 0;
  }
  return n >= 2 ? n : 0;
}

template <typename U>
void repeat_each(const U* from, std::int64_t count, std::int64_t n, U* to) {
  if (n == 2) {
    for (std::int64_t i = 0; i < count; ++i) to[2 * i] = to[2 * i + 1] = from[i];
    return;
  }
  for (std::int64_t i = 0; i < count; ++i, to += n) {
    for (std::int64_t j = 0; j < n; ++j) to[j] = from[i];
  }
}

// Rows along the last axis, each from the row that the other axes pick; a row like the one before it is copied from
// there.
void pick(RunContext& context, const AxisTables& axes, int bytes, const Tensor& x, Tensor& y) {
  const std::size_t last = axes.size() - 1;
  const Dims strides = row_major_strides(x.dims());
  const std::int64_t width = axes[last].out;
  const bool whole = axes[last].same;
  const std::int64_t repeats = whole ? 0 : repeats_of(axes[last], x.dim(last));
  with_bytes(bytes, [&]<typename U>() {
    const auto* from = static_cast<const U*>(x.raw());
    auto* to = static_cast<U*>(y.raw());
    const std::int64_t* index = axes[last].index.data();
    parallel(context, y.size() / width, grain_of(width), [&](std::int64_t first, std::int64_t end, int) {
      const U* before = nullptr;
      for (std::int64_t row = first; row < end; ++row) {
        std::int64_t rest = row;
        const U* source = from;
        for (std::size_t a = last; a-- > 0;) {
          source += axes[a].index[static_cast<std::size_t>(rest % axes[a].out)] * strides[a];
          rest /= axes[a].out;
        }
        U* target = to + row * width;
        if (whole || source == before) {
          const U* copied = whole ? source : target - width;
          std::memcpy(target, copied, static_cast<std::size_t>(width) * sizeof(U));
        } else if (repeats != 0) {
          repeat_each(source, width / repeats, repeats, target);
        } else {
          for (std::int64_t i = 0; i < width; ++i) target[i] = source[index[i]];
        }
        before = source;
      }
    });
  });
}

// The last axis of [lines, axis.in] interpolated.
void interpolate_lines(RunContext& context, const ops::ResizeAxis& axis, std::int64_t lines, const float* x, float* y) {
  bool pairs = true;
  for (std::size_t i = 0; i < static_cast<std::size_t>(axis.out); ++i)
    pairs = pairs && axis.first[i + 1] - axis.first[i] == 2;
  parallel(context, lines, grain_of(2 * axis.out), [&](std::int64_t begin, std::int64_t end, int) {
    const std::int64_t* index = axis.index.data();
    const float* weight = axis.weight.data();
    for (std::int64_t line = begin; line < end; ++line) {
      const float* from = x + line * axis.in;
      float* to = y + line * axis.out;
      if (pairs) {
        for (std::int64_t i = 0; i < axis.out; ++i)
          to[i] = weight[2 * i] * from[index[2 * i]] + weight[2 * i + 1] * from[index[2 * i + 1]];
        continue;
      }
      for (std::int64_t i = 0; i < axis.out; ++i) {
        float sum = 0;
        for (std::int64_t k = axis.first[static_cast<std::size_t>(i)]; k < axis.first[static_cast<std::size_t>(i) + 1];
             ++k)
          sum += weight[k] * from[index[k]];
        to[i] = sum;
      }
    }
  });
}

// One axis of [outer, axis.in, inner] interpolated.
void interpolate(RunContext& context, const ops::ResizeAxis& axis, std::int64_t outer, std::int64_t inner,
                 const float* x, float* y) {
  if (inner == 1) return interpolate_lines(context, axis, outer, x, y);
  parallel(context, outer * axis.out, grain_of(2 * inner), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const auto i = static_cast<std::size_t>(unit % axis.out);
      const float* plane = x + unit / axis.out * axis.in * inner;
      float* to = y + unit * inner;
      const auto first = static_cast<std::size_t>(axis.first[i]);
      const auto last = static_cast<std::size_t>(axis.first[i + 1]);
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

// Axes in the order of their passes: those that shrink go first, so that later passes have less to do, and the last
// axis, whose elements are gathered one by one, comes where the array is smallest.
Dims passes_of(const AxisTables& axes) {
  Dims order;
  const auto count = static_cast<std::int64_t>(axes.size());
  for (std::int64_t a = 0; a < count; ++a) {
    const ops::ResizeAxis& axis = axes[static_cast<std::size_t>(a)];
    if (!axis.same && axis.out < axis.in) order.push_back(a);
  }
  for (std::int64_t a = count; a-- > 0;) {
    const ops::ResizeAxis& axis = axes[static_cast<std::size_t>(a)];
    if (!axis.same && axis.out >= axis.in) order.push_back(a);
  }
  return order;
}

void interpolate_all(RunContext& context, const AxisTables& axes, const Tensor& x, Tensor& y) {
  const Dims order = passes_of(axes);
  if (order.empty()) return copy_bytes(context, x.raw(), y.raw(), x.bytes());
  // Between passes the array lies in one of two buffers, each as large as the largest of the arrays between.
  Dims dims = x.dims();
  std::int64_t largest = 0;
  for (std::size_t pass = 0; pass + 1 < order.size(); ++pass) {
    const auto a = static_cast<std::size_t>(order[pass]);
    dims[a] = axes[a].out;
    largest = std::max(largest, count_elements(dims));
  }
  auto* buffers = static_cast<float*>(context.scratch(static_cast<std::size_t>(2 * largest) * sizeof(float) + 1));
  dims = x.dims();
  const auto* from = static_cast<const float*>(x.raw());
  for (std::size_t pass = 0; pass < order.size(); ++pass) {
    const auto a = static_cast<std::size_t>(order[pass]);
    const ops::AxisSplit split = ops::split_at(dims, a);
    float* to = pass + 1 == order.size() ? static_cast<float*>(y.raw()) : buffers + (pass % 2 == 0 ? 0 : largest);
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
  const auto cache = std::make_shared<TableCache>();
  spec.run = [cache, nearest, bytes = fixed_bytes(node.input(0)->element())](const Inputs& inputs, OutputSink& outputs,
                                                                             RunContext& context) {
    const Tensor& x = inputs[0];
    const std::shared_ptr<const AxisTables> tables = cache->find(inputs);
    const AxisTables& axes = *tables;
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
