// Normalisations, portable C++.
#include "kernels/norm/norm_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/norm/norm.inc"
}  // namespace

const NormTable kNormScalar = {
    .layer = layer,
    .moments = moments,
    .affine = affine,
    .affine_columns = affine_columns,
    .blocked_instance = blocked_instance,
    .lrn = lrn,
};

}  // namespace oriel::kernels
