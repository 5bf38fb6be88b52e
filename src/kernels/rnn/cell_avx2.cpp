// Recurrent cells, AVX2.
#include "kernels/rnn/cell_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/rnn/cell.inc"
}  // namespace

const CellTable kCellAvx2 = {.lstm = lstm_row, .gru_reset = gru_reset_row, .gru = gru_row};

}  // namespace oriel::kernels
