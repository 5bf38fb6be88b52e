// ReduceL2: the square root of the sum of squares over axes.
// Importers removed: the axes as an attribute of versions 1 to 17.
#include "ops/reduce.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_reduce(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_reduce_f64(
      inputs, outputs, context, [](double a, double x) { return a + x * x; }, [](double a) { return std::sqrt(a); });
}

}  // namespace

OpDef op_reduce_l2() { return reduce_definition("ReduceL2", infer, reference); }

}  // namespace oriel::ops
