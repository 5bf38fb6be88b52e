// RoiAlign, portable C++.
#include "kernels/detect/roi_align.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/detect/roi_align.inc"
}  // namespace

const RoiBins kRoiBinsScalar = roi_bins;

}  // namespace oriel::kernels
