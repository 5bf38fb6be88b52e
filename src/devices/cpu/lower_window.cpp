// Windows over plain tensors: DeformConv as samples and products, and the sums of Col2Im.
#include <cstring>

#include "devices/cpu/movement.h"
#include "devices/cpu/rule_groups.h"
#include "kernels/detect/weigh_rows.h"
#include "kernels/gemm/gemm_f32.h"
#include "ops/col2_im.h"
#include "ops/deform_conv.h"
#include "ops/elementwise.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

// DeformConv

constexpr std::size_t kMostAxes = 3;
constexpr int kMostTaps = 1 << kMostAxes;

std::string decline_deform(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  if (type != ElementType::kF32) return formatted("no kernel for {}", element_name(type));
  const Shape& shape = node.input(0)->shape();
  if (!shape.is_ranked() || shape.rank() > kMostAxes + 2) return "kernels have 1 to 3 spatial axes";
  return {};
}

/// Neighbours of a place and their shares of `scale`, nothing outside; index counts floats. Returns how many.
int neighbours(const double* place, const Dims& in, const Dims& strides, float scale, std::int64_t (&index)[kMostTaps],
               float (&weight)[kMostTaps]) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!(place[i] > -1.0 && place[i] < static_cast<double>(in[i]))) return 0;
  }
  int count = 1;
  index[0] = 0;
  weight[0] = scale;
  for (std::size_t i = 0; i < in.size(); ++i) {
    auto low = static_cast<std::int64_t>(place[i]);
    if (place[i] < static_cast<double>(low)) --low;
    const auto part = static_cast<float>(place[i] - static_cast<double>(low));
    const bool has_high = part != 0 && low + 1 < in[i];
    const int before = count;
    for (int j = 0; j < before; ++j) {
      if (low < 0) {
        weight[j] *= part;
        continue;
      }
      index[j] += low * strides[i];
      if (has_high) {
        index[count] = index[j] + strides[i];
        weight[count++] = weight[j] * part;
      }
      weight[j] *= 1 - part;
    }
  }
  return count;
}

/// The weights of one group as rows of [taps][channels].
void rows_of_group(const float* w, std::int64_t features, std::int64_t channels, std::int64_t taps, float* rows) {
  for (std::int64_t m = 0; m < features; ++m) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t t = 0; t < taps; ++t) rows[(m * taps + t) * channels + c] = w[(m * channels + c) * taps + t];
    }
  }
}

/// One call of DeformConv: a block of points is sampled into rows [taps][channels] for every group, which the packed
/// weights then multiply.
struct DeformRun {
  const ops::DeformGeometry& g;
  const Inputs& inputs;
  std::int64_t channels;  ///< of a group
  std::int64_t features;  ///< of a group
  std::int64_t points;    ///< of a block
  const float* image;     ///< [batch][pixels][all channels]

  std::int64_t depth() const { return channels * g.taps; }

  /// Samples of points [first, last) of image n into rows [group][points][taps][channels].
  void sample(std::int64_t n, std::int64_t first, std::int64_t last, float* rows) const {
    const std::size_t rank = g.in.size();
    const auto axes = static_cast<std::int64_t>(rank);
    const std::int64_t all = channels * g.group;
    const std::int64_t shared = all / g.offset_group;
    Dims strides = row_major_strides(g.in);
    for (std::int64_t& s : strides) s *= all;
    const float* x = image + n * g.in_size * all;
    const float* shifts = inputs[2].data<float>();
    const float* mask = inputs.has(4) ? inputs[4].data<float>() : nullptr;
    const Dims start = ops::unravel(first, g.out);
    for (std::int64_t o = 0; o < g.offset_group; ++o) {
      Dims k(rank, 0);
      for (std::int64_t t = 0; t < g.taps; ++t, ops::advance(k, g.window.kernel)) {
        const std::int64_t plane = (n * g.offset_group + o) * g.taps + t;
        const float* shift = shifts + plane * axes * g.out_size;
        Dims at = start;
        for (std::int64_t p = first; p < last; ++p, ops::advance(at, g.out)) {
          double place[kMostAxes];
          for (std::size_t i = 0; i < rank; ++i) {
            const std::int64_t regular =
                at[i] * g.window.strides[i] + k[i] * g.window.dilations[i] - g.window.pads_begin[i];
            place[i] = static_cast<double>(regular) +
                       static_cast<double>(shift[static_cast<std::int64_t>(i) * g.out_size + p]);
          }
          std::int64_t index[kMostTaps];
          float weight[kMostTaps];
          const float scale = mask == nullptr ? 1.0F : mask[plane * g.out_size + p];
          const int count = neighbours(place, g.in, strides, scale, index, weight);
          // Runs of channels that share both the offset and the group.
          for (std::int64_t c = o * shared; c < (o + 1) * shared;) {
            const std::int64_t group = c / channels;
            const std::int64_t end = std::min((o + 1) * shared, (group + 1) * channels);
            float* to = rows + ((group * points + p - first) * g.taps + t) * channels + c - group * channels;
            weigh_rows(x + c, index, weight, count, end - c, to);
            c = end;
          }
        }
      }
    }
  }
};

void lower_deform(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Tensor* constant = lowering.folded(node.input(1));
  const std::int64_t groups = node.attributes().get_int("group");
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "deform_conv_f32";
  std::vector<std::shared_ptr<const PackedWeights>> packed;
  if (constant != nullptr && constant->size() > 0 && constant->rank() >= 3 && constant->dim(0) % groups == 0) {
    const std::int64_t features = constant->dim(0) / groups;
    const std::int64_t channels = constant->dim(1);
    const std::int64_t taps = constant->size() / (constant->dim(0) * channels);
    for (std::int64_t i = 0; i < groups; ++i) {
      Tensor rows = Tensor::allocate(ElementType::kF32, {features, taps * channels});
      rows_of_group(constant->data<float>() + i * rows.size(), features, channels, taps, rows.data<float>());
      packed.push_back(lowering.weights().add(gemm_form(rows, true)));
      spec.packed_bytes += static_cast<std::int64_t>(packed.back()->size());
    }
  }
  spec.algorithm = packed.empty() ? "unpacked" : "packed";
  spec.run = [packed](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const ops::DeformGeometry g(inputs);
    const Tensor& x = inputs[0];
    const Tensor& w = inputs[1];
    Tensor& y = outputs.allocate(0, ElementType::kF32, g.dims);
    if (y.size() == 0) return;
    DeformRun run{g, inputs, w.dim(1), w.dim(0) / g.group, 0, nullptr};
    const std::int64_t depth = run.depth();
    constexpr std::int64_t kRoom = 1 << 15;
    run.points = std::clamp<std::int64_t>(kRoom / std::max<std::int64_t>(1, depth * g.group), 56, 224);
    GemmF32Problem problem;
    problem.n = run.features;
    problem.k = depth;
    problem.m = run.points;
    GemmF32Problem rest = problem;
    rest.m = g.out_size % run.points;
    const std::size_t own = std::max(gemm_f32_plan(problem).scratch_bytes, gemm_f32_plan(rest).scratch_bytes);

    const auto round = [](std::int64_t floats) {
      return (static_cast<std::size_t>(floats) * sizeof(float) + 63) / 64 * 64;
    };
    const std::size_t image_bytes = round(x.size());
    const std::size_t form = packed.empty() ? (gemm_f32_packed_bytes(run.features, depth) + 63) / 64 * 64 : 0;
    const std::size_t form_bytes = packed.empty() ? form * static_cast<std::size_t>(g.group) + round(w.size()) : 0;
    const std::size_t row_bytes = round(g.group * run.points * depth);
    const std::size_t product_bytes = round(run.points * w.dim(0));
    const std::size_t slot_bytes = row_bytes + product_bytes + (own + 63) / 64 * 64 + 64;
    char* scratch = static_cast<char*>(
        context.scratch(image_bytes + form_bytes + slot_bytes * static_cast<std::size_t>(context.threads.threads())));
    auto* image = reinterpret_cast<float*>(scratch);
    run.image = image;
    char* forms = scratch + image_bytes;
    char* slots = forms + form_bytes;

    const std::int64_t extent[3] = {x.dim(0), x.dim(1), g.in_size};
    const int order[3] = {0, 2, 1};
    const StridedCopy last_channels = plan_transpose(3, extent, order, sizeof(float));
    parallel(context, last_channels.units, 1, [&](std::int64_t first, std::int64_t last, int) {
      strided_copy(last_channels, x.raw(), image, first, last);
    });
    if (packed.empty()) {
      auto* rows = reinterpret_cast<float*>(forms + form * static_cast<std::size_t>(g.group));
      const std::int64_t size = run.features * depth;
      for (std::int64_t i = 0; i < g.group; ++i) {
        rows_of_group(w.data<float>() + i * size, run.features, run.channels, g.taps, rows + i * size);
        gemm_f32_pack(rows + i * size, depth, true, run.features, depth, 0, gemm_f32_panels(run.features),
                      reinterpret_cast<float*>(forms + form * static_cast<std::size_t>(i)));
      }
      context.check();
    }
    const float* bias = inputs.has(3) ? inputs[3].data<float>() : nullptr;
    float* to = y.data<float>();
    const std::int64_t blocks = (g.out_size + run.points - 1) / run.points;
    parallel(context, x.dim(0) * blocks, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
      char* room = slots + slot_bytes * static_cast<std::size_t>(slot);
      auto* rows = reinterpret_cast<float*>(room);
      auto* products = reinterpret_cast<float*>(room + row_bytes);
      for (std::int64_t u = begin; u < end; ++u) {
        const std::int64_t n = u / blocks;
        const std::int64_t first = u % blocks * run.points;
        const std::int64_t last = std::min(first + run.points, g.out_size);
        run.sample(n, first, last, rows);
        GemmF32Problem block = problem;
        block.m = last - first;
        const GemmF32Plan plan = gemm_f32_plan(block);
        for (std::int64_t i = 0; i < g.group; ++i) {
          GemmF32Operands o;
          o.a = rows + i * run.points * depth;
          o.lda = depth;
          o.b = packed.empty() ? reinterpret_cast<const float*>(forms + form * static_cast<std::size_t>(i))
                               : static_cast<const float*>(packed[static_cast<std::size_t>(i)]->data());
          o.c = products + i * run.features;
          o.ldc = w.dim(0);
          o.column_bias = bias == nullptr ? nullptr : bias + i * run.features;
          gemm_f32_run(plan, o, 0, plan.units, room + row_bytes + product_bytes);
        }
        const std::int64_t shape[2] = {w.dim(0), block.m};
        const std::int64_t from[2] = {1, w.dim(0)};
        const std::int64_t into[2] = {g.out_size, 1};
        const StridedCopy back = plan_strided_copy(2, shape, from, into, sizeof(float));
        strided_copy(back, products, to + n * w.dim(0) * g.out_size + first, 0, back.units);
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

// Col2Im

std::string decline_columns(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  const bool known = type == ElementType::kF32 || type == ElementType::kF64 || type == ElementType::kBool ||
                     (is_integer(type) && !is_sub_byte(type));
  return known ? std::string() : formatted("no kernel for {}", element_name(type));
}

/// Columns that are added to neighbouring pixels, or to every `step`-th one.
struct ColumnRun {
  std::int64_t from;
  std::int64_t to;
  std::int64_t count;
};

/// The runs of a plane, one for every element of a block and row of blocks, into `runs`; returns how many.
std::int64_t column_runs(const ops::Window& window, const Dims& image, const Dims& counts, ColumnRun* runs) {
  const std::size_t last = image.size() - 1;
  const Dims strides = row_major_strides(image);
  const Dims rows(counts.begin(), counts.end() - 1);
  const std::int64_t row_count = count_elements(rows);
  const std::int64_t elements = count_elements(window.kernel);
  const std::int64_t stride = window.strides[last];
  std::int64_t made = 0;
  Dims element(image.size(), 0);
  for (std::int64_t e = 0; e < elements; ++e, ops::advance(element, window.kernel)) {
    const std::int64_t shift = element[last] * window.dilations[last] - window.pads_begin[last];
    // Blocks of a row that fall inside: 0 <= b * stride + shift < extent.
    const std::int64_t begin = shift < 0 ? (-shift + stride - 1) / stride : 0;
    const std::int64_t room = image[last] - shift;
    const std::int64_t end = std::min(counts[last], room <= 0 ? 0 : (room + stride - 1) / stride);
    if (begin >= end) continue;
    Dims row(rows.size(), 0);
    for (std::int64_t r = 0; r < row_count; ++r, ops::advance(row, rows)) {
      std::int64_t at = begin * stride + shift;
      bool inside = true;
      for (std::size_t i = 0; i < last && inside; ++i) {
        const std::int64_t p = row[i] * window.strides[i] - window.pads_begin[i] + element[i] * window.dilations[i];
        inside = p >= 0 && p < image[i];
        at += p * strides[i];
      }
      if (inside) runs[made++] = {(e * row_count + r) * counts[last] + begin, at, end - begin};
    }
  }
  return made;
}

/// Integers wrap.
template <typename T>
T plus(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  } else {
    return a + b;
  }
}

template <typename T>
void add_columns(const ColumnRun* runs, std::int64_t count, std::int64_t step, const T* from, T* to) {
  for (const ColumnRun* r = runs; r != runs + count; ++r) {
    const T* x = from + r->from;
    T* y = to + r->to;
    if (step == 1) {
      for (std::int64_t i = 0; i < r->count; ++i) y[i] = plus(y[i], x[i]);
    } else {
      for (std::int64_t i = 0; i < r->count; ++i) y[i * step] = plus(y[i * step], x[i]);
    }
  }
}

void lower_columns(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec;
  for (const Value* v : unit.node->inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "col2im";
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const ops::ColumnGeometry g(inputs);
    Tensor& y = outputs.allocate(0, x.type(), g.dims);
    if (y.size() == 0) return;
    std::memset(y.raw(), 0, y.bytes());
    if (x.size() == 0) return;
    auto* runs =
        static_cast<ColumnRun*>(context.scratch(static_cast<std::size_t>(g.elements * g.blocks) * sizeof(ColumnRun)));
    const std::int64_t count = column_runs(g.window, g.image, g.counts, runs);
    const std::int64_t step = g.window.strides.back();
    const std::int64_t columns = g.elements * g.blocks;
    const std::int64_t pixels = count_elements(g.image);
    const auto add = [&]<typename T>() {
      const T* from = x.data<T>();
      T* to = y.data<T>();
      parallel(context, x.dim(0) * g.channels, std::max<std::int64_t>(1, kMoveGrain / columns),
               [&](std::int64_t first, std::int64_t last, int) {
                 for (std::int64_t p = first; p < last; ++p)
                   add_columns(runs, count, step, from + p * columns, to + p * pixels);
               });
    };
    if (x.type() == ElementType::kF32) {
      add.template operator()<float>();
    } else if (x.type() == ElementType::kF64) {
      add.template operator()<double>();
    } else if (x.type() == ElementType::kBool) {
      add.template operator()<bool>();
    } else {
      ops::dispatch_integer(x.type(), add);
    }
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> window_rules() {
  return {{"Col2Im", decline_columns, lower_columns}, {"DeformConv", decline_deform, lower_deform}};
}

}  // namespace oriel::cpu
