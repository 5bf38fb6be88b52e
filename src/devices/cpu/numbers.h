// Elementwise functions of one operand on element types that have no vector kernel of their own.
#pragma once

#include "devices/cpu/lowering.h"

namespace oriel::cpu {

/// Whether lower_number_function takes the node: Neg, Abs, Sign, Relu and Clip (its limits known or not) of integers of
/// 8 to 64 bits and f64, Clip of f32, functions of f64.
bool has_number_function(const Node& node);
/// Emits the step: one loop over the elements, in the type itself; integers wrap around, f64 functions are the C
/// library's.
void lower_number_function(Lowering& lowering, const Unit& unit);

}  // namespace oriel::cpu
