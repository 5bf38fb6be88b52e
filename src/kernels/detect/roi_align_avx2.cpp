// RoiAlign, AVX2.
#include "kernels/detect/roi_align.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/detect/roi_align.inc"
}  // namespace

const RoiBins kRoiBinsAvx2 = roi_bins;

}  // namespace oriel::kernels
