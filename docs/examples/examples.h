// What the guides build: SoftCap (y = cap * tanh(x / cap)) as operator, pass and rule of the CPU device, and a device.
#pragma once

#include <memory>

#include "device/device.h"
#include "devices/cpu/lowering.h"
#include "ir/graph.h"

namespace oriel::examples {

/// example.SoftCap: one operand of f32, f64, f16 or bf16, attribute `cap` (float, above 0), output as the operand.
OpDef op_soft_cap();

/// Oriel's operators and example.SoftCap; made on first use.
const OpRegistry& example_ops();

/// Mul(Tanh(Div(x, c)), c) with a constant f32 scalar c above 0 becomes example.SoftCap(x); returns whether any did.
bool fuse_soft_cap(Graph& graph);

/// How the CPU runs example.SoftCap: f32, in any layout.
cpu::Rule soft_cap_rule();

/// A device by the name "UNARY" that runs Abs, Neg and Relu of f32.
std::shared_ptr<Device> make_unary_device();

}  // namespace oriel::examples
