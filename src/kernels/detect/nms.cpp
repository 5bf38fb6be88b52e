// Candidates on a heap by score; each is compared with the chosen boxes, eight at a time.
#include "kernels/detect/nms.h"

#include <algorithm>

namespace oriel::kernels {
namespace {

struct Candidate {
  float score;
  std::int32_t box;
};

// The order of a heap whose top is the next candidate.
bool after(const Candidate& a, const Candidate& b) { return a.score != b.score ? a.score < b.score : a.box > b.box; }

constexpr std::int64_t kGroup = 8;

std::int64_t chosen_room(const NmsProblem& p) { return (std::min(p.most, p.count) + kGroup - 1) / kGroup * kGroup; }

// The boxes chosen so far, array by array; rooms behind the last one hold boxes without area.
struct Chosen {
  float* x1;
  float* y1;
  float* x2;
  float* y2;
  float* area;
};

bool suppressed(const Chosen& c, std::int64_t n, const float (&box)[5], float threshold) {
  for (std::int64_t first = 0; first < n; first += kGroup) {
    int hits = 0;
    for (std::int64_t l = 0; l < kGroup; ++l) {
      const std::int64_t j = first + l;
      const float left = box[0] > c.x1[j] ? box[0] : c.x1[j];
      const float top = box[1] > c.y1[j] ? box[1] : c.y1[j];
      const float right = box[2] < c.x2[j] ? box[2] : c.x2[j];
      const float bottom = box[3] < c.y2[j] ? box[3] : c.y2[j];
      const float shared = (right - left) * (bottom - top);
      const float whole = box[4] + c.area[j] - shared;
      const float ratio = shared / whole;
      hits |= static_cast<int>(right > left) & static_cast<int>(bottom > top) & static_cast<int>(shared > 0) &
              static_cast<int>(c.area[j] > 0) & static_cast<int>(whole > 0) & static_cast<int>(ratio > threshold);
    }
    if (hits != 0) return true;
  }
  return false;
}

}  // namespace

void nms_corners(const NmsProblem& p, std::int64_t batch, float* corners) {
  const float* boxes = p.boxes + batch * p.count * 4;
  const std::int64_t n = p.count;
  for (std::int64_t i = 0; i < n; ++i) {
    const float* b = boxes + i * 4;
    float x1 = std::min(b[1], b[3]);
    float y1 = std::min(b[0], b[2]);
    float x2 = std::max(b[1], b[3]);
    float y2 = std::max(b[0], b[2]);
    if (p.center) {
      x1 = b[0] - b[2] / 2;
      y1 = b[1] - b[3] / 2;
      x2 = b[0] + b[2] / 2;
      y2 = b[1] + b[3] / 2;
    }
    corners[i] = x1;
    corners[n + i] = y1;
    corners[2 * n + i] = x2;
    corners[3 * n + i] = y2;
    corners[4 * n + i] = (x2 - x1) * (y2 - y1);
  }
}

std::size_t nms_scratch_bytes(const NmsProblem& p) {
  return static_cast<std::size_t>(p.count) * sizeof(Candidate) +
         static_cast<std::size_t>(5 * chosen_room(p)) * sizeof(float);
}

std::int64_t nms_class(const NmsProblem& p, std::int64_t unit, const float* corners, void* scratch,
                       std::int32_t* chosen) {
  const float* scores = p.scores + unit * p.count;
  auto* heap = static_cast<Candidate*>(scratch);
  std::int64_t candidates = 0;
  for (std::int64_t i = 0; i < p.count; ++i) {
    const float s = scores[i];
    if (p.filtered ? s > p.score_threshold : s == s) heap[candidates++] = {s, static_cast<std::int32_t>(i)};
  }
  std::make_heap(heap, heap + candidates, after);
  const std::int64_t room = chosen_room(p);
  auto* floats = reinterpret_cast<float*>(heap + p.count);
  const Chosen c{floats, floats + room, floats + 2 * room, floats + 3 * room, floats + 4 * room};
  std::fill_n(floats, 5 * room, 0.0F);
  std::int64_t found = 0;
  while (candidates > 0 && found < p.most) {
    std::pop_heap(heap, heap + candidates, after);
    const std::int64_t i = heap[--candidates].box;
    float box[5];
    for (int k = 0; k < 5; ++k) box[k] = corners[k * p.count + i];
    if (box[4] > 0 && suppressed(c, found, box, p.iou_threshold)) continue;
    c.x1[found] = box[0];
    c.y1[found] = box[1];
    c.x2[found] = box[2];
    c.y2[found] = box[3];
    c.area[found] = box[4];
    chosen[found++] = static_cast<std::int32_t>(i);
  }
  return found;
}

}  // namespace oriel::kernels
