// Quantisation, portable C++.
#include "kernels/quant/quantize_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/quant/quantize.inc"
}  // namespace

ORIEL_QUANTIZE_TABLE(kQuantizeScalar)

}  // namespace oriel::kernels
