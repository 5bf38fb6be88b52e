// Quantisation, AVX-512.
#include "kernels/quant/quantize_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/quant/quantize.inc"
}  // namespace

ORIEL_QUANTIZE_TABLE(kQuantizeAvx512)

}  // namespace oriel::kernels
