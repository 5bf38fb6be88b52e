// Recurrent cells against their equations in double.
#include "kernels/rnn/cell.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class Cells : public ::testing::TestWithParam<Isa> {};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double clip(double x, float limit) { return limit > 0 ? std::clamp<double>(x, -limit, limit) : x; }

TEST_P(Cells, Lstm) {
  std::mt19937 rng(1);
  for (const std::int64_t hidden : {1, 7, 16, 33}) {
    for (int variant = 0; variant < 8; ++variant) {
      const std::int64_t rows = 3;
      const auto gates = test::random_floats(rows * 4 * hidden, rng, -3, 3);
      const auto p = test::random_floats(3 * hidden, rng);
      const auto old = test::random_floats(rows * hidden, rng);
      std::vector<float> cell = old;
      std::vector<float> out(static_cast<std::size_t>(rows * hidden));
      LstmCell c;
      c.hidden = hidden;
      c.gates = gates.data();
      c.gates_row = 4 * hidden;
      const int position[] = {2, 0, 3, 1};
      std::copy_n(position, 4, c.position);
      if ((variant & 1) != 0) {
        for (int i = 0; i < 3; ++i) c.peephole[i] = p.data() + i * hidden;
      }
      c.clip = (variant & 2) != 0 ? 0.8f : 0.0f;
      c.input_forget = (variant & 4) != 0;
      c.f_hidden = {(variant & 4) != 0 ? ActivationKind::kRelu : ActivationKind::kTanh};
      c.cell = cell.data();
      c.cell_row = hidden;
      c.output = out.data();
      c.output_row = hidden;
      lstm_cell_f32(c, 0, rows, GetParam());
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t j = 0; j < hidden; ++j) {
          const auto a = [&](int g) { return static_cast<double>(gates[(r * 4 + position[g]) * hidden + j]); };
          const auto peep = [&](int g) { return (variant & 1) != 0 ? p[g * hidden + j] : 0.0; };
          const double before = old[r * hidden + j];
          const double i = sigmoid(clip(a(0) + peep(0) * before, c.clip));
          const double f = c.input_forget ? 1 - i : sigmoid(clip(a(2) + peep(2) * before, c.clip));
          const double next = f * before + i * std::tanh(clip(a(3), c.clip));
          const double o = sigmoid(clip(a(1) + peep(1) * next, c.clip));
          ASSERT_NEAR(cell[r * hidden + j], next, 1e-6);
          ASSERT_NEAR(out[r * hidden + j], o * ((variant & 4) != 0 ? std::max(next, 0.0) : std::tanh(next)), 1e-6);
        }
      }
    }
  }
}

TEST_P(Cells, Gru) {
  std::mt19937 rng(2);
  for (const std::int64_t hidden : {1, 9, 16, 40}) {
    for (const bool linear : {false, true}) {
      const std::int64_t rows = 2;
      const auto x = test::random_floats(rows * 3 * hidden, rng, -2, 2);
      const auto h = test::random_floats(rows * 3 * hidden, rng, -2, 2);
      const auto state = test::random_floats(rows * hidden, rng);
      const auto candidate = test::random_floats(rows * hidden, rng);
      std::vector<float> reset(static_cast<std::size_t>(rows * hidden));
      std::vector<float> out = state;
      GruCell c;
      c.hidden = hidden;
      c.x = x.data();
      c.x_row = 3 * hidden;
      c.h = h.data();
      c.h_row = 3 * hidden;
      c.state = state.data();
      c.state_row = hidden;
      c.candidate = candidate.data();
      c.candidate_row = hidden;
      c.linear_before_reset = linear;
      c.output = reset.data();
      c.output_row = hidden;
      gru_reset_f32(c, 0, rows, GetParam());
      c.output = out.data();
      c.state = out.data();
      gru_cell_f32(c, 0, rows, GetParam());
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t j = 0; j < hidden; ++j) {
          const auto sum = [&](int g) {
            return static_cast<double>(x[(r * 3 + g) * hidden + j]) + h[(r * 3 + g) * hidden + j];
          };
          const double gate = sigmoid(sum(1));
          const double before = state[r * hidden + j];
          ASSERT_NEAR(reset[r * hidden + j], gate * before, 1e-6);
          const double xh = x[(r * 3 + 2) * hidden + j];
          const double n = std::tanh(linear ? xh + gate * h[(r * 3 + 2) * hidden + j] : xh + candidate[r * hidden + j]);
          const double z = sigmoid(sum(0));
          ASSERT_NEAR(out[r * hidden + j], (1 - z) * n + z * before, 1e-6);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Cells, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
