// HammingWindow: 25/46 - 21/46 * cos(2 pi n / N) for n below size; N is size, or size - 1 where periodic is 0.
#include "ops/window_function.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_window(inputs, outputs, context, [](double angle) { return 25.0 / 46.0 - 21.0 / 46.0 * std::cos(angle); });
}

}  // namespace

OpDef op_hamming_window() { return window_definition("HammingWindow", reference); }

}  // namespace oriel::ops
