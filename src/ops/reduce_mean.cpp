// ReduceMean: the arithmetic mean over axes; NaN over none. Integers round towards zero.
// Importers removed: the axes as an attribute of versions 1 to 17.
#include "ops/reduce.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_reduce(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    using Sum = std::conditional_t<std::is_integral_v<T>,
                                   std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>, double>;
    reference_reduce<T>(
        inputs, outputs, context, Sum(0), [](Sum a, Wide<T> x) { return wrapping_add(a, static_cast<Sum>(x)); },
        [](Sum a, std::int64_t members) { return narrow<T>(divide(a, static_cast<Sum>(members))); });
  });
}

}  // namespace

OpDef op_reduce_mean() { return reduce_definition("ReduceMean", infer, reference); }

}  // namespace oriel::ops
