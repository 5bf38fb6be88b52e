// Attention's own loops, AVX2.
#include "kernels/attention/attention_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/attention/attention.inc"
}  // namespace

ORIEL_ATTENTION_TABLE(kAttentionAvx2)

}  // namespace oriel::kernels
