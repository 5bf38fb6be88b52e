// ReduceL1: the sum of magnitudes over axes.
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
      inputs, outputs, context, [](double a, double x) { return a + std::fabs(x); }, [](double a) { return a; });
}

}  // namespace

OpDef op_reduce_l1() { return reduce_definition("ReduceL1", infer, reference); }

}  // namespace oriel::ops
