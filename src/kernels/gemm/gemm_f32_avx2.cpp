// The f32 matrix product for AVX2: tiles up to 6 x 16, 3 x 32 and 1 x 64.
#include "kernels/gemm/gemm_f32_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/gemm/gemm_f32.inc"

#define ORIEL_ROWS(vecs, half, packed)                                                                 \
  {                                                                                                    \
    tile<1, vecs, half, 1, packed>, tile<2, vecs, half, 1, packed>, tile<3, vecs, half, 1, packed>,    \
        tile<4, vecs, half, 1, packed>, tile<5, vecs, half, 1, packed>, tile<6, vecs, half, 1, packed> \
  }
#define ORIEL_WIDTHS(packed) \
  { ORIEL_ROWS(0, 1, packed), ORIEL_ROWS(1, 0, packed), ORIEL_ROWS(1, 1, packed), ORIEL_ROWS(2, 0, packed) }
#define ORIEL_WIDE2(packed) \
  { tile<1, 2, 0, 2, packed>, tile<2, 2, 0, 2, packed>, tile<3, 2, 0, 2, packed> }
}  // namespace

const GemmF32Table kGemmF32Avx2 = {
    .group = 1,
    .rows = 6,
    .panel = 16,
    .quantum = 4,
    .wide2_rows = 3,
    .wide4_rows = 1,
    .tiles = {ORIEL_WIDTHS(false), ORIEL_WIDTHS(true)},
    .wide2 = {ORIEL_WIDE2(false), ORIEL_WIDE2(true)},
    .wide4 = {{tile<1, 2, 0, 4, false>}, {tile<1, 2, 0, 4, true>}},
    .pack_a = pack_a,
    .pack_b = pack_b,
    .finish = finish_partial,
    .sums_a = sums_a,
    .dot_rows = dot_rows,
    .activate = activate_matrix,
};

}  // namespace oriel::kernels
