// Pooling for the baseline.
#include "kernels/conv/lanes_scalar.h"
#include "kernels/pool/pool.h"

namespace oriel::kernels {
namespace {

#include "kernels/pool/pool_body.inc"

}  // namespace

const PoolRun kPoolScalar = run_pool;

}  // namespace oriel::kernels
