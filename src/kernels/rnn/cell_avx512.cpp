// Recurrent cells, AVX-512.
#include "kernels/rnn/cell_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/rnn/cell.inc"
}  // namespace

const CellTable kCellAvx512 = {.lstm = lstm_row, .gru_reset = gru_reset_row, .gru = gru_row};

}  // namespace oriel::kernels
