// Importers of ai.onnx.ml, sequences, optionals, strings and control flow.
#include "frontends/onnx/import_table.h"

namespace oriel::onnx {

void add_ml_rows(ImportTable& table) { static_cast<void>(table); }

}  // namespace oriel::onnx
