// Normalisations, AVX2.
#include "kernels/norm/norm_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/norm/norm.inc"
}  // namespace

const NormTable kNormAvx2 = {
    .layer = layer,
    .moments = moments,
    .affine = affine,
    .affine_columns = affine_columns,
    .blocked_instance = blocked_instance,
    .lrn = lrn,
};

}  // namespace oriel::kernels
