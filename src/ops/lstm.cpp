// LSTM: i, o, f = f(W x + R h + P c), C = f c + i g(Wc x + Rc h), H = o h(C), biases included; o looks at the new C;
// with input_forget f is 1 - i. Gates are stacked as i, o, f, c and peepholes as i, o, f. Importers removed:
// output_sequence of version 1.
#include "ops/recurrent.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) { infer_recurrent(c, 4); }

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const bool coupled = inputs.attributes().get_int("input_forget") != 0;
  const auto step = [coupled](const CellWeights& cell, const CellActivation* f, const std::vector<double>& x,
                              std::vector<double>& h, std::vector<double>& c) {
    const std::vector<double> before = h;
    const auto peep = [&](std::size_t gate, std::size_t j, double state) {
      return cell.peephole.empty() ? 0.0 : cell.peephole[gate * h.size() + j] * state;
    };
    for (std::size_t j = 0; j < h.size(); ++j) {
      const auto unit = static_cast<std::int64_t>(j);
      const auto sum = [&](std::int64_t gate) {
        return cell.from_input(gate, unit, x) + cell.from_hidden(gate, unit, before);
      };
      const double in = f[0](cell.clipped(sum(0) + peep(0, j, c[j])));
      const double forget = coupled ? 1.0 - in : f[0](cell.clipped(sum(2) + peep(2, j, c[j])));
      c[j] = forget * c[j] + in * f[1](cell.clipped(sum(3)));
      const double out = f[0](cell.clipped(sum(1) + peep(1, j, c[j])));
      h[j] = out * f[2](c[j]);
    }
  };
  reference_recurrent(inputs, outputs, context, 4, true, {"Sigmoid", "Tanh", "Tanh"}, step);
}

}  // namespace

OpDef op_lstm() {
  std::vector<AttributeDef> attributes = recurrent_attributes();
  attributes.push_back({"input_forget", std::int64_t{0}});
  return {.name = "LSTM",
          .min_inputs = 3,
          .max_inputs = 8,
          .max_outputs = 3,
          .attributes = std::move(attributes),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
