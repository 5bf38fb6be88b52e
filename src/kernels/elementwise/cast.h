// Conversion of elements between types, and linear quantisation to 8 and 16 bits.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"
#include "base/element_type.h"

namespace oriel::kernels {

/// f32, f64, f16, bf16, bool and the integers of 8 to 64 bits.
bool has_cast(ElementType type);

/// y[i] = x[i] in another type, for n elements; x and y may be the same buffer where the sizes are equal. Floats round
/// to nearest even; f64 reaches f16 and bf16 through f32. Floats reach integers truncated: a value out of range gives
/// an unspecified integer, never a trap. Integers narrow modulo 2^bits. bool is x != 0. Precondition: has_cast of both.
void cast(ElementType from, ElementType to, const void* x, void* y, std::int64_t n, Isa isa = max_isa());

}  // namespace oriel::kernels
