// Values kept rounded to bf16 between steps: who can read them so. Those of convolutions and batch norms are blocked,
// others plain.
#pragma once

#include "devices/cpu/lowering.h"

namespace oriel::cpu {

/// Whether all who read the value can take it rounded to bf16, in the blocked or the plain layout, and it does not
/// leave the sub-graph.
bool is_read_narrow(const Lowering& lowering, const Value* value, bool blocked);

/// Whether the unit leaves its result blocked where that is narrow.
bool narrows_blocked(const Unit& unit);

// Whether a unit can take the value so wherever it reads it: one a group, each in lower_<group>.cpp, for units that are
// no patterns on bytes.
bool convolution_reads_narrow(const Lowering& lowering, const Unit& unit, const Value* value, bool blocked);
bool product_reads_narrow(const Lowering& lowering, const Unit& unit, const Value* value, bool blocked);
bool pool_reads_narrow(const Lowering& lowering, const Unit& unit, const Value* value, bool blocked);
bool attention_reads_narrow(const Lowering& lowering, const Unit& unit, const Value* value, bool blocked);

}  // namespace oriel::cpu
