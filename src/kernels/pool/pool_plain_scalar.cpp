// Pooling of plain planes, portable C++.
#include "kernels/pool/pool_plain.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/pool/pool_plain.inc"
}  // namespace

const PlainPoolRun kPlainPoolScalar = run_plain_pool;

}  // namespace oriel::kernels
