// The f32 matrix product for AVX-512: tiles up to 14 x 32, 6 x 64 and 2 x 128.
#include "kernels/gemm/gemm_f32_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/gemm/gemm_f32.inc"

#define ORIEL_ROWS(vecs, half, packed)                                                                     \
  {                                                                                                        \
    tile<1, vecs, half, 1, packed>, tile<2, vecs, half, 1, packed>, tile<3, vecs, half, 1, packed>,        \
        tile<4, vecs, half, 1, packed>, tile<5, vecs, half, 1, packed>, tile<6, vecs, half, 1, packed>,    \
        tile<7, vecs, half, 1, packed>, tile<8, vecs, half, 1, packed>, tile<9, vecs, half, 1, packed>,    \
        tile<10, vecs, half, 1, packed>, tile<11, vecs, half, 1, packed>, tile<12, vecs, half, 1, packed>, \
        tile<13, vecs, half, 1, packed>, tile<14, vecs, half, 1, packed>                                   \
  }
#define ORIEL_WIDTHS(packed) \
  { ORIEL_ROWS(0, 1, packed), ORIEL_ROWS(1, 0, packed), ORIEL_ROWS(1, 1, packed), ORIEL_ROWS(2, 0, packed) }
#define ORIEL_WIDE2(packed)                                                                                 \
  {                                                                                                         \
    tile<1, 2, 0, 2, packed>, tile<2, 2, 0, 2, packed>, tile<3, 2, 0, 2, packed>, tile<4, 2, 0, 2, packed>, \
        tile<5, 2, 0, 2, packed>, tile<6, 2, 0, 2, packed>                                                  \
  }
}  // namespace

const GemmF32Table kGemmF32Avx512 = {
    .group = 1,
    .rows = 14,
    .panel = 32,
    .quantum = 8,
    .wide2_rows = 6,
    .wide4_rows = 2,
    .tiles = {ORIEL_WIDTHS(false), ORIEL_WIDTHS(true)},
    .wide2 = {ORIEL_WIDE2(false), ORIEL_WIDE2(true)},
    .wide4 = {{tile<1, 2, 0, 4, false>, tile<2, 2, 0, 4, false>}, {tile<1, 2, 0, 4, true>, tile<2, 2, 0, 4, true>}},
    .pack_a = pack_a,
    .pack_b = pack_b,
    .finish = finish_partial,
    .sums_a = sums_a,
    .dot_rows = dot_rows,
    .activate = activate_matrix,
};

}  // namespace oriel::kernels
