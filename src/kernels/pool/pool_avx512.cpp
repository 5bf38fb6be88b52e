// Pooling for AVX-512.
#include "kernels/conv/lanes_avx512.h"
#include "kernels/pool/pool.h"

namespace oriel::kernels {
namespace {

#include "kernels/pool/pool_body.inc"

}  // namespace

const PoolRun kPoolAvx512 = run_pool;

}  // namespace oriel::kernels
