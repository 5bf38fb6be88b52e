// Pooling of plain planes, AVX2.
#include "kernels/pool/pool_plain.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/pool/pool_plain.inc"
}  // namespace

const PlainPoolRun kPlainPoolAvx2 = run_plain_pool;

}  // namespace oriel::kernels
