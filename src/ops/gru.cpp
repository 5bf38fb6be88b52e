// GRU: z = f(Wz x + Rz h), r = f(Wr x + Rr h), n = g(Wh x + Rh (r h)) or, with linear_before_reset, g(Wh x + r (Rh h)),
// h = (1 - z) n + z h, biases included. Gates are stacked as z, r, h. Importers removed: output_sequence of versions 1
// and 3.
#include "ops/recurrent.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) { infer_recurrent(c, 3); }

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const bool linear_first = inputs.attributes().get_int("linear_before_reset") != 0;
  const auto step = [linear_first](const CellWeights& cell, const CellActivation* f, const std::vector<double>& x,
                                   std::vector<double>& h, std::vector<double>&) {
    std::vector<double> z(h.size());
    std::vector<double> r(h.size());
    std::vector<double> reset(h.size());
    for (std::size_t j = 0; j < h.size(); ++j) {
      const auto unit = static_cast<std::int64_t>(j);
      z[j] = f[0](cell.clipped(cell.from_input(0, unit, x) + cell.from_hidden(0, unit, h)));
      r[j] = f[0](cell.clipped(cell.from_input(1, unit, x) + cell.from_hidden(1, unit, h)));
      reset[j] = r[j] * h[j];
    }
    const std::vector<double> before = h;
    for (std::size_t j = 0; j < h.size(); ++j) {
      const auto unit = static_cast<std::int64_t>(j);
      const double recurrent =
          linear_first ? r[j] * cell.from_hidden(2, unit, before) : cell.from_hidden(2, unit, reset);
      const double candidate = f[1](cell.clipped(cell.from_input(2, unit, x) + recurrent));
      h[j] = (1.0 - z[j]) * candidate + z[j] * before[j];
    }
  };
  reference_recurrent(inputs, outputs, context, 3, false, {"Sigmoid", "Tanh"}, step);
}

}  // namespace

OpDef op_gru() {
  std::vector<AttributeDef> attributes = recurrent_attributes();
  attributes.push_back({"linear_before_reset", std::int64_t{0}});
  return {.name = "GRU",
          .min_inputs = 3,
          .max_inputs = 6,
          .max_outputs = 2,
          .attributes = std::move(attributes),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
