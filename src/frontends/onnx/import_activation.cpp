// Activations as attributes, and the nodes that stand for them.
#include "frontends/onnx/import_activation.h"

namespace oriel::onnx {

Activation Activation::take(Attributes& attributes) {
  Activation a{attributes.get_string("activation", ""), {}};
  attributes.erase("activation");
  if (attributes.has("activation_params")) {
    a.parameters = attributes.get_floats("activation_params");
    attributes.erase("activation_params");
  }
  for (const char* name : {"activation_alpha", "activation_beta", "activation_gamma"}) {
    if (attributes.has(name)) a.parameters.push_back(attributes.get_float(name));
    attributes.erase(name);
  }
  return a;
}

float Activation::parameter(std::size_t i, float fallback) const {
  if (parameters.empty()) return fallback;
  if (i >= parameters.size())
    fail(ErrorCode::kInvalidGraph, "activation {} has {} parameters", name, parameters.size());
  return parameters[i];
}

Value* Activation::apply(ImportContext& c, Value* x) const {
  if (name.empty()) return x;
  for (const char* plain : {"Relu", "Tanh", "Sigmoid", "Softplus", "Softsign", "HardSwish", "Mish", "Gelu"}) {
    if (name == plain) return c.call(name, {x});
  }
  if (name == "LeakyRelu") return c.call(name, {x}, {{"alpha", parameter(0, 0.01F)}});
  if (name == "Elu" || name == "ThresholdedRelu") return c.call(name, {x}, {{"alpha", parameter(0, 1)}});
  if (name == "HardSigmoid") return c.call(name, {x}, {{"alpha", parameter(0, 0.2F)}, {"beta", parameter(1, 0.5F)}});
  if (name == "QuickGelu") return c.call("Swish", {x}, {{"alpha", parameter(0, 1.702F)}});
  if (name == "Clip") {
    if (parameters.size() != 2)
      fail(ErrorCode::kInvalidGraph, "activation {} has {} parameters", name, parameters.size());
    const auto bound = [&](float value) {
      Tensor t = Tensor::allocate(x->element(), {});
      store_element(t, 0, value);
      return c.constant(std::move(t));
    };
    return c.call(name, {x, bound(parameters[0]), bound(parameters[1])});
  }
  fail(ErrorCode::kNotImplemented, "activation {} is not supported", name);
}

}  // namespace oriel::onnx
