// Shapes of convolutions.
#include "ops/convolution.h"

namespace oriel::ops {

Shape convolution_shape(const Attributes& attributes, const Shape& x, const Shape& w) {
  const std::int64_t group = attributes.get_int("group");
  if (group < 1) fail(ErrorCode::kInvalidGraph, "attribute group is {}", group);
  if (!x.is_ranked() || !w.is_ranked()) return Shape::unranked();
  if (x.rank() < 3 || w.rank() != x.rank()) {
    fail(ErrorCode::kInvalidGraph, "input of shape {} and weights of shape {}, expected the same rank of 3 or more",
         x.to_string(), w.to_string());
  }
  if (!x[1].may_equal(w[1] * Dim(group)) || (w[0].is_known() && w[0].value() % group != 0)) {
    fail(ErrorCode::kInvalidGraph, "input of shape {} and weights of shape {} do not fit {} groups", x.to_string(),
         w.to_string(), group);
  }
  const std::size_t rank = x.rank() - 2;
  Shape out = x;
  out[1] = w[0];
  Dims kernel;
  for (std::size_t i = 0; i < rank; ++i) {
    if (w[i + 2].is_known()) kernel.push_back(w[i + 2].value());
  }
  if (kernel.size() != rank && !attributes.has("kernel_shape")) {
    for (std::size_t i = 0; i < rank; ++i) out[i + 2] = Dim::unknown();
    return out;
  }
  const Window window = Window::read(attributes, rank, kernel.size() == rank ? kernel : Dims());
  for (std::size_t i = 0; i < rank; ++i) out[i + 2] = window_extent(window, i, x[i + 2]);
  return out;
}

std::vector<AttributeDef> convolution_attributes() {
  using Ints = std::vector<std::int64_t>;
  return {{"auto_pad", std::string("NOTSET")},
          {"dilations", Ints{}, AttributeDef::Need::kOptional},
          {"group", std::int64_t{1}},
          {"kernel_shape", Ints{}, AttributeDef::Need::kOptional},
          {"pads", Ints{}, AttributeDef::Need::kOptional},
          {"strides", Ints{}, AttributeDef::Need::kOptional}};
}

Convolution::Convolution(const Attributes& attributes, const Dims& x, const Dims& w) {
  ORIEL_REQUIRE(x.size() >= 3 && w.size() == x.size(),
                "input of shape {} and weights of shape {}, expected the same rank of 3 or more", to_string(x),
                to_string(w));
  group = attributes.get_int("group");
  batch = x[0];
  channels = w[1];
  features = w[0];
  ORIEL_REQUIRE(group > 0 && x[1] == channels * group && features % group == 0,
                "input of shape {} and weights of shape {} do not fit {} groups", to_string(x), to_string(w), group);
  in = Dims(x.begin() + 2, x.end());
  window = Window::read(attributes, in.size(), Dims(w.begin() + 2, w.end()));
  window.resolve_pads(in);
  for (std::size_t i = 0; i < in.size(); ++i) out.push_back(window_extent(window, i, in[i]));
}

Dims Convolution::dims() const {
  Dims d{batch, features};
  for (const std::int64_t extent : out) d.push_back(extent);
  return d;
}

void Convolution::tap_offsets(const Dims& at, std::vector<std::int64_t>& offsets) const {
  const Dims strides = row_major_strides(in);
  Dims k(in.size(), 0);
  for (std::int64_t& tap : offsets) {
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < in.size() && offset >= 0; ++i) {
      const std::int64_t p = at[i] * window.strides[i] + k[i] * window.dilations[i] - window.pads_begin[i];
      offset = p < 0 || p >= in[i] ? -1 : offset + p * strides[i];
    }
    tap = offset;
    advance(k, window.kernel);
  }
}

}  // namespace oriel::ops
