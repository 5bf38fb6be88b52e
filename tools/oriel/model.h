// Loading a model as the command line asks, and describing its inputs and outputs.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "arguments.h"
#include "runtime/session.h"

namespace oriel::shell {

/// Session options as the arguments say; names of dimensions and inputs are checked against the model. Throws
/// UsageError.
SessionOptions session_options(const ModelArguments& arguments);

/// The graph as loaded, before any pass. Throws Error.
std::shared_ptr<Graph> load(const ModelArguments& arguments, const SessionOptions& options,
                            GraphStage stage = GraphStage::kLoad);

/// Inputs without a default, then those with one.
struct GraphInputs {
  std::vector<ValueInfo> required;
  std::vector<ValueInfo> overridable;
};
GraphInputs inputs_of(const Graph& graph);

/// "NAME=VALUE" at its first "="; throws UsageError naming the option where there is none.
std::pair<std::string, std::string> split_pair(const std::string& text, const char* option);
/// The whole text as a number in [min, max]; throws UsageError naming the option.
std::int64_t parse_integer(const std::string& text, const std::string& option, std::int64_t min, std::int64_t max);
OptimizationLevel parse_level(const std::string& text);

/// "float32 [batch, 3, 224, 224]"
std::string type_text(const ValueType& type);
/// {"name", "type", "shape"}: numbers, names of dimensions, null for unknown ones; shape null for an unknown rank.
nlohmann::ordered_json value_json(const std::string& name, const ValueType& type);

}  // namespace oriel::shell
