// CausalConvWithState: a depthwise convolution along the last axis whose window ends at the current position;
// past_state stands before the input, present_state is the last k - 1 positions of both. With activation silu or swish:
// y * sigmoid(y).
#include "ops/common.h"

namespace oriel::ops {
namespace {

bool activated(const Attributes& attributes) {
  const std::string& name = attributes.get_string("activation");
  if (name != "none" && name != "silu" && name != "swish") {
    fail(ErrorCode::kInvalidGraph, "attribute activation is \"{}\", expected none, silu or swish", name);
  }
  return name != "none";
}

void infer(InferContext& c) {
  activated(c.attributes());
  Shape state = Shape::of_rank(3);
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const Shape& s = c.shape(i);
    if (!s.is_ranked()) continue;
    if (s.rank() != 3)
      fail(ErrorCode::kInvalidGraph, "input {} is of shape {}, expected a rank of 3", i, s.to_string());
    if (i == 0) {
      state[0] = s[0];
      state[1] = s[1];
    } else {
      state[2] = (s[2] - Dim(1)).bounded(0, kUnboundedDim);
    }
  }
  infer_same(c);
  if (c.num_outputs() > 1) c.set(1, c.element(0), std::move(state));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& w = inputs[1];
  ORIEL_REQUIRE(x.rank() == 3 && w.rank() == 3 && w.dim(0) == x.dim(1) && w.dim(1) == 1 && w.dim(2) >= 1,
                "input of shape {} and weights of shape {}", to_string(x.dims()), to_string(w.dims()));
  const bool silu = activated(inputs.attributes());
  const std::int64_t channels = x.dim(1);
  const std::int64_t length = x.dim(2);
  const std::int64_t kernel = w.dim(2);
  const Dims state_dims{x.dim(0), channels, kernel - 1};
  ORIEL_REQUIRE(!inputs.has(2) || inputs[2].size() == channels, "bias of shape {}, expected {} elements",
                to_string(inputs[2].dims()), channels);
  ORIEL_REQUIRE(!inputs.has(3) || inputs[3].dims() == state_dims, "past_state of shape {}, expected {}",
                to_string(inputs[3].dims()), to_string(state_dims));
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  Tensor* present = outputs.size() > 1 && outputs.wanted(1) ? &outputs.allocate(1, x.type(), state_dims) : nullptr;
  dispatch_float(x.type(), [&]<typename T>() {
    const T* bias = inputs.has(2) ? inputs[2].data<T>() : nullptr;
    const T* past = inputs.has(3) ? inputs[3].data<T>() : nullptr;
    std::vector<T> line(static_cast<std::size_t>(kernel - 1 + length));
    for (std::int64_t row = 0; row < x.dim(0) * channels; ++row) {
      context.check();
      for (std::int64_t i = 0; i < kernel - 1; ++i) {
        line[static_cast<std::size_t>(i)] = past != nullptr ? past[row * (kernel - 1) + i] : T(0);
      }
      std::copy_n(x.data<T>() + row * length, length, line.begin() + (kernel - 1));
      const T* weights = w.data<T>() + row % channels * kernel;
      for (std::int64_t t = 0; t < length; ++t) {
        double sum = bias != nullptr ? widen(bias[row % channels]) : 0.0;
        for (std::int64_t k = 0; k < kernel; ++k)
          sum += widen(line[static_cast<std::size_t>(t + k)]) * widen(weights[k]);
        out.data<T>()[row * length + t] = narrow<T>(silu ? sum / (1.0 + std::exp(-sum)) : sum);
      }
      if (present != nullptr) std::copy_n(line.begin() + length, kernel - 1, present->data<T>() + row * (kernel - 1));
    }
  });
}

}  // namespace

OpDef op_causal_conv_with_state() {
  return {.name = "CausalConvWithState",
          .min_inputs = 2,
          .max_inputs = 4,
          .max_outputs = 2,
          .attributes = {{"activation", std::string("none")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
