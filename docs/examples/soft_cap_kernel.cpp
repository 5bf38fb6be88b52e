// Chooses the level of the soft cap.
#include "soft_cap_kernel.h"

#include "soft_cap_kernel_table.h"

namespace oriel::kernels {

void soft_cap_f32(float cap, const float* x, float* y, std::int64_t n, Isa isa) {
  const SoftCapFunction f = isa == Isa::kScalar ? kSoftCapScalar : isa == Isa::kAvx2 ? kSoftCapAvx2 : kSoftCapAvx512;
  f(cap, x, y, n);
}

}  // namespace oriel::kernels
