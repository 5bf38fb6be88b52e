// Bernoulli: 1 with the probability that the element gives, else 0, in the type `dtype` or the operand's.
#include "ops/elementwise.h"
#include "ops/random.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_float(c, 0);
  const ElementType type = random_like_type(c.attributes(), c.element(0));
  if (type != ElementType::kBool && !is_float(type) && !is_integer(type)) unsupported_type(type);
  c.set(0, type, c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  Tensor& out = outputs.allocate(0, random_like_type(inputs.attributes(), x.type()), x.dims());
  RandomSource random(inputs.attributes(), context);
  for_each_element(x.size(), context,
                   [&](std::int64_t i) { store_element(out, i, random.uniform() < element_as_f64(x, i) ? 1.0 : 0.0); });
}

}  // namespace

OpDef op_bernoulli() {
  return {.name = "Bernoulli",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"dtype", ElementType::kF32, AttributeDef::Need::kOptional},
                         {"seed", 0.0F, AttributeDef::Need::kOptional}},
          .traits = {.nondeterministic = true},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
