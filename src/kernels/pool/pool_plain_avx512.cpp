// Pooling of plain planes, AVX-512.
#include "kernels/pool/pool_plain.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/pool/pool_plain.inc"
}  // namespace

const PlainPoolRun kPlainPoolAvx512 = run_plain_pool;

}  // namespace oriel::kernels
