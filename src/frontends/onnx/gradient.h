// Gradient of the preview training domain: nodes that compute the derivatives of one value by others.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace oriel::onnx {

/// Adds to `graph` the nodes that compute, for each of `xs`, the derivative of the sum of y's elements by it, in x's
/// shape; zeros where y does not depend on it. Reverse accumulation over the nodes between `xs` and `y`; nothing is
/// differentiated by `zs` or behind any of the named values. `operands` are the values of xs, then of zs, at which the
/// derivative is taken; where one is another value, the nodes in between are repeated for them. `name` is the name of
/// the nodes added. Throws Error(kNotImplemented) for an operator without rule, naming its node, and
/// Error(kInvalidGraph) for types that have no derivative.
std::vector<Value*> add_gradient(Graph& graph, const std::string& name, Value* y, const std::vector<Value*>& xs,
                                 const std::vector<Value*>& zs, const std::vector<Value*>& operands);

}  // namespace oriel::onnx
