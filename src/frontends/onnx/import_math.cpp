// Importers of elementwise arithmetic, comparisons, logic and casts.
#include "frontends/onnx/import_table.h"

namespace oriel::onnx {

void add_math_rows(ImportTable& table) { static_cast<void>(table); }

}  // namespace oriel::onnx
