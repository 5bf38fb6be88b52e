// What each level offers to the soft cap.
#pragma once

#include <cstdint>

namespace oriel::kernels {

using SoftCapFunction = void (*)(float cap, const float* x, float* y, std::int64_t n);

extern const SoftCapFunction kSoftCapScalar;
extern const SoftCapFunction kSoftCapAvx2;
extern const SoftCapFunction kSoftCapAvx512;

}  // namespace oriel::kernels
