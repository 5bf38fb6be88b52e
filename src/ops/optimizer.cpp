// Inference of the training operators.
#include "ops/optimizer.h"

namespace oriel::ops {

void infer_optimizer(InferContext& c, std::size_t accumulators) {
  const std::size_t lists = accumulators + 2;
  if (c.num_inputs() < 3 || (c.num_inputs() - 2) % lists != 0) {
    fail(ErrorCode::kInvalidGraph, "{} inputs, expected 2 and a multiple of {}", c.num_inputs(), lists);
  }
  const std::size_t count = (c.num_inputs() - 2) / lists;
  if (c.num_outputs() > count * (accumulators + 1)) {
    fail(ErrorCode::kInvalidGraph, "{} outputs, expected {}", c.num_outputs(), count * (accumulators + 1));
  }
  for (std::size_t i = 0; i < c.num_outputs(); ++i) c.set(i, c.element(2 + i % count), c.shape(2 + i % count));
}

}  // namespace oriel::ops
