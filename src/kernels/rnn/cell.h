// The elementwise part of LSTM and GRU cells: gates from their pre-activations to the new states.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"
#include "kernels/activation.h"

namespace oriel::kernels {

/// One step of an LSTM for rows of `hidden` cells. With a = the pre-activations W x + R h + b of the gates i, o, f, c,
/// and C the old cell state:
///   i = f_gate(a_i + p_i C)   f = f_gate(a_f + p_f C)   c = f_cell(a_c)
///   C' = f C + i c            o = f_gate(a_o + p_o C')   h' = o f_hidden(C')
/// With input_forget, f = 1 - i. With clip > 0 the arguments of f_gate and f_cell are clamped to [-clip, clip].
struct LstmCell {
  std::int64_t hidden = 0;
  const float* gates = nullptr;  ///< row r, gate g, cell j at gates[r * gates_row + position[g] * hidden + j]
  std::int64_t gates_row = 0;
  int position[4] = {0, 1, 2, 3};                          ///< where i, o, f, c stand in a row of gates
  const float* peephole[3] = {nullptr, nullptr, nullptr};  ///< p_i, p_o, p_f, of `hidden` each, or null
  float* cell = nullptr;                                   ///< C in, C' out, row r at cell[r * cell_row]
  std::int64_t cell_row = 0;
  float* output = nullptr;  ///< h', row r at output[r * output_row]
  std::int64_t output_row = 0;
  Activation f_gate{ActivationKind::kSigmoid};
  Activation f_cell{ActivationKind::kTanh};
  Activation f_hidden{ActivationKind::kTanh};
  float clip = 0.0f;
  bool input_forget = false;
};

/// Rows [first, last). No alignment needed; gates must not overlap the states.
void lstm_cell_f32(const LstmCell& c, std::int64_t first, std::int64_t last, Isa isa = max_isa());

/// The gates of a GRU for rows of `hidden` cells. With x = W x + b (gates z, r, h) and h = R h + b:
///   z = f_gate(x_z + h_z)   r = f_gate(x_r + h_r)
///   n = f_cell(x_h + r h_h) where linear_before_reset, else f_cell(x_h + candidate) with candidate = R_h (r H)
///   H' = (1 - z) n + z H
/// Without linear_before_reset the product with r H lies between: gru_reset writes r H, the caller multiplies it into
/// `candidate`, then gru_cell finishes.
struct GruCell {
  std::int64_t hidden = 0;
  const float* x = nullptr;  ///< gate g of row r at x[r * x_row + position[g] * hidden]
  std::int64_t x_row = 0;
  const float* h = nullptr;  ///< likewise; without linear_before_reset only z and r are read
  std::int64_t h_row = 0;
  int position[3] = {0, 1, 2};       ///< where z, r, h stand
  const float* candidate = nullptr;  ///< R_h (r H), used without linear_before_reset
  std::int64_t candidate_row = 0;
  const float* state = nullptr;  ///< H
  std::int64_t state_row = 0;
  float* output = nullptr;  ///< H' (gru_reset: r H); may be `state` for gru_cell
  std::int64_t output_row = 0;
  Activation f_gate{ActivationKind::kSigmoid};
  Activation f_cell{ActivationKind::kTanh};
  float clip = 0.0f;
  bool linear_before_reset = false;
};

void gru_reset_f32(const GruCell& c, std::int64_t first, std::int64_t last, Isa isa = max_isa());
void gru_cell_f32(const GruCell& c, std::int64_t first, std::int64_t last, Isa isa = max_isa());

}  // namespace oriel::kernels
