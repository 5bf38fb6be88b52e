// Pooling for AVX2.
#include "kernels/conv/lanes_avx2.h"
#include "kernels/pool/pool.h"

namespace oriel::kernels {
namespace {

#include "kernels/pool/pool_body.inc"

}  // namespace

const PoolRun kPoolAvx2 = run_pool;

}  // namespace oriel::kernels
