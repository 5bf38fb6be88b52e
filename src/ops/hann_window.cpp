// HannWindow: 1/2 - 1/2 * cos(2 pi n / N) for n below size; N is size, or size - 1 where periodic is 0.
#include "ops/window_function.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_window(inputs, outputs, context, [](double angle) { return 0.5 - 0.5 * std::cos(angle); });
}

}  // namespace

OpDef op_hann_window() { return window_definition("HannWindow", reference); }

}  // namespace oriel::ops
