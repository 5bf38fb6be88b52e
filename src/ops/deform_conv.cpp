// DeformConv: a convolution whose tap k at output o reads x at o * stride + k * dilation - pad + offset[o, k] (linear
// interpolation, zero outside), times mask[o, k]; offsets and masks are shared by the channels of an offset group.
#include "ops/deform_conv.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& x = c.shape(0);
  const Shape& w = c.shape(1);
  const Shape& offset = c.shape(2);
  if (c.attributes().get_int("group") < 1 || c.attributes().get_int("offset_group") < 1) {
    fail(ErrorCode::kInvalidGraph, "{} groups and {} offset groups", c.attributes().get_int("group"),
         c.attributes().get_int("offset_group"));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    require_same_element(c, 0, i);
    const Shape& s = c.shape(i);
    if (s.is_ranked() && (s.rank() < 3 || s.rank() > kMostDeformAxes + 2 || (x.is_ranked() && s.rank() != x.rank()))) {
      fail(ErrorCode::kInvalidGraph, "input {} is of shape {}", i, s.to_string());
    }
  }
  Shape out = x.is_ranked() ? Shape::of_rank(x.rank()) : w.is_ranked() ? Shape::of_rank(w.rank()) : offset;
  if (out.is_ranked()) {
    if (x.is_ranked()) out[0] = x[0];
    out[1] = w.is_ranked() ? w[0] : Dim::unknown();
    for (std::size_t i = 2; offset.is_ranked() && i < out.rank(); ++i) out[i] = offset[i];
  }
  c.set(0, c.element(0), std::move(out));
}

/// The plane's value at a real position: linear interpolation of the neighbours, those outside count as zero.
template <typename T>
double sample(const T* plane, const Dims& in, const Dims& strides, const double* position) {
  const std::size_t rank = in.size();
  std::int64_t low[kMostDeformAxes];
  double part[kMostDeformAxes];
  for (std::size_t i = 0; i < rank; ++i) {
    if (!(position[i] > -1.0 && position[i] < static_cast<double>(in[i]))) return 0;
    const double floor = std::floor(position[i]);
    low[i] = static_cast<std::int64_t>(floor);
    part[i] = position[i] - floor;
  }
  double sum = 0;
  for (unsigned corner = 0; corner < 1U << rank; ++corner) {
    double weight = 1;
    std::int64_t at = 0;
    for (std::size_t i = 0; i < rank; ++i) {
      const bool high = ((corner >> i) & 1U) != 0;
      const std::int64_t p = low[i] + (high ? 1 : 0);
      weight *= p < 0 || p >= in[i] ? 0.0 : high ? part[i] : 1.0 - part[i];
      at += p * strides[i];
    }
    if (weight != 0) sum += weight * widen(plane[at]);
  }
  return sum;
}

}  // namespace

DeformGeometry::DeformGeometry(const Inputs& inputs)
    : group(inputs.attributes().get_int("group")), offset_group(inputs.attributes().get_int("offset_group")) {
  const Tensor& x = inputs[0];
  const Tensor& w = inputs[1];
  const Tensor& offset = inputs[2];
  ORIEL_REQUIRE(x.rank() >= 3 && x.rank() <= kMostDeformAxes + 2 && w.rank() == x.rank() && offset.rank() == x.rank(),
                "operands of shapes {}, {} and {}", to_string(x.dims()), to_string(w.dims()), to_string(offset.dims()));
  const std::size_t rank = x.rank() - 2;
  in = Dims(x.dims().begin() + 2, x.dims().end());
  window = Window::read(inputs.attributes(), rank, Dims(w.dims().begin() + 2, w.dims().end()));
  const std::int64_t features = w.dim(0);
  ORIEL_REQUIRE(x.dim(1) == w.dim(1) * group && features % group == 0 && x.dim(1) % offset_group == 0,
                "input of shape {} and weights of shape {} do not fit {} groups and {} offset groups",
                to_string(x.dims()), to_string(w.dims()), group, offset_group);
  dims = {x.dim(0), features};
  for (std::size_t i = 0; i < rank; ++i) dims.push_back(window_extent(window, i, in[i]));
  out = Dims(dims.begin() + 2, dims.end());
  out_size = count_elements(out);
  in_size = count_elements(in);
  taps = count_elements(window.kernel);
  const auto require_map = [&](std::size_t i, std::int64_t planes) {
    Dims wanted = dims;
    wanted[1] = planes;
    ORIEL_REQUIRE(inputs[i].dims() == wanted, "input {} of shape {}, expected {}", i, to_string(inputs[i].dims()),
                  to_string(wanted));
  };
  require_map(2, offset_group * taps * static_cast<std::int64_t>(rank));
  if (inputs.has(4)) require_map(4, offset_group * taps);
  ORIEL_REQUIRE(!inputs.has(3) || inputs[3].size() == features, "bias of shape {}, expected {} elements",
                to_string(inputs[3].dims()), features);
}

namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const DeformGeometry g(inputs);
  const Tensor& x = inputs[0];
  const Tensor& w = inputs[1];
  const Tensor& offset = inputs[2];
  const std::size_t rank = g.in.size();
  const std::int64_t group = g.group;
  const std::int64_t offset_group = g.offset_group;
  const Window& window = g.window;
  const Dims& in = g.in;
  const Dims& dims = g.dims;
  const Dims& out_space = g.out;
  const std::int64_t in_size = g.in_size;
  const std::int64_t out_size = g.out_size;
  const std::int64_t taps = g.taps;
  const std::int64_t batch = x.dim(0);
  const std::int64_t channels = x.dim(1);
  const std::int64_t features = w.dim(0);
  const Dims strides = row_major_strides(in);
  Tensor& out = outputs.allocate(0, x.type(), dims);
  dispatch_float(x.type(), [&]<typename T>() {
    const T* px = x.data<T>();
    const T* pw = w.data<T>();
    const T* shifts = offset.data<T>();
    const T* pb = inputs.has(3) ? inputs[3].data<T>() : nullptr;
    const T* mask = inputs.has(4) ? inputs[4].data<T>() : nullptr;
    T* py = out.data<T>();
    std::vector<double> columns(static_cast<std::size_t>(channels * taps));
    for (std::int64_t n = 0; n < batch; ++n) {
      Dims o(rank, 0);
      for (std::int64_t at = 0; at < out_size; ++at, advance(o, out_space)) {
        context.check();
        for (std::int64_t c = 0; c < channels; ++c) {
          const std::int64_t og = n * offset_group + c / (channels / offset_group);
          Dims k(rank, 0);
          for (std::int64_t t = 0; t < taps; ++t, advance(k, window.kernel)) {
            double position[kMostDeformAxes];
            for (std::size_t i = 0; i < rank; ++i) {
              const auto regular =
                  static_cast<double>(o[i] * window.strides[i] + k[i] * window.dilations[i] - window.pads_begin[i]);
              const std::int64_t plane =
                  (og * taps + t) * static_cast<std::int64_t>(rank) + static_cast<std::int64_t>(i);
              position[i] = regular + widen(shifts[plane * out_size + at]);
            }
            const double value = sample(px + (n * channels + c) * in_size, in, strides, position);
            columns[static_cast<std::size_t>(c * taps + t)] =
                mask == nullptr ? value : value * widen(mask[(og * taps + t) * out_size + at]);
          }
        }
        for (std::int64_t m = 0; m < features; ++m) {
          const double* values = columns.data() + m / (features / group) * w.dim(1) * taps;
          double sum = pb != nullptr ? widen(pb[m]) : 0.0;
          for (std::int64_t i = 0; i < w.dim(1) * taps; ++i) sum += values[i] * widen(pw[m * w.dim(1) * taps + i]);
          py[(n * features + m) * out_size + at] = narrow<T>(sum);
        }
      }
    }
  });
}

}  // namespace

OpDef op_deform_conv() {
  const std::vector<std::int64_t> ints;
  return {.name = "DeformConv",
          .min_inputs = 3,
          .max_inputs = 5,
          .attributes = {{"dilations", ints, AttributeDef::Need::kOptional},
                         {"group", std::int64_t{1}},
                         {"kernel_shape", ints, AttributeDef::Need::kOptional},
                         {"offset_group", std::int64_t{1}},
                         {"pads", ints, AttributeDef::Need::kOptional},
                         {"strides", ints, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
