// Elementwise operations of two operands, comparisons and selection, with broadcasting.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"
#include "base/element_type.h"
#include "kernels/elementwise/binary_ops.h"
#include "kernels/elementwise/broadcast.h"

namespace oriel::kernels {

/// Whether binary() has the operation for a type: f32, f64, the integers of 8 to 64 bits, and bool for the bit
/// operations.
bool has_binary(BinaryOp op, ElementType type);

/// z = op(x, y) for output elements [first, last) of a broadcast of two operands; integers wrap around. z may be x or y
/// where that operand is not broadcast. Precondition: has_binary(op, type).
void binary(BinaryOp op, ElementType type, const Broadcast& shape, const void* x, const void* y, void* z,
            std::int64_t first, std::int64_t last, Isa isa = max_isa());

/// out = x op y as bytes of 0 or 1, for the same types and bool; comparisons with NaN are false, except kNotEqual.
void compare(CompareOp op, ElementType type, const Broadcast& shape, const void* x, const void* y, std::uint8_t* out,
             std::int64_t first, std::int64_t last, Isa isa = max_isa());

/// out = condition ? x : y, of a broadcast of three operands (condition, x, y); elements of 1, 2, 4, 8 or 16 bytes.
void select_elements(int element_bytes, const Broadcast& shape, const std::uint8_t* condition, const void* x,
                     const void* y, void* out, std::int64_t first, std::int64_t last);

}  // namespace oriel::kernels
