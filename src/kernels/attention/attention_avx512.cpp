// Attention's own loops, AVX-512.
#include "kernels/attention/attention_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/attention/attention.inc"
}  // namespace

ORIEL_ATTENTION_TABLE(kAttentionAvx512)

}  // namespace oriel::kernels
