// What a run gave: classes with labels, summaries of tensors, files.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "report.h"
#include "runtime/session.h"

namespace oriel::shell {

/// Lines of a file, or the strings of a JSON array, or of a JSON object or Python dictionary with the keys 0, 1, ...
/// Throws Error naming the file.
std::vector<std::string> read_labels(const std::string& file);

/// How results are shown.
struct ResultOptions {
  std::vector<std::string> labels;
  std::string label_file;
  /// Classes a row; 0: five where the output looks like scores of classes, else none.
  int top = 0;
  /// A picture was classified, so a row of numbers is taken for scores.
  bool picture = false;
};

/// Prints an output and returns its JSON. Throws UsageError where labels do not go with it.
nlohmann::ordered_json show_output(const std::string& name, const Datum& value, const ResultOptions& options,
                                   Report& report);

/// Whether an output is rows of scores: floats, [classes] or [rows, classes], more axes of extent 1 apart.
bool is_scores(const Datum& value);

}  // namespace oriel::shell
