// Chooses the level of recurrent cells.
#include "kernels/rnn/cell.h"

#include "kernels/rnn/cell_table.h"

namespace oriel::kernels {
namespace {

const CellTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kCellScalar;
  return isa == Isa::kAvx2 ? kCellAvx2 : kCellAvx512;
}

}  // namespace

void lstm_cell_f32(const LstmCell& c, std::int64_t first, std::int64_t last, Isa isa) {
  for (std::int64_t r = first; r < last; ++r) table_of(isa).lstm(c, r);
}

void gru_reset_f32(const GruCell& c, std::int64_t first, std::int64_t last, Isa isa) {
  for (std::int64_t r = first; r < last; ++r) table_of(isa).gru_reset(c, r);
}

void gru_cell_f32(const GruCell& c, std::int64_t first, std::int64_t last, Isa isa) {
  for (std::int64_t r = first; r < last; ++r) table_of(isa).gru(c, r);
}

}  // namespace oriel::kernels
