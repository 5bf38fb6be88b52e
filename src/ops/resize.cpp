// Resize: every output element is a weighted sum of input elements around a place that coordinate_transformation_mode
// gives, axis by axis: one element (nearest), two (linear), four (cubic), or as many as a stretched filter covers
// (antialias). Importers removed: version 10 and every version of Upsample, which are asymmetric.
#include "ops/resize.h"

#include "ops/movement.h"

namespace oriel::ops {
namespace {

constexpr std::size_t kRoi = 1;
constexpr std::size_t kScales = 2;
constexpr std::size_t kSizes = 3;

struct Settings {
  explicit Settings(const Attributes& a)
      : mode(a.get_string("mode")),
        coordinates(a.get_string("coordinate_transformation_mode")),
        nearest(a.get_string("nearest_mode")),
        policy(a.get_string("keep_aspect_ratio_policy")),
        antialias(a.get_bool("antialias")),
        exclude_outside(a.get_bool("exclude_outside")),
        cubic_a(a.get_float("cubic_coeff_a")) {
    require(mode, "mode", {"nearest", "linear", "cubic"});
    require(coordinates, "coordinate_transformation_mode",
            {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
             "tf_half_pixel_for_nn", "tf_crop_and_resize"});
    require(nearest, "nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
    require(policy, "keep_aspect_ratio_policy", {"stretch", "not_larger", "not_smaller"});
  }
  static void require(const std::string& value, const char* name, std::initializer_list<const char*> allowed) {
    for (const char* a : allowed) {
      if (value == a) return;
    }
    fail(ErrorCode::kInvalidGraph, "unknown {} {}", name, value);
  }
  bool crops() const { return coordinates == "tf_crop_and_resize"; }

  std::string mode;
  std::string coordinates;
  std::string nearest;
  std::string policy;
  bool antialias;
  bool exclude_outside;
  double cubic_a;
};

std::vector<std::size_t> resized_axes(const Attributes& attributes, std::size_t rank) {
  std::vector<std::int64_t> axes;
  if (attributes.has("axes")) {
    axes = attributes.get_ints("axes");
  } else {
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  return resolve_axes(axes, rank);
}

// floor(extent * factor), with the product rounded as f32 where that holds every extent, as scales are f32.
std::int64_t scaled_extent(std::int64_t extent, double factor) {
  ORIEL_REQUIRE(factor > 0 && factor < 1e9, "a scale is {}", factor);
  const double product = static_cast<double>(extent) * factor;
  ORIEL_REQUIRE(product < 1e15, "an extent of {} with a scale of {} is too large", extent, factor);
  return static_cast<std::int64_t>(
      std::floor(extent < (1 << 24) ? static_cast<double>(static_cast<float>(product)) : product));
}

// The sizes that keep_aspect_ratio_policy makes of the wanted ones, and the one scale of all of them.
double fit_sizes(const std::string& policy, const std::vector<std::int64_t>& extents,
                 std::vector<std::int64_t>& sizes) {
  double scale = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    ORIEL_REQUIRE(extents[i] > 0, "an extent of 0 has no aspect ratio");
    const double s = static_cast<double>(sizes[i]) / static_cast<double>(extents[i]);
    scale = i == 0 ? s : policy == "not_larger" ? std::min(scale, s) : std::max(scale, s);
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    sizes[i] = static_cast<std::int64_t>(std::floor(scale * static_cast<double>(extents[i]) + 0.5));
  }
  return scale;
}

// Whether the vector operand is there; files of versions 11 and 12 give an empty one where it is not.
bool given(const InferContext& c, std::size_t i) { return c.has_input(i) && vector_length(c, i) != 0; }
bool given(const Inputs& inputs, std::size_t i) { return inputs.has(i) && inputs[i].size() > 0; }

void infer(InferContext& c) {
  const Settings settings(c.attributes());
  const ElementType element = c.element(0);
  const Shape& in = c.shape(0);
  if (!given(c, kScales) && !given(c, kSizes)) fail(ErrorCode::kInvalidGraph, "neither scales nor sizes are given");
  if (!in.is_ranked()) {
    c.set(0, element, Shape::unranked());
    return;
  }
  const std::vector<std::size_t> axes = resized_axes(c.attributes(), in.rank());
  Shape out = in;
  for (const std::size_t axis : axes) out[axis] = Dim::unknown();
  const auto check = [&](std::size_t count) {
    if (count != axes.size()) fail(ErrorCode::kInvalidGraph, "{} numbers for {} axes", count, axes.size());
  };
  if (const std::vector<Dim>* sizes = given(c, kSizes) ? c.content(kSizes) : nullptr;
      sizes != nullptr && !sizes->empty()) {
    check(sizes->size());
    if (settings.policy == "stretch") {
      for (std::size_t i = 0; i < axes.size(); ++i) {
        if ((*sizes)[i].max() < 0) fail(ErrorCode::kInvalidGraph, "a size is {}", (*sizes)[i].to_string());
        out[axes[i]] = (*sizes)[i].bounded(0, kUnboundedDim);
      }
    } else {
      std::vector<std::int64_t> extents;
      std::vector<std::int64_t> wanted;
      for (std::size_t i = 0; i < axes.size(); ++i) {
        if (!in[axes[i]].is_known() || !(*sizes)[i].is_known()) break;
        extents.push_back(in[axes[i]].value());
        wanted.push_back((*sizes)[i].value());
      }
      if (wanted.size() == axes.size()) {
        fit_sizes(settings.policy, extents, wanted);
        for (std::size_t i = 0; i < axes.size(); ++i) out[axes[i]] = Dim(wanted[i]);
      }
    }
  } else if (const Tensor* scales = given(c, kSizes) ? nullptr : c.constant(kScales); scales != nullptr) {
    check(static_cast<std::size_t>(scales->size()));
    const Tensor* roi = c.constant(kRoi);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      double factor = element_as_f64(*scales, static_cast<std::int64_t>(i));
      if (settings.crops()) {
        if (roi == nullptr || roi->size() != static_cast<std::int64_t>(2 * axes.size())) continue;
        factor *= element_as_f64(*roi, static_cast<std::int64_t>(i + axes.size())) -
                  element_as_f64(*roi, static_cast<std::int64_t>(i));
      }
      const Dim& d = in[axes[i]];
      if (d.is_known()) {
        out[axes[i]] = Dim(scaled_extent(d.value(), factor));
      } else if (factor == std::floor(factor) && factor > 0 && factor < 1e9) {
        out[axes[i]] = d * Dim(static_cast<std::int64_t>(factor));
      } else if (factor == 0.5 || factor == 0.25 || factor == 0.125) {
        out[axes[i]] = floor_div(d, Dim(static_cast<std::int64_t>(1 / factor)));
      }
    }
  }
  c.set(0, element, std::move(out));
}

// How one axis is resampled.
struct Axis {
  std::int64_t in = 0;
  std::int64_t out = 0;
  // The output extent before it was rounded down.
  float target = 0;
  float scale = 1;
  float start = 0;
  float end = 1;
};

// The place in the input that output index `x` reads. In f32, because files give scales in f32 and ties decide between
// neighbours: 3 / 0.6f is 5.
float place_of(const Settings& s, const Axis& axis, std::int64_t x) {
  const auto i = static_cast<float>(x);
  const auto in = static_cast<float>(axis.in);
  const auto out = static_cast<float>(axis.out);
  if (axis.in == axis.out && axis.scale == 1 && !s.crops()) return i;
  if (s.coordinates == "asymmetric") return i / axis.scale;
  if (s.coordinates == "align_corners") return axis.target == 1 ? 0.0F : i * (in - 1) / (axis.target - 1);
  if (s.coordinates == "pytorch_half_pixel" && axis.out <= 1) return 0;
  if (s.coordinates == "tf_half_pixel_for_nn") return (i + 0.5F) / axis.scale;
  if (s.crops()) {
    return axis.out > 1 ? axis.start * (in - 1) + i * (axis.end - axis.start) * (in - 1) / (out - 1)
                        : 0.5F * (axis.start + axis.end) * (in - 1);
  }
  if (s.coordinates == "half_pixel_symmetric") return in / 2 * (1 - out / axis.target) + (i + 0.5F) / axis.scale - 0.5F;
  return (i + 0.5F) / axis.scale - 0.5F;
}

std::int64_t nearest_index(const Settings& s, float place) {
  const float low = std::floor(place);
  if (s.nearest == "floor") return static_cast<std::int64_t>(low);
  if (s.nearest == "ceil") return static_cast<std::int64_t>(std::ceil(place));
  const float rest = place - low;
  return static_cast<std::int64_t>(low) + (rest > 0.5F || (rest == 0.5F && s.nearest == "round_prefer_ceil") ? 1 : 0);
}

double cubic_weight(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

struct Taps {
  SmallVector<std::int64_t, 4> index;
  SmallVector<double, 4> weight;
};

Taps taps_of(const Settings& s, const Axis& axis, float place) {
  const auto clamp = [&](std::int64_t i) { return std::clamp<std::int64_t>(i, 0, axis.in - 1); };
  if (s.mode == "nearest") return {{clamp(nearest_index(s, place))}, {1.0}};
  const bool cubic = s.mode == "cubic";
  const double stretch = s.antialias ? std::max(1.0, 1.0 / static_cast<double>(axis.scale)) : 1.0;
  const double reach = (cubic ? 2.0 : 1.0) * stretch;
  ORIEL_REQUIRE(reach < 1e7, "a filter of {} elements is too wide", 2 * reach);
  const double low = std::floor(static_cast<double>(place));
  const double rest = static_cast<double>(place) - low;
  const auto first = static_cast<std::int64_t>(std::floor(-reach) + 1);
  const auto last = static_cast<std::int64_t>(std::ceil(reach));
  Taps taps;
  double sum = 0;
  for (std::int64_t k = first; k <= last; ++k) {
    const double distance = (static_cast<double>(k) - rest) / stretch;
    const double weight = cubic ? cubic_weight(distance, s.cubic_a) : std::max(0.0, 1 - std::abs(distance));
    const std::int64_t at = static_cast<std::int64_t>(low) + k;
    if (weight == 0 || (s.exclude_outside && at != clamp(at))) continue;
    taps.index.push_back(clamp(at));
    taps.weight.push_back(weight);
    sum += weight;
  }
  if (sum != 0 && (s.exclude_outside || s.antialias)) {
    for (double& w : taps.weight) w /= sum;
  }
  if (taps.index.empty()) taps = {{clamp(static_cast<std::int64_t>(low))}, {1.0}};
  return taps;
}

std::vector<Axis> read_axes(const Inputs& inputs, const Settings& settings) {
  const Tensor& x = inputs[0];
  const std::vector<std::size_t> axes = resized_axes(inputs.attributes(), x.rank());
  const bool by_size = given(inputs, kSizes);
  ORIEL_REQUIRE(by_size != given(inputs, kScales), "exactly one of scales and sizes has to be given");
  const Tensor& numbers = inputs[by_size ? kSizes : kScales];
  ORIEL_REQUIRE(numbers.size() == static_cast<std::int64_t>(axes.size()), "{} numbers for {} axes", numbers.size(),
                axes.size());
  std::vector<Axis> all(x.rank());
  for (std::size_t i = 0; i < x.rank(); ++i) {
    all[i].in = all[i].out = x.dim(i);
    all[i].target = static_cast<float>(x.dim(i));
  }
  if (settings.crops()) {
    ORIEL_REQUIRE(inputs.has(kRoi) && inputs[kRoi].size() == 2 * numbers.size(), "roi needs {} numbers",
                  2 * numbers.size());
    for (std::size_t i = 0; i < axes.size(); ++i) {
      all[axes[i]].start = static_cast<float>(element_as_f64(inputs[kRoi], static_cast<std::int64_t>(i)));
      all[axes[i]].end = static_cast<float>(element_as_f64(inputs[kRoi], static_cast<std::int64_t>(i + axes.size())));
    }
  }
  if (!by_size) {
    for (std::size_t i = 0; i < axes.size(); ++i) {
      Axis& axis = all[axes[i]];
      axis.scale = static_cast<float>(element_as_f64(numbers, static_cast<std::int64_t>(i)));
      axis.out = scaled_extent(
          axis.in, static_cast<double>(axis.scale) * (static_cast<double>(axis.end) - static_cast<double>(axis.start)));
      axis.target = axis.scale * static_cast<float>(axis.in);
    }
    return all;
  }
  std::vector<std::int64_t> sizes = numbers.to_i64();
  std::vector<std::int64_t> extents;
  for (const std::size_t axis : axes) extents.push_back(x.dim(axis));
  const bool stretch = settings.policy == "stretch";
  const double common = stretch ? 0 : fit_sizes(settings.policy, extents, sizes);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Axis& axis = all[axes[i]];
    axis.out = sizes[i];
    ORIEL_REQUIRE(sizes[i] >= 0, "a size is {}", sizes[i]);
    axis.target = static_cast<float>(axis.out);
    axis.scale = stretch ? static_cast<float>(axis.out) / static_cast<float>(axis.in) : static_cast<float>(common);
  }
  return all;
}

// One axis of a row-major array resampled.
std::vector<double> resample(const std::vector<double>& in, const AxisSplit& split, const std::vector<Taps>& taps,
                             RunContext& context) {
  const auto out_extent = static_cast<std::int64_t>(taps.size());
  std::vector<double> out(static_cast<std::size_t>(split.outer * out_extent * split.inner));
  for (std::int64_t o = 0; o < split.outer; ++o) {
    context.check();
    for (std::int64_t e = 0; e < out_extent; ++e) {
      const Taps& t = taps[static_cast<std::size_t>(e)];
      double* to = out.data() + (o * out_extent + e) * split.inner;
      for (std::size_t k = 0; k < t.index.size(); ++k) {
        const double* from = in.data() + (o * split.extent + t.index[k]) * split.inner;
        for (std::int64_t i = 0; i < split.inner; ++i) to[i] += t.weight[k] * from[i];
      }
    }
  }
  return out;
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Settings settings(inputs.attributes());
  const std::vector<Axis> axes = read_axes(inputs, settings);
  Dims dims;
  for (const Axis& axis : axes) dims.push_back(axis.out);
  Tensor& out = outputs.allocate(0, x.type(), dims);
  if (out.size() == 0) return;
  ORIEL_REQUIRE(x.size() > 0, "input {} is empty, the output {} is not", to_string(x.dims()), to_string(dims));
  std::vector<std::vector<Taps>> taps(axes.size());
  std::vector<std::vector<bool>> outside(axes.size());
  for (std::size_t a = 0; a < axes.size(); ++a) {
    for (std::int64_t i = 0; i < axes[a].out; ++i) {
      const float place = place_of(settings, axes[a], i);
      ORIEL_REQUIRE(std::abs(place) < 1e15F, "index {} of axis {} reads at {}", i, a, place);
      taps[a].push_back(taps_of(settings, axes[a], place));
      outside[a].push_back(settings.crops() && (place < 0 || place > static_cast<float>(axes[a].in - 1)));
    }
  }
  Dims index(dims.size(), 0);
  if (settings.mode == "nearest") {
    const Dims strides = row_major_strides(x.dims());
    copy_elements(out, x, context, [&](std::int64_t) {
      std::int64_t at = 0;
      for (std::size_t a = 0; a < dims.size(); ++a)
        at += taps[a][static_cast<std::size_t>(index[a])].index[0] * strides[a];
      advance(index, dims);
      return at;
    });
  } else {
    dispatch_numeric_or_bool(x.type(), [&]<typename T>() {
      const T* in = x.data<T>();
      std::vector<double> values(static_cast<std::size_t>(x.size()));
      for (std::int64_t i = 0; i < x.size(); ++i)
        values[static_cast<std::size_t>(i)] = static_cast<double>(widen(in[i]));
      Dims at = x.dims();
      for (std::size_t a = 0; a < dims.size(); ++a) {
        const bool same = axes[a].in == axes[a].out && [&] {
          for (std::size_t i = 0; i < taps[a].size(); ++i) {
            const Taps& t = taps[a][i];
            if (t.index.size() != 1 || t.index[0] != static_cast<std::int64_t>(i) || t.weight[0] != 1) return false;
          }
          return true;
        }();
        if (same) continue;
        values = resample(values, split_at(at, a), taps[a], context);
        at[a] = dims[a];
      }
      T* to = out.data<T>();
      for_each_element(out.size(), context,
                       [&](std::int64_t i) { to[i] = interpolated<T>(values[static_cast<std::size_t>(i)]); });
    });
  }
  if (!settings.crops()) return;
  ORIEL_REQUIRE(out.type() != ElementType::kString && !is_complex(out.type()), "element type {} cannot be extrapolated",
                element_name(out.type()));
  const double extrapolation = inputs.attributes().get_float("extrapolation_value");
  index.assign(dims.size(), 0);
  for_each_element(out.size(), context, [&](std::int64_t i) {
    for (std::size_t a = 0; a < dims.size(); ++a) {
      if (!outside[a][static_cast<std::size_t>(index[a])]) continue;
      store_element(out, i, extrapolation);
      break;
    }
    advance(index, dims);
  });
}

}  // namespace

std::vector<ResizeAxis> resize_axes(const Inputs& inputs) {
  const Settings settings(inputs.attributes());
  const std::vector<Axis> axes = read_axes(inputs, settings);
  std::vector<ResizeAxis> all;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    ResizeAxis axis;
    axis.in = axes[a].in;
    axis.out = axes[a].out;
    axis.same = axis.in == axis.out;
    axis.first.reserve(static_cast<std::size_t>(axis.out) + 1);
    axis.first.push_back(0);
    for (std::int64_t i = 0; i < axis.out && axis.in > 0; ++i) {
      const float place = place_of(settings, axes[a], i);
      ORIEL_REQUIRE(std::abs(place) < 1e15F, "index {} of axis {} reads at {}", i, a, place);
      const Taps taps = taps_of(settings, axes[a], place);
      for (std::size_t k = 0; k < taps.index.size(); ++k) {
        axis.index.push_back(taps.index[k]);
        axis.weight.push_back(static_cast<float>(taps.weight[k]));
      }
      axis.first.push_back(static_cast<std::int64_t>(axis.index.size()));
      axis.same = axis.same && taps.index.size() == 1 && taps.index[0] == i && taps.weight[0] == 1;
    }
    all.push_back(std::move(axis));
  }
  return all;
}

OpDef op_resize() {
  return {.name = "Resize",
          .min_inputs = 1,
          .max_inputs = 4,
          .attributes = {{"antialias", std::int64_t{0}},
                         {"axes", std::vector<std::int64_t>(), AttributeDef::Need::kOptional},
                         {"coordinate_transformation_mode", std::string("half_pixel")},
                         {"cubic_coeff_a", -0.75F},
                         {"exclude_outside", std::int64_t{0}},
                         {"extrapolation_value", 0.0F},
                         {"keep_aspect_ratio_policy", std::string("stretch")},
                         {"mode", std::string("nearest")},
                         {"nearest_mode", std::string("round_prefer_floor")}},
          .traits = {.shape_operands = 0b1110},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
