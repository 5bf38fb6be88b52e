// CumSum: the running sum along an axis; exclusive leaves the current element out, reverse starts at the end.
#include "ops/cumulate.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_cumulate(inputs, outputs, context, 0, [](auto a, auto x) { return wrapping_add(a, x); });
}

}  // namespace

OpDef op_cum_sum() { return cumulate_definition("CumSum", reference); }

}  // namespace oriel::ops
