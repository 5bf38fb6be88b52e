// ai.onnx.ml.ArrayFeatureExtractor: the elements of the last axis of X at the positions Y; a vector gives one row.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0,
                  {ElementType::kF32, ElementType::kF64, ElementType::kI64, ElementType::kI32, ElementType::kString});
  require_element(c, 1, {ElementType::kI64});
  Shape out = c.shape(0);
  if (out.is_ranked()) {
    if (out.rank() == 0) fail(ErrorCode::kInvalidGraph, "input of shape [], expected rank 1 or more");
    if (out.rank() == 1) out = Shape{Dim(1), Dim::unknown()};
    out[out.rank() - 1] = c.shape(1).is_ranked() ? c.shape(1).elements() : Dim::unknown();
  }
  c.set(0, c.element(0), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const std::vector<std::int64_t> picks = inputs[1].to_i64();
  ORIEL_REQUIRE(x.rank() > 0, "input of shape [], expected rank 1 or more");
  const std::int64_t extent = x.dim(x.rank() - 1);
  for (const std::int64_t p : picks) ORIEL_REQUIRE(p >= 0 && p < extent, "index {} is outside [0, {})", p, extent);
  const auto count = static_cast<std::int64_t>(picks.size());
  Dims dims = x.rank() == 1 ? Dims{1, 0} : x.dims();
  dims[dims.size() - 1] = count;
  Tensor& z = outputs.allocate(0, x.type(), dims);
  copy_elements(z, x, context,
                [&](std::int64_t i) { return i / count * extent + picks[static_cast<std::size_t>(i % count)]; });
}

}  // namespace

OpDef op_ml_array_feature_extractor() {
  return {.name = "ArrayFeatureExtractor",
          .domain = "ai.onnx.ml",
          .min_inputs = 2,
          .max_inputs = 2,
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
