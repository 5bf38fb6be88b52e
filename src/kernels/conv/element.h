// Element types of convolution operands.
#pragma once

#include <cstdint>

namespace oriel::kernels {

enum class ConvElement : std::uint8_t { kF32, kBf16, kU8, kS8, kS32 };

}  // namespace oriel::kernels
