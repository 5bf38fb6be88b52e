// Importers of ai.onnx.ml, sequences, optionals, strings and control flow.
#include "frontends/onnx/import_table.h"

namespace oriel::onnx {
namespace {

constexpr const char* kMl = "ai.onnx.ml";

// classes_strings of version 1 become keys and values: strings to their places, or places to strings.
void import_label_encoder_1(ImportContext& c) {
  Attributes& a = c.attributes();
  const std::vector<std::string> classes = a.get_strings("classes_strings");
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < classes.size(); ++i) places.push_back(static_cast<std::int64_t>(i));
  a.erase("classes_strings");
  const bool from_strings = c.input(0) != nullptr && c.input(0)->element() == ElementType::kString;
  a.set(from_strings ? "keys_strings" : "values_strings", classes);
  a.set(from_strings ? "values_int64s" : "keys_int64s", places);
  c.emit_as();
}

}  // namespace

void add_ml_rows(ImportTable& table) { table.add("LabelEncoder", 1, 1, import_label_encoder_1, kMl); }

}  // namespace oriel::onnx
