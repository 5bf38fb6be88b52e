// What each level offers to recurrent cells: a row at a time.
#pragma once

#include "kernels/rnn/cell.h"

namespace oriel::kernels {

struct CellTable {
  void (*lstm)(const LstmCell& c, std::int64_t row);
  void (*gru_reset)(const GruCell& c, std::int64_t row);
  void (*gru)(const GruCell& c, std::int64_t row);
};

extern const CellTable kCellScalar;
extern const CellTable kCellAvx2;
extern const CellTable kCellAvx512;

}  // namespace oriel::kernels
