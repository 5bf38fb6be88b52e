// Non-maximum suppression of boxes, class by class.
#pragma once

#include <cstddef>
#include <cstdint>

namespace oriel::kernels {

/// Boxes [batches][count][4] are two corners (y, x, y, x) in any order, or with `center` (x, y, width, height); scores
/// are [batches][classes][count]. For each batch and class candidates are taken by falling score, equal ones by rising
/// index; NaN never is one, nor with `filtered` a score that is not above score_threshold. A candidate is chosen unless
/// its intersection over union with one chosen before is above iou_threshold. All arithmetic is f32 with one rounding
/// an operation: intersection (x2 - x1) * (y2 - y1), union a + b - intersection, then the quotient; boxes without area
/// overlap nothing. count is below 2^31.
struct NmsProblem {
  const float* boxes = nullptr;
  const float* scores = nullptr;
  std::int64_t batches = 0;
  std::int64_t classes = 0;
  std::int64_t count = 0;
  std::int64_t most = 0;  ///< chosen boxes of a class at most
  float iou_threshold = 0;
  float score_threshold = 0;
  bool filtered = false;
  bool center = false;
};

/// Floats that nms_corners writes for one batch.
inline std::int64_t nms_corner_floats(const NmsProblem& p) { return 5 * p.count; }
/// Least and greatest x and y and the area of every box of a batch, array by array.
void nms_corners(const NmsProblem& p, std::int64_t batch, float* corners);

/// Bytes at an 8-byte boundary that nms_class needs of its own.
std::size_t nms_scratch_bytes(const NmsProblem& p);
/// The boxes chosen for unit batch * classes + class, in order, of which there are at most min(most, count); returns
/// how many. `corners` are those of the batch.
std::int64_t nms_class(const NmsProblem& p, std::int64_t unit, const float* corners, void* scratch,
                       std::int32_t* chosen);

}  // namespace oriel::kernels
