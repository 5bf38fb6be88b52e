// Importers of quantised operators and those of com.microsoft that are compositions of the standard's.
#include "frontends/onnx/import_table.h"

namespace oriel::onnx {
namespace {

constexpr const char* kMicrosoft = "com.microsoft";

/// A scalar of the given float type.
Value* scalar(ImportContext& c, double value, ElementType type) {
  Tensor t = Tensor::allocate(type, {});
  store_element(t, 0, value);
  return c.constant(std::move(t));
}

/// Takes the attributes that start with "activation" from the node.
struct Activation {
  std::string name;
  std::vector<float> parameters;

  /// FusedConv has a list of parameters, FusedGemm an alpha, a beta and a gamma.
  static Activation take(Attributes& attributes) {
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
  float parameter(std::size_t i) const {
    if (i >= parameters.size()) fail(ErrorCode::kInvalidGraph, "activation {} has {} parameters", name, parameters.size());
    return parameters[i];
  }
  Value* apply(ImportContext& c, Value* x) const {
    if (name.empty()) return x;
    if (name == "Relu" || name == "Tanh" || name == "Sigmoid" || name == "Softplus" || name == "Softsign") return c.call(name, {x});
    if (name == "LeakyRelu" || name == "Elu" || name == "ThresholdedRelu") {
      return parameters.empty() ? c.call(name, {x}) : c.call(name, {x}, {{"alpha", parameter(0)}});
    }
    if (name == "HardSigmoid") return c.call(name, {x}, {{"alpha", parameter(0)}, {"beta", parameter(1)}});
    if (name == "Clip") return c.call(name, {x, scalar(c, parameter(0), x->element()), scalar(c, parameter(1), x->element())});
    fail(ErrorCode::kNotImplemented, "activation {} is not supported", name);
  }
};

// activation(Conv(x, w, b) + z).
void import_fused_conv(ImportContext& c) {
  const Activation activation = Activation::take(c.attributes());
  std::vector<Value*> operands{c.input(0), c.input(1)};
  if (c.input(2) != nullptr) operands.push_back(c.input(2));
  Value* y = c.call("Conv", operands, c.attributes());
  if (c.input(3) != nullptr) y = c.call("Add", {y, c.input(3)});
  c.finish({activation.apply(c, y)});
}

// activation(Gemm(a, b, c)).
void import_fused_gemm(ImportContext& c) {
  const Activation activation = Activation::take(c.attributes());
  c.finish({activation.apply(c, c.call("Gemm", c.inputs(), c.attributes()))});
}

}  // namespace

void add_quant_rows(ImportTable& table) {
  const auto microsoft = [&table](std::string_view op, ImportFunction function) {
    table.add(op, 1, ImportTable::kNewest, function, kMicrosoft);
  };
  microsoft("FusedConv", import_fused_conv);
  microsoft("FusedGemm", import_fused_gemm);
}

}  // namespace oriel::onnx
