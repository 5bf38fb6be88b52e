// SpaceToDepth: moves the pixels of blocks of blocksize x blocksize into channels. DCR: the block position is the slow
// part of the new channel, CRD: the fast part.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const std::int64_t b = pixel_block(c.attributes());
  const Shape& in = c.shape(0);
  if (!in.is_ranked()) {
    c.set(0, c.element(0), Shape::of_rank(4));
    return;
  }
  if (in.rank() != 4) fail(ErrorCode::kInvalidGraph, "input has the shape {}, expected rank 4", in.to_string());
  for (std::size_t i = 2; i < 4; ++i) {
    if (in[i].is_known() && in[i].value() % b != 0)
      fail(ErrorCode::kInvalidGraph, "an extent of {} for blocks of {}", in[i].value(), b);
  }
  c.set(0, c.element(0), Shape{in[0], in[1] * Dim(b * b), floor_div(in[2], b), floor_div(in[3], b)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const std::int64_t b = pixel_block(inputs.attributes());
  ORIEL_REQUIRE(x.rank() == 4, "input has the shape {}, expected rank 4", to_string(x.dims()));
  const std::int64_t channels = x.dim(1);
  const std::int64_t h = x.dim(2);
  const std::int64_t w = x.dim(3);
  ORIEL_REQUIRE(h % b == 0 && w % b == 0, "{} x {} pixels for blocks of {}", h, w, b);
  const bool slow_block = inputs.attributes().get_string("mode") == "DCR";
  const Dims dims = {x.dim(0), channels * b * b, h / b, w / b};
  Dims index(4, 0);
  copy_elements(outputs.allocate(0, x.type(), dims), x, context, [&](std::int64_t) {
    const std::int64_t place = slow_block ? index[1] / channels : index[1] % (b * b);
    const std::int64_t channel = slow_block ? index[1] % channels : index[1] / (b * b);
    const std::int64_t row = index[2] * b + place / b;
    const std::int64_t at = ((index[0] * channels + channel) * h + row) * w + index[3] * b + place % b;
    advance(index, dims);
    return at;
  });
}

}  // namespace

OpDef op_space_to_depth() {
  return {.name = "SpaceToDepth",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"blocksize", std::int64_t{1}, AttributeDef::Need::kRequired}, {"mode", std::string("DCR")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
