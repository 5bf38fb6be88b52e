// RoiAlign, AVX-512.
#include "kernels/detect/roi_align.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/detect/roi_align.inc"
}  // namespace

const RoiBins kRoiBinsAvx512 = roi_bins;

}  // namespace oriel::kernels
