// NonMaxSuppression: for each batch and class the boxes of highest score, without those that overlap a chosen one by
// more than iou_threshold; rows of [batch, class, box]. Boxes are [y1, x1, y2, x2] (any two corners), or centre x, y,
// width, height where center_point_box is 1.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& boxes = c.shape(0);
  const Shape& scores = c.shape(1);
  if ((boxes.is_ranked() && boxes.rank() != 3) || (scores.is_ranked() && scores.rank() != 3)) {
    fail(ErrorCode::kInvalidGraph, "boxes {} and scores {}, expected rank 3", boxes.to_string(), scores.to_string());
  }
  Dim most = Dim::unknown();
  if (scores.is_ranked()) {
    Dim each = scores[2];
    std::vector<std::int64_t> limit;
    if (!c.has_input(2)) {
      each = Dim(0);
    } else if (c.known_content(2, limit) && limit.size() == 1) {
      each = min(each, Dim(std::max<std::int64_t>(limit[0], 0)));
    }
    most = scores[0] * scores[1] * each;
  }
  c.set(0, ElementType::kI64, Shape{Dim::unknown(0, most.max()), Dim(3)});
}

struct Box {
  double y1;
  double x1;
  double y2;
  double x2;
  double area() const { return (y2 - y1) * (x2 - x1); }
};

Box box_at(const Tensor& boxes, std::int64_t i, bool center) {
  const double a = element_as_f64(boxes, 4 * i);
  const double b = element_as_f64(boxes, 4 * i + 1);
  const double c = element_as_f64(boxes, 4 * i + 2);
  const double d = element_as_f64(boxes, 4 * i + 3);
  if (center) return {b - d / 2, a - c / 2, b + d / 2, a + c / 2};
  return {std::min(a, c), std::min(b, d), std::max(a, c), std::max(b, d)};
}

double overlap(const Box& a, const Box& b) {
  const double h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const double w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (h <= 0 || w <= 0 || a.area() <= 0 || b.area() <= 0) return 0;
  return h * w / (a.area() + b.area() - h * w);
}

double scalar_or(const Inputs& inputs, std::size_t i, double fallback) {
  if (!inputs.has(i)) return fallback;
  ORIEL_REQUIRE(inputs[i].size() == 1, "input {} is {}, expected a scalar", i, inputs[i].description());
  return element_as_f64(inputs[i], 0);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& boxes = inputs[0];
  const Tensor& scores = inputs[1];
  ORIEL_REQUIRE(boxes.rank() == 3 && scores.rank() == 3 && boxes.dim(2) == 4 && boxes.dim(0) == scores.dim(0) &&
                    boxes.dim(1) == scores.dim(2),
                "boxes {} and scores {}, expected [batch, boxes, 4] and [batch, classes, boxes]",
                to_string(boxes.dims()), to_string(scores.dims()));
  const std::int64_t count = boxes.dim(1);
  const std::int64_t classes = scores.dim(1);
  const std::int64_t most = inputs.has(2) ? scalar_i64(inputs[2]) : 0;
  const double iou_threshold = scalar_or(inputs, 3, 0);
  const bool filtered = inputs.has(4);
  const double score_threshold = scalar_or(inputs, 4, 0);
  const bool center = inputs.attributes().get_bool("center_point_box");
  std::vector<std::int64_t> rows;
  for (std::int64_t b = 0; b < boxes.dim(0) && most > 0; ++b) {
    std::vector<Box> all;
    for (std::int64_t i = 0; i < count; ++i) all.push_back(box_at(boxes, b * count + i, center));
    for (std::int64_t k = 0; k < classes; ++k) {
      context.check();
      std::vector<std::pair<double, std::int64_t>> ranked;
      for (std::int64_t i = 0; i < count; ++i) {
        const double score = element_as_f64(scores, (b * classes + k) * count + i);
        if (!std::isnan(score) && (!filtered || score > score_threshold)) ranked.emplace_back(score, i);
      }
      std::stable_sort(ranked.begin(), ranked.end(), [](const auto& x, const auto& y) { return x.first > y.first; });
      std::vector<std::int64_t> chosen;
      for (const auto& [score, i] : ranked) {
        if (static_cast<std::int64_t>(chosen.size()) >= most) break;
        const Box& candidate = all[static_cast<std::size_t>(i)];
        const bool suppressed = std::any_of(chosen.begin(), chosen.end(), [&](std::int64_t j) {
          return overlap(candidate, all[static_cast<std::size_t>(j)]) > iou_threshold;
        });
        if (suppressed) continue;
        chosen.push_back(i);
        rows.insert(rows.end(), {b, k, i});
      }
    }
  }
  Tensor& out = outputs.allocate(0, ElementType::kI64, {static_cast<std::int64_t>(rows.size() / 3), 3});
  std::copy(rows.begin(), rows.end(), out.data<std::int64_t>());
}

}  // namespace

OpDef op_non_max_suppression() {
  return {.name = "NonMaxSuppression",
          .min_inputs = 2,
          .max_inputs = 5,
          .attributes = {{"center_point_box", std::int64_t{0}}},
          .traits = {.shape_operands = 0b100},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
