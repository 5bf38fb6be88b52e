// Suppression of boxes and pooling over regions against plain loops.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/detect/nms.h"
#include "kernels/detect/roi_align.h"
#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

float overlap(const std::array<float, 4>& a, const std::array<float, 4>& b) {
  const float w = std::min(a[2], b[2]) - std::max(a[0], b[0]);
  const float h = std::min(a[3], b[3]) - std::max(a[1], b[1]);
  const float area_a = (a[2] - a[0]) * (a[3] - a[1]);
  const float area_b = (b[2] - b[0]) * (b[3] - b[1]);
  if (!(w > 0 && h > 0 && area_a > 0 && area_b > 0)) return 0;
  const float shared = w * h;
  return shared / (area_a + area_b - shared);
}

std::vector<std::int32_t> plain_nms(const NmsProblem& p, std::int64_t unit) {
  std::vector<std::array<float, 4>> boxes;
  for (std::int64_t i = 0; i < p.count; ++i) {
    const float* b = p.boxes + (unit / p.classes * p.count + i) * 4;
    if (p.center) {
      boxes.push_back({b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2});
    } else {
      boxes.push_back({std::min(b[1], b[3]), std::min(b[0], b[2]), std::max(b[1], b[3]), std::max(b[0], b[2])});
    }
  }
  std::vector<std::int32_t> order;
  for (std::int64_t i = 0; i < p.count; ++i) {
    const float s = p.scores[unit * p.count + i];
    if (!std::isnan(s) && (!p.filtered || s > p.score_threshold)) order.push_back(static_cast<std::int32_t>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return p.scores[unit * p.count + a] > p.scores[unit * p.count + b];
  });
  std::vector<std::int32_t> chosen;
  for (const std::int32_t i : order) {
    if (static_cast<std::int64_t>(chosen.size()) >= p.most) break;
    if (std::none_of(chosen.begin(), chosen.end(),
                     [&](std::int32_t j) { return overlap(boxes[i], boxes[j]) > p.iou_threshold; }))
      chosen.push_back(i);
  }
  return chosen;
}

TEST(Nms, AgreesWithPlainLoops) {
  std::mt19937 rng(5);
  for (int round = 0; round < 60; ++round) {
    NmsProblem p;
    p.batches = 2;
    p.classes = 3;
    p.count = static_cast<std::int64_t>(rng() % 70);
    p.most = round % 5 == 0 ? 3 : 1000;
    p.iou_threshold = static_cast<float>(rng() % 10) / 10;
    p.filtered = round % 2 == 0;
    p.score_threshold = 0.4F;
    p.center = round % 3 == 0;
    auto boxes = test::random_floats(p.batches * p.count * 4, rng, 0, 4);
    auto scores = test::random_floats(p.batches * p.classes * p.count, rng, 0, 1);
    // Ties, boxes without area, and a NaN.
    for (float& s : scores) s = std::round(s * 8) / 8;
    if (p.count > 4) {
      std::fill_n(boxes.begin(), 4, 1.0F);
      scores[1] = std::numeric_limits<float>::quiet_NaN();
    }
    p.boxes = boxes.data();
    p.scores = scores.data();
    std::vector<float> corners(static_cast<std::size_t>(nms_corner_floats(p)) + 1);
    std::vector<double> scratch(nms_scratch_bytes(p) / 8 + 1);
    std::vector<std::int32_t> chosen(static_cast<std::size_t>(p.count));
    for (std::int64_t unit = 0; unit < p.batches * p.classes; ++unit) {
      nms_corners(p, unit / p.classes, corners.data());
      const std::int64_t n = nms_class(p, unit, corners.data(), scratch.data(), chosen.data());
      EXPECT_EQ(std::vector<std::int32_t>(chosen.begin(), chosen.begin() + n), plain_nms(p, unit)) << round;
    }
  }
}

class Roi : public ::testing::TestWithParam<Isa> {};

double sample(const float* image, const RoiAlign& a, std::int64_t lane, double y, double x,
              std::vector<double>* parts) {
  if (!(y >= -1 && y <= static_cast<double>(a.height) && x >= -1 && x <= static_cast<double>(a.width))) {
    if (parts != nullptr) parts->push_back(0);
    return 0;
  }
  y = std::clamp(y, 0.0, static_cast<double>(a.height - 1));
  x = std::clamp(x, 0.0, static_cast<double>(a.width - 1));
  double sum = 0;
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) {
      const auto py = std::min<std::int64_t>(static_cast<std::int64_t>(y) + i, a.height - 1);
      const auto px = std::min<std::int64_t>(static_cast<std::int64_t>(x) + j, a.width - 1);
      const double fy = y - std::floor(y);
      const double fx = x - std::floor(x);
      const double v = image[(py * a.width + px) * 16 + lane] * (i == 1 ? fy : 1 - fy) * (j == 1 ? fx : 1 - fx);
      sum += v;
      if (parts != nullptr) parts->push_back(v);
    }
  }
  return sum;
}

TEST_P(Roi, AgreesWithPlainLoops) {
  std::mt19937 rng(6);
  for (int round = 0; round < 24; ++round) {
    RoiAlign a;
    a.blocks = 2;
    a.height = 1 + static_cast<std::int64_t>(rng() % 9);
    a.width = 1 + static_cast<std::int64_t>(rng() % 9);
    a.out_height = 1 + static_cast<std::int64_t>(rng() % 4);
    a.out_width = 1 + static_cast<std::int64_t>(rng() % 4);
    a.sampling_ratio = round % 3;
    a.spatial_scale = 0.5F;
    a.maximum = round % 4 == 3;
    a.half_pixel = round % 2 == 0;
    const std::int64_t points = a.height * a.width * 16;
    const auto image = test::random_floats(a.blocks * points, rng);
    std::vector<float> region = test::random_floats(4, rng, -4, 20);
    if (region[0] > region[2]) std::swap(region[0], region[2]);
    if (region[1] > region[3]) std::swap(region[1], region[3]);
    const RoiGrid g = roi_grid(a, region.data());
    ASSERT_GE(g.rows, 0);
    std::vector<RoiPlace> places(static_cast<std::size_t>(roi_places(a, g)) + 1);
    const std::int64_t bins = a.out_height * a.out_width;
    std::vector<float> y(static_cast<std::size_t>(a.blocks * bins * 16));
    roi_align_f32(a, g, image.data(), y.data(), places.data(), GetParam());
    for (std::int64_t i = 0; i < a.blocks * bins * 16; ++i) {
      const std::int64_t bin = i / 16 % bins;
      double sum = 0;
      std::vector<double> parts;
      for (std::int64_t r = 0; r < g.rows; ++r) {
        for (std::int64_t c = 0; c < g.columns; ++c) {
          const std::int64_t bin_row = bin / a.out_width;
          const double py =
              g.y + (static_cast<double>(bin_row) + (static_cast<double>(r) + 0.5) / static_cast<double>(g.rows)) *
                        g.bin_height;
          const double px = g.x + (static_cast<double>(bin % a.out_width) +
                                   (static_cast<double>(c) + 0.5) / static_cast<double>(g.columns)) *
                                      g.bin_width;
          sum += sample(image.data() + i / 16 / bins * points, a, i % 16, py, px, &parts);
        }
      }
      const std::int64_t samples = g.rows * g.columns;
      double want = samples == 0 ? 0 : sum / static_cast<double>(samples);
      if (a.maximum) want = parts.empty() ? 0 : *std::max_element(parts.begin(), parts.end());
      ASSERT_NEAR(y[static_cast<std::size_t>(i)], want, 1e-5) << round;
    }
  }
}

TEST(Roi, RefusesWhatIsNotFinite) {
  const float region[4] = {0, 0, std::numeric_limits<float>::quiet_NaN(), 4};
  RoiAlign a;
  EXPECT_EQ(roi_grid(a, region).rows, -1);
}

INSTANTIATE_TEST_SUITE_P(Levels, Roi, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
