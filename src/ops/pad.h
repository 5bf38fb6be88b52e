// What Pad does along one axis.
#pragma once

#include <cstdint>
#include <string>

namespace oriel::ops {

enum class PadMode : std::uint8_t { kConstant, kEdge, kReflect, kWrap };

/// Throws Error(kInvalidGraph) for an unknown name.
PadMode pad_mode(const std::string& name);

/// Throws Error(kInvalidArgument) where an extent cannot be padded so; negative pads remove elements.
void check_pads(PadMode mode, std::int64_t extent, std::int64_t before, std::int64_t after);

/// The index in [0, kept) whose element stands at index `i` counted from the first kept one; for modes other than
/// kConstant, kept > 0.
std::int64_t padded_index(PadMode mode, std::int64_t i, std::int64_t kept);

}  // namespace oriel::ops
