// BitShift: x with its bits moved left, or right (signed x keeps its sign), by y with broadcasting. Shifts below zero
// or past the width leave 0, or -1 where a negative x goes right.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

bool shifts_left(const Attributes& attributes) {
  const std::string& direction = attributes.get_string("direction");
  if (direction != "LEFT" && direction != "RIGHT") {
    fail(ErrorCode::kInvalidGraph, "direction is \"{}\", expected LEFT or RIGHT", direction);
  }
  return direction == "LEFT";
}

void infer(InferContext& c) {
  shifts_left(c.attributes());
  require_integer(c, 0);
  infer_binary(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const bool left = shifts_left(inputs.attributes());
  dispatch_integer(inputs[0].type(), [&]<typename T>() {
    constexpr auto kBits = static_cast<T>(8 * sizeof(T));
    reference_binary<T>(inputs, outputs, context, [left](T x, T y) {
      if (y < 0 || y >= kBits) return !left && x < 0 ? static_cast<T>(-1) : T(0);
      return left ? static_cast<T>(static_cast<std::uint64_t>(x) << y) : static_cast<T>(x >> y);
    });
  });
}

}  // namespace

OpDef op_bit_shift() {
  return {.name = "BitShift",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"direction", std::string(), AttributeDef::Need::kRequired}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
