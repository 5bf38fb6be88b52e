// RNN: h = f(W x + R h + Wb + Rb) at every step of a sequence, in one or both directions.
// Importers removed: output_sequence of version 1.
#include "ops/recurrent.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) { infer_recurrent(c, 1); }

void step(const CellWeights& cell, const CellActivation* f, const std::vector<double>& x, std::vector<double>& h,
          std::vector<double>&) {
  const std::vector<double> before = h;
  for (std::int64_t j = 0; j < cell.hidden; ++j) {
    h[static_cast<std::size_t>(j)] = f[0](cell.clipped(cell.from_input(0, j, x) + cell.from_hidden(0, j, before)));
  }
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_recurrent(inputs, outputs, context, 1, false, {"Tanh"}, step);
}

}  // namespace

OpDef op_rnn() {
  return {.name = "RNN",
          .min_inputs = 3,
          .max_inputs = 6,
          .max_outputs = 2,
          .attributes = recurrent_attributes(),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
