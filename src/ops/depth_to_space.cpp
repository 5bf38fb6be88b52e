// DepthToSpace: moves channels into blocks of blocksize x blocksize pixels. DCR: the block position is the slow part of
// the channel, CRD: the fast part.
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
  if (in[1].is_known() && in[1].value() % (b * b) != 0)
    fail(ErrorCode::kInvalidGraph, "{} channels for blocks of {}", in[1].value(), b);
  c.set(0, c.element(0), Shape{in[0], floor_div(in[1], b * b), in[2] * Dim(b), in[3] * Dim(b)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const std::int64_t b = pixel_block(inputs.attributes());
  ORIEL_REQUIRE(x.rank() == 4, "input has the shape {}, expected rank 4", to_string(x.dims()));
  const std::int64_t channels = x.dim(1);
  const std::int64_t h = x.dim(2);
  const std::int64_t w = x.dim(3);
  ORIEL_REQUIRE(channels % (b * b) == 0, "{} channels for blocks of {}", channels, b);
  const std::int64_t kept = channels / (b * b);
  const bool slow_block = inputs.attributes().get_string("mode") == "DCR";
  const Dims dims = {x.dim(0), kept, h * b, w * b};
  Dims index(4, 0);
  copy_elements(outputs.allocate(0, x.type(), dims), x, context, [&](std::int64_t) {
    const std::int64_t place = index[2] % b * b + index[3] % b;
    const std::int64_t channel = slow_block ? place * kept + index[1] : index[1] * b * b + place;
    const std::int64_t at = ((index[0] * channels + channel) * h + index[2] / b) * w + index[3] / b;
    advance(index, dims);
    return at;
  });
}

}  // namespace

OpDef op_depth_to_space() {
  return {.name = "DepthToSpace",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"blocksize", std::int64_t{1}, AttributeDef::Need::kRequired}, {"mode", std::string("DCR")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
