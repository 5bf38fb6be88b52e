// What the training operators Adagrad, Adam and Momentum share: operands are rate R, step count T, then the optimised
// tensors, their gradients, and one list for each accumulator; outputs are the new tensors and the new accumulators.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// Inference with `accumulators` lists after tensors and gradients.
void infer_optimizer(InferContext& c, std::size_t accumulators);

/// Calls f(rate, step, values) for each element: values are the tensor's, the gradient's, and the accumulators'
/// elements; f changes the first and the accumulators.
template <typename F>
void reference_optimizer(const Inputs& inputs, OutputSink& outputs, RunContext& context, std::size_t accumulators,
                         F&& f) {
  const std::size_t lists = accumulators + 2;
  ORIEL_REQUIRE(inputs.size() > 2 && (inputs.size() - 2) % lists == 0, "{} inputs, expected 2 and a multiple of {}",
                inputs.size(), lists);
  const std::size_t count = (inputs.size() - 2) / lists;
  ORIEL_REQUIRE(inputs[0].size() == 1 && inputs[1].size() == 1, "R of shape {} and T of shape {}, expected scalars",
                to_string(inputs[0].dims()), to_string(inputs[1].dims()));
  const double rate = element_as_f64(inputs[0], 0);
  const auto step = static_cast<double>(element_as_i64(inputs[1], 0));
  for (std::size_t i = 0; i < count; ++i) {
    const Tensor& x = inputs[2 + i];
    std::vector<Tensor*> results;
    for (std::size_t list = 0; list < lists; ++list) {
      const Tensor& t = inputs[2 + list * count + i];
      ORIEL_REQUIRE(t.dims() == x.dims() && t.type() == x.type(), "{} beside {}", t.description(), x.description());
      if (list == 1) continue;
      const std::size_t output = (list == 0 ? 0 : list - 1) * count + i;
      results.push_back(
          output < outputs.size() && outputs.wanted(output) ? &outputs.allocate(output, x.type(), x.dims()) : nullptr);
    }
    std::vector<double> values(lists);
    for_each_element(x.size(), context, [&](std::int64_t at) {
      for (std::size_t list = 0; list < lists; ++list) values[list] = element_as_f64(inputs[2 + list * count + i], at);
      f(rate, step, values.data());
      for (std::size_t r = 0; r < results.size(); ++r) {
        if (results[r] != nullptr) store_element(*results[r], at, values[r == 0 ? 0 : r + 1]);
      }
    });
  }
}

}  // namespace oriel::ops
