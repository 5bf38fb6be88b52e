// DFT: the discrete Fourier transform along one axis; the last axis holds real numbers (extent 1) or complex ones (2).
// With onesided, real input gives the first half of its spectrum, and the inverse takes such a half back to real
// numbers. Importers removed: the axis as an attribute of version 17.
#include "ops/elementwise.h"
#include "ops/fourier.h"
#include "ops/scalars.h"

namespace oriel::ops {
namespace {

std::size_t checked_axis(std::int64_t axis, std::size_t rank) {
  const std::size_t at = static_cast<std::size_t>(normalize_axis(axis, rank));
  ORIEL_REQUIRE(at + 1 < rank, "axis {} of rank {} is the one of complex numbers", axis, rank);
  return at;
}

void infer(InferContext& c) {
  require_float(c, 0);
  for (const std::size_t i : {1, 2}) {
    if (c.has_input(i)) require_whole_scalar(c, i);
  }
  const bool inverse = c.attributes().get_bool("inverse");
  const bool onesided = c.attributes().get_bool("onesided");
  const Shape& x = c.shape(0);
  if (!x.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  const Dim parts = x.rank() < 2 ? Dim(0) : x[x.rank() - 1];
  if (!parts.may_equal(1) && !parts.may_equal(2)) {
    fail(ErrorCode::kInvalidGraph, "an input of shape {}, expected real or complex numbers in the last axis",
         x.to_string());
  }
  Shape out = x;
  out[x.rank() - 1] = Dim(inverse && onesided ? 1 : 2);
  std::vector<std::int64_t> axis{-2};
  if (c.has_input(2) && (!c.known_content(2, axis) || axis.size() != 1)) {
    for (std::size_t i = 0; i + 1 < x.rank(); ++i) out[i] = Dim::unknown();
    c.set(0, c.element(0), std::move(out));
    return;
  }
  const std::size_t at = checked_axis(axis[0], x.rank());
  Dim length = x[at];
  if (c.has_input(1)) {
    length = scalar_content(c, 1);
  } else if (inverse && onesided) {
    length = Dim(2) * (x[at] - Dim(1));
  }
  out[at] = onesided && !inverse ? floor_div(length, 2) + Dim(1) : length;
  c.set(0, c.element(0), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const bool inverse = inputs.attributes().get_bool("inverse");
  const bool onesided = inputs.attributes().get_bool("onesided");
  const std::int64_t parts = x.rank() < 2 ? 0 : x.dim(x.rank() - 1);
  ORIEL_REQUIRE(parts == 1 || parts == 2, "an input of shape {}, expected real or complex numbers in the last axis",
                to_string(x.dims()));
  ORIEL_REQUIRE(!onesided || parts == (inverse ? 2 : 1),
                "onesided with input of shape {}, expected {} in the last axis", to_string(x.dims()), inverse ? 2 : 1);
  const std::size_t axis = checked_axis(inputs.has(2) ? whole_scalar(inputs[2]) : -2, x.rank());
  const std::int64_t extent = x.dim(axis);
  const std::int64_t length = inputs.has(1) ? whole_scalar(inputs[1]) : inverse && onesided ? 2 * (extent - 1) : extent;
  ORIEL_REQUIRE(length > 0, "the length of the transform is {}, expected 1 or more", length);
  const std::int64_t kept = onesided && !inverse ? length / 2 + 1 : length;
  const std::int64_t out_parts = inverse && onesided ? 1 : 2;
  Dims dims = x.dims();
  dims[axis] = kept;
  dims.back() = out_parts;
  Tensor& out = outputs.allocate(0, x.type(), dims);
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d + 1 < dims.size(); ++d) inner *= dims[d];
  std::int64_t outer = 1;
  for (std::size_t d = 0; d < axis; ++d) outer *= dims[d];
  Fourier fourier(length, inverse);
  std::vector<std::complex<double>> signal(static_cast<std::size_t>(length));
  std::vector<std::complex<double>> spectrum(static_cast<std::size_t>(length));
  // A one-sided spectrum of real numbers stands for the conjugates of its other half.
  const std::int64_t given = std::min(extent, onesided && inverse ? length / 2 + 1 : length);
  for (std::int64_t line = 0; line < outer * inner; ++line) {
    context.check();
    const std::int64_t first = line / inner * extent * inner + line % inner;
    std::fill(signal.begin(), signal.end(), 0.0);
    for (std::int64_t k = 0; k < given; ++k) {
      const std::int64_t at = (first + k * inner) * parts;
      const std::complex<double> value(element_as_f64(x, at), parts == 2 ? element_as_f64(x, at + 1) : 0.0);
      signal[static_cast<std::size_t>(k)] = value;
      if (onesided && inverse && k > 0 && length - k > k) {
        signal[static_cast<std::size_t>(length - k)] = std::conj(value);
      }
    }
    fourier.transform(signal, spectrum);
    const std::int64_t start = line / inner * kept * inner + line % inner;
    for (std::int64_t k = 0; k < kept; ++k) {
      const std::int64_t at = (start + k * inner) * out_parts;
      store_element(out, at, spectrum[static_cast<std::size_t>(k)].real());
      if (out_parts == 2) store_element(out, at + 1, spectrum[static_cast<std::size_t>(k)].imag());
    }
  }
}

}  // namespace

OpDef op_dft() {
  return {.name = "DFT",
          .min_inputs = 1,
          .max_inputs = 3,
          .attributes = {{"inverse", std::int64_t{0}}, {"onesided", std::int64_t{0}}},
          .traits = {.shape_operands = 0b110},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
