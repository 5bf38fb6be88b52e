// BlackmanWindow: 0.42 - 0.5 * cos(2 pi n / N) + 0.08 * cos(4 pi n / N) for n below size; N is size, or size - 1 where
// periodic is 0.
#include "ops/window_function.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_window(inputs, outputs, context,
                   [](double angle) { return 0.42 - 0.5 * std::cos(angle) + 0.08 * std::cos(2.0 * angle); });
}

}  // namespace

OpDef op_blackman_window() { return window_definition("BlackmanWindow", reference); }

}  // namespace oriel::ops
