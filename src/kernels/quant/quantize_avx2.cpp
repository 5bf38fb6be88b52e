// Quantisation, AVX2.
#include "kernels/quant/quantize_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/quant/quantize.inc"
}  // namespace

ORIEL_QUANTIZE_TABLE(kQuantizeAvx2)

}  // namespace oriel::kernels
