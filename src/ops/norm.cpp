// Shared parts of normalisations.
#include "ops/norm.h"

namespace oriel::ops {

std::vector<double> read_parameter(const Tensor& tensor, std::int64_t count) {
  ORIEL_REQUIRE(tensor.size() == count, "a parameter of shape {}, expected {} elements", to_string(tensor.dims()),
                count);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = element_as_f64(tensor, i);
  return values;
}

void require_vector(const InferContext& c, std::size_t i, const Dim& extent) {
  const Shape& s = c.shape(i);
  if (!s.is_ranked()) return;
  if (s.rank() != 1 || !s[0].may_equal(extent)) {
    fail(ErrorCode::kInvalidGraph, "input {} is of shape {}, expected [{}]", i, s.to_string(), extent.to_string());
  }
}

void normalize_groups(const Inputs& inputs, OutputSink& outputs, RunContext& context, std::int64_t groups,
                      double epsilon) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() >= 2, "input of shape {}, expected a rank of 2 or more", to_string(x.dims()));
  const std::int64_t channels = x.dim(1);
  ORIEL_REQUIRE(groups == 0 ? channels == 0 : groups > 0 && channels % groups == 0, "{} channels in {} groups",
                channels, groups);
  const std::vector<double> scale = read_parameter(inputs[1], channels);
  const std::vector<double> bias = read_parameter(inputs[2], channels);
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  if (x.size() == 0) return;
  const std::int64_t plane = count_elements(Dims(x.dims().begin() + 2, x.dims().end()));
  const std::int64_t members = channels / groups;
  dispatch_float(x.type(), [&]<typename T>() {
    for (std::int64_t g = 0; g < x.dim(0) * groups; ++g) {
      context.check();
      const T* in = x.data<T>() + g * members * plane;
      T* y = out.data<T>() + g * members * plane;
      const Moments m = moments(members * plane, [&](std::int64_t i) { return widen(in[i]); });
      const double factor = 1.0 / std::sqrt(m.variance + epsilon);
      for (std::int64_t i = 0; i < members * plane; ++i) {
        const auto c = static_cast<std::size_t>(g % groups * members + i / plane);
        y[i] = narrow<T>((widen(in[i]) - m.mean) * factor * scale[c] + bias[c]);
      }
    }
  });
}

}  // namespace oriel::ops
