// ReduceLogSumExp: log(sum(exp(x))) over axes, computed as m + log(sum(exp(x - m))) with a running maximum m.
// Importers removed: the axes as an attribute of versions 1 to 17.
#include "ops/reduce.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_reduce(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  // The maximum so far, and the sum of exp(x - maximum).
  struct Scaled {
    double largest = -std::numeric_limits<double>::infinity();
    double sum = 0;
  };
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_reduce<T>(
        inputs, outputs, context, Scaled{},
        [](Scaled a, Wide<T> wide) {
          const auto x = static_cast<double>(wide);
          if (x == a.largest) return Scaled{a.largest, a.sum + 1};
          if (x <= a.largest) return Scaled{a.largest, a.sum + std::exp(x - a.largest)};
          return Scaled{x, a.sum * std::exp(a.largest - x) + 1};
        },
        [](const Scaled& a, std::int64_t) { return narrow_f64<T>(a.largest + std::log(a.sum)); });
  });
}

}  // namespace

OpDef op_reduce_log_sum_exp() { return reduce_definition("ReduceLogSumExp", infer, reference); }

}  // namespace oriel::ops
