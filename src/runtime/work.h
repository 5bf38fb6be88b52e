// How much arithmetic and memory traffic nodes need, from their shapes: what measured times are compared with.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "ir/graph.h"

namespace oriel {

/// Work of one run.
struct Work {
  /// Products, convolutions and recurrences count every multiplication and every addition; what moves data counts
  /// nothing; every other operator counts one operation for each element of its largest operand or result.
  double flops = 0;
  /// Bytes of operands and results, each once. Views count none; what selects elements (Gather, Slice) counts those it
  /// reads.
  double bytes = 0;
};

/// Work of nodes that run as one step: values between them count no bytes. Nothing where a dimension is unknown under
/// these bindings, where a value is no tensor, and for operators whose arithmetic shapes do not tell (Einsum, control
/// flow).
std::optional<Work> work_of(std::span<const Node* const> nodes, const Bindings& symbols);

/// The symbols of a graph under the dimensions of its inputs, in their order; derived ones are filled in.
Bindings bind_inputs(const Graph& graph, std::span<const Dims> inputs);

}  // namespace oriel
