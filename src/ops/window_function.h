// What HannWindow, HammingWindow and BlackmanWindow share.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// The definition of a window operator, inference included.
OpDef window_definition(const char* name, OpFunction reference);

/// f(2 pi n / N) for n below the size that operand 0 holds; a symmetric window of one element is 1.
void reference_window(const Inputs& inputs, OutputSink& outputs, RunContext& context, double (*f)(double angle));

}  // namespace oriel::ops
