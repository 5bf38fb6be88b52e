// QLinearAveragePool: averages of windows of bytes, in f32.
#include <algorithm>
#include <limits>

#include "devices/cpu/lowering.h"
#include "devices/cpu/rule_groups.h"
#include "ops/pool.h"
#include "ops/qlinear.h"

namespace oriel::cpu {
namespace {

using ops::QLinearParameters;

std::string decline(const Node& node, const CompileOptions&) {
  const Shape& shape = node.input(0)->shape();
  if (!shape.is_ranked() || shape.rank() < 3 || shape.rank() > 5) return "kernels have 1 to 3 spatial axes";
  return {};
}

/// A window over (depth, height, width), missing leading axes of extent 1.
struct ByteWindow {
  std::int64_t in[3] = {1, 1, 1};
  std::int64_t out[3] = {1, 1, 1};
  std::int64_t kernel[3] = {1, 1, 1};
  std::int64_t stride[3] = {1, 1, 1};
  std::int64_t dilation[3] = {1, 1, 1};
  std::int64_t pad[3] = {0, 0, 0};
  std::int64_t pad_end[3] = {0, 0, 0};

  explicit ByteWindow(const ops::PoolGeometry& g) {
    const std::size_t shift = 3 - g.in.size();
    for (std::size_t i = 0; i < g.in.size(); ++i) {
      in[shift + i] = g.in[i];
      out[shift + i] = g.out[i];
      kernel[shift + i] = g.window.kernel[i];
      stride[shift + i] = g.window.strides[i];
      dilation[shift + i] = g.window.dilations[i];
      pad[shift + i] = g.window.pads_begin[i];
      pad_end[shift + i] = std::max<std::int64_t>(g.window.pads_end[i], 0);
    }
  }
  /// Taps of dimension d that lie before `limit`, for output point o.
  std::int64_t taps_before(int d, std::int64_t o, std::int64_t limit) const {
    const std::int64_t start = o * stride[d] - pad[d];
    return std::clamp<std::int64_t>(start >= limit ? 0 : (limit - start + dilation[d] - 1) / dilation[d], 0, kernel[d]);
  }
  /// Taps that an average divides by, counting padding or not.
  std::int64_t counted(int d, std::int64_t o, bool padded) const {
    return padded ? taps_before(d, o, in[d] + pad_end[d]) : taps_before(d, o, in[d]) - taps_before(d, o, 0);
  }
};

/// to[i] = the real that a byte stands for.
template <typename B>
void dequantise(const QLinearParameters& from, const B* bytes, std::int64_t n, float* to) {
  const auto zero = static_cast<std::int32_t>(from.zero_point);
  const float scale = from.scale;
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(static_cast<std::int32_t>(bytes[i]) - zero) * scale;
}

/// sums[x] += row[x * stride + shift] where that is inside.
void add_tap(const ByteWindow& w, std::int64_t tap, const float* row, float* sums) {
  const std::int64_t step = w.stride[2];
  const std::int64_t shift = tap * w.dilation[2] - w.pad[2];
  const std::int64_t begin = shift < 0 ? (-shift + step - 1) / step : 0;
  const std::int64_t room = w.in[2] - shift;
  const std::int64_t end = std::min(w.out[2], room <= 0 ? 0 : (room + step - 1) / step);
  const float* from = row + shift;
  if (step == 1) {
    for (std::int64_t x = begin; x < end; ++x) sums[x] += from[x];
  } else if (step == 2) {
    for (std::int64_t x = begin; x < end; ++x) sums[x] += from[2 * x];
  } else {
    for (std::int64_t x = begin; x < end; ++x) sums[x] += from[x * step];
  }
}

/// Sums over counts, rounded to nearest, ties to even, and saturated.
template <typename B>
void quantise(const QLinearParameters& to, const float* sums, const float* counts, float count, std::int64_t n, B* y) {
  constexpr auto kLowest = static_cast<float>(std::numeric_limits<B>::min());
  constexpr auto kHighest = static_cast<float>(std::numeric_limits<B>::max());
  // Adding and taking away a number whose last place is 1 rounds what is small beside it.
  constexpr float kUnits = 12582912.0F;
  const float scale = to.scale;
  const auto zero = static_cast<float>(to.zero_point);
  for (std::int64_t i = 0; i < n; ++i) {
    const float all = count * counts[i];
    const float mean = all > 0 ? sums[i] / all : 0.0F;
    float v = mean / scale + zero;
    v = v > kLowest ? v : kLowest;
    v = v < kHighest ? v : kHighest;
    y[i] = static_cast<B>(static_cast<std::int32_t>((v + kUnits) - kUnits));
  }
}

template <typename B>
void average(const ByteWindow& w, const ops::PoolGeometry& g, bool include_pad, const Inputs& inputs,
             RunContext& context, const B* x, B* y) {
  const QLinearParameters from(inputs, 1);
  const QLinearParameters to(inputs, 3);
  const std::int64_t width = w.out[2];
  const std::int64_t room = w.in[2] + width;
  auto* scratch = static_cast<float*>(
      context.scratch(static_cast<std::size_t>(width + room * context.threads.threads()) * sizeof(float)));
  float* counts = scratch;
  for (std::int64_t i = 0; i < width; ++i) counts[i] = static_cast<float>(w.counted(2, i, include_pad));
  parallel(context, g.planes * w.out[0] * w.out[1], 8, [&](std::int64_t begin, std::int64_t end, int slot) {
    float* row = scratch + width + slot * room;
    float* sums = row + w.in[2];
    for (std::int64_t r = begin; r < end; ++r) {
      const B* plane = x + r / (w.out[0] * w.out[1]) * g.in_size;
      const std::int64_t at[2] = {r / w.out[1] % w.out[0], r % w.out[1]};
      std::fill_n(sums, width, 0.0F);
      for (std::int64_t a = w.taps_before(0, at[0], 0); a < w.taps_before(0, at[0], w.in[0]); ++a) {
        for (std::int64_t b = w.taps_before(1, at[1], 0); b < w.taps_before(1, at[1], w.in[1]); ++b) {
          const std::int64_t z = at[0] * w.stride[0] - w.pad[0] + a * w.dilation[0];
          const std::int64_t v = at[1] * w.stride[1] - w.pad[1] + b * w.dilation[1];
          dequantise(from, plane + (z * w.in[1] + v) * w.in[2], w.in[2], row);
          for (std::int64_t c = 0; c < w.kernel[2]; ++c) add_tap(w, c, row, sums);
        }
      }
      const std::int64_t count = w.counted(0, at[0], include_pad) * w.counted(1, at[1], include_pad);
      quantise(to, sums, counts, static_cast<float>(count), width, y + r * width);
    }
  });
}

void lower(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < 5; ++i) spec.inputs.push_back(lowering.plain(node.input(i)));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "qlinear";
  spec.algorithm = "average";
  spec.run = [include_pad = node.attributes().get_int("count_include_pad", 0) != 0](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const ops::PoolGeometry g = ops::PoolGeometry::of(inputs.attributes(), x.dims());
    const ByteWindow w(g);
    Tensor& y = outputs.allocate(0, x.type(), g.dims);
    if (y.size() == 0) return;
    if (x.type() == ElementType::kI8) {
      average(w, g, include_pad, inputs, context, x.data<std::int8_t>(), y.data<std::int8_t>());
    } else {
      average(w, g, include_pad, inputs, context, x.data<std::uint8_t>(), y.data<std::uint8_t>());
    }
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> byte_pool_rules() { return {{"com.microsoft.QLinearAveragePool", decline, lower}}; }

}  // namespace oriel::cpu
