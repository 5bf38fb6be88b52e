// ArgMax: the index of the greatest element along an axis, as i64, NaN before all others; of equal ones the first, or
// the last with select_last_index.
#include "ops/arg_reduce.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_arg_reduce(inputs, outputs, context, [](auto candidate, auto best) { return candidate > best; });
}

}  // namespace

OpDef op_arg_max() { return arg_reduce_definition("ArgMax", reference); }

}  // namespace oriel::ops
