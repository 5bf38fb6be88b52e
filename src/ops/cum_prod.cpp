// CumProd: the running product along an axis; exclusive leaves the current element out, reverse starts at the end.
#include "ops/cumulate.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_cumulate(inputs, outputs, context, 1, [](auto a, auto x) { return wrapping_multiply(a, x); });
}

}  // namespace

OpDef op_cum_prod() { return cumulate_definition("CumProd", reference); }

}  // namespace oriel::ops
