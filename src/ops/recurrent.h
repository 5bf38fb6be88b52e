// What RNN, GRU and LSTM share: attributes, activations, inference, and the walk over directions, images and time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ops/common.h"

namespace oriel::ops {

/// An activation function of a recurrent cell, with the two numbers that some of them take.
struct CellActivation {
  enum class Kind : std::uint8_t {
    kRelu,
    kTanh,
    kSigmoid,
    kAffine,
    kLeakyRelu,
    kThresholdedRelu,
    kScaledTanh,
    kHardSigmoid,
    kElu,
    kSoftsign,
    kSoftplus,
  };
  Kind kind = Kind::kTanh;
  double alpha = 0;
  double beta = 0;
  double operator()(double x) const;
};

/// The activations of every direction: `defaults` for each direction where the attribute is absent. Names are matched
/// without regard to case; activation_alpha and activation_beta are dealt out in order to the functions that take them.
/// Throws Error(kInvalidGraph) for unknown names and wrong counts.
std::vector<CellActivation> read_activations(const Attributes& attributes, const std::vector<std::string>& defaults,
                                             std::size_t directions);

/// Attributes that RNN, GRU and LSTM have.
std::vector<AttributeDef> recurrent_attributes();

/// Inference of Y, Y_h and (with two states) Y_c. `gates` is the number of gates stacked in W and R.
void infer_recurrent(InferContext& c, std::int64_t gates);

/// The parameters of one direction, in f64.
struct CellWeights {
  std::int64_t inputs = 0;
  std::int64_t hidden = 0;
  std::vector<double> w;            // [gates * hidden, inputs]
  std::vector<double> r;            // [gates * hidden, hidden]
  std::vector<double> input_bias;   // [gates * hidden]
  std::vector<double> hidden_bias;  // [gates * hidden]
  std::vector<double> peephole;     // [3 * hidden] or empty
  double clip = 0;                  // 0: none

  /// W x + Wb and R h + Rb for unit `j` of `gate`.
  double from_input(std::int64_t gate, std::int64_t j, const std::vector<double>& x) const;
  double from_hidden(std::int64_t gate, std::int64_t j, const std::vector<double>& h) const;
  double clipped(double x) const { return clip > 0 ? std::clamp(x, -clip, clip) : x; }
};

/// One step of a cell: reads the input x, replaces the hidden state h and the cell state c.
/// `activations` points at those of the direction.
using CellStep = std::function<void(const CellWeights&, const CellActivation* activations, const std::vector<double>& x,
                                    std::vector<double>& h, std::vector<double>& c)>;

/// Runs a recurrent operator whose operands are X, W, R, B, sequence_lens, initial_h and, for `lstm`, initial_c and P.
/// A sequence without steps ends in states of zero, as ONNX Runtime has it; the standard is silent.
void reference_recurrent(const Inputs& inputs, OutputSink& outputs, RunContext& context, std::int64_t gates, bool lstm,
                         const std::vector<std::string>& default_activations, const CellStep& step);

}  // namespace oriel::ops
