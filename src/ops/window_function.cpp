// What HannWindow, HammingWindow and BlackmanWindow share.
#include "ops/window_function.h"

#include <numbers>

#include "ops/scalars.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_whole_scalar(c, 0);
  const ElementType type = c.attributes().get_element_type("output_datatype");
  if (!is_float(type) && !is_integer(type)) unsupported_type(type);
  const Dim size = scalar_content(c, 0);
  if (size.max() < 0) fail(ErrorCode::kInvalidGraph, "the size is {}, expected 0 or more", size.to_string());
  c.set(0, type, Shape{size});
}

}  // namespace

OpDef window_definition(const char* name, OpFunction reference) {
  return {.name = name,
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"periodic", std::int64_t{1}}, {"output_datatype", ElementType::kF32}},
          .traits = {.shape_operands = 0b1},
          .infer = infer,
          .reference = reference};
}

void reference_window(const Inputs& inputs, OutputSink& outputs, RunContext& context, double (*f)(double angle)) {
  const std::int64_t size = whole_scalar(inputs[0]);
  ORIEL_REQUIRE(size >= 0, "the size is {}, expected 0 or more", size);
  const std::int64_t period = inputs.attributes().get_bool("periodic") ? size : size - 1;
  Tensor& out = outputs.allocate(0, inputs.attributes().get_element_type("output_datatype"), {size});
  for_each_element(size, context, [&](std::int64_t n) {
    const double angle = 2.0 * std::numbers::pi * static_cast<double>(n) / static_cast<double>(period);
    store_number(out, n, period == 0 ? 1.0 : f(angle));
  });
}

}  // namespace oriel::ops
