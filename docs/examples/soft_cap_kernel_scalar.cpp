// The soft cap, portable C++.
#include "kernels/simd/vec_scalar.h"
#include "soft_cap_kernel_table.h"

namespace oriel::kernels {
namespace {
#include "soft_cap_kernel.inc"
}  // namespace

const SoftCapFunction kSoftCapScalar = soft_cap;

}  // namespace oriel::kernels
