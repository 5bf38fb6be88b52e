// Recurrent cells, portable C++.
#include "kernels/rnn/cell_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/rnn/cell.inc"
}  // namespace

const CellTable kCellScalar = {.lstm = lstm_row, .gru_reset = gru_reset_row, .gru = gru_row};

}  // namespace oriel::kernels
