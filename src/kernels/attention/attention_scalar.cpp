// Attention's own loops, portable C++.
#include "kernels/attention/attention_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/attention/attention.inc"
}  // namespace

ORIEL_ATTENTION_TABLE(kAttentionScalar)

}  // namespace oriel::kernels
