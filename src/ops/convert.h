// Conversion of elements between types: the rules of the ONNX operators Cast and CastLike.
#pragma once

#include <string_view>

#include "ops/common.h"

namespace oriel::ops {

/// How f8e8m0, which holds powers of two alone, rounds what lies between them. Nearest rounds ties up.
enum class PowerRounding : std::uint8_t { kUp, kDown, kNearest };

/// "up", "down" or "nearest"; throws Error(kInvalidGraph) for anything else.
PowerRounding power_rounding_from(std::string_view name);

/// Throws Error(kNotImplemented) where no conversion from one type to the other exists (complex numbers convert to
/// themselves alone).
void require_convertible(ElementType from, ElementType to);

/// Inference: output 0 has the content of operand 0 where conversion to an integer type keeps every value.
void infer_converted_content(InferContext& c, ElementType to);

/// Writes the elements of `in` to `out`, which has as many. Integers keep their low bits, floats truncate towards zero
/// to integers and round to nearest even between floats; `saturate` governs float8 targets; f4e2m1 gets -0 for NaN.
/// Strings hold decimal numbers (written with 8 significant digits), "NaN", "INF" or "-INF" (any case, read with a
/// sign); throws Error(kInvalidArgument) for a string that is no number.
void convert_elements(const Tensor& in, Tensor& out, bool saturate, PowerRounding rounding, RunContext& context);

}  // namespace oriel::ops
