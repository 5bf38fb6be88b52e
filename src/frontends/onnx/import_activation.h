// The activation that com.microsoft's fused operators carry as attributes.
#pragma once

#include <string>
#include <vector>

#include "frontends/onnx/import_table.h"

namespace oriel::onnx {

struct Activation {
  std::string name;
  std::vector<float> parameters;

  /// Takes the attributes that start with "activation" from a node: a list of parameters, or an alpha, a beta and a
  /// gamma.
  static Activation take(Attributes& attributes);
  /// The activation of `x`; `x` itself where there is none. Throws Error(kNotImplemented) for one that is unknown.
  Value* apply(ImportContext& c, Value* x) const;

 private:
  /// Parameter `i`, or `fallback` where none are given.
  float parameter(std::size_t i, float fallback) const;
};

}  // namespace oriel::onnx
