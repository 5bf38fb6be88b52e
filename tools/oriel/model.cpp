// From arguments to session options.
#include "model.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "report.h"

namespace oriel::shell {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string provider_name(const std::string& text) {
  std::vector<std::string> names;
  for (const Provider& p : builtin_providers()) {
    if (lower(p.name) == lower(text) || lower(p.name) == lower(text) + "executionprovider") return p.name;
    names.push_back(p.name);
  }
  throw UsageError(formatted("--provider {} is not known; known: {}", text, joined(names, ", ")));
}

std::vector<std::string> dim_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const Value* input : graph.inputs()) {
    if (!input->type().is_tensor() || !input->shape().is_ranked()) continue;
    for (const Dim& d : input->shape().dims()) {
      const SymbolId id = d.symbol();
      if (id < 0 || graph.symbols()->symbol(id).kind != SymbolTable::Kind::kNamed) continue;
      const std::string& name = graph.symbols()->symbol(id).name;
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

// Whether only a run tells the dimension: names that users know do not suffice.
bool depends_on_values(const Dim& dim) {
  if (!dim.has_expression() || dim.table() == nullptr) return !dim.has_expression();
  std::vector<SymbolId> symbols;
  dim.table()->collect(dim, symbols);
  return std::any_of(symbols.begin(), symbols.end(),
                     [&](SymbolId id) { return dim.table()->symbol(id).kind == SymbolTable::Kind::kFresh; });
}

Dims parse_dims(const std::string& text, const std::string& option) {
  Dims dims;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = text.find_first_of("x,", start);
    dims.push_back(parse_integer(text.substr(start, end - start), option, 0, std::int64_t{1} << 40));
    if (end == std::string::npos) return dims;
    start = end + 1;
  }
}

}  // namespace

std::int64_t parse_integer(const std::string& text, const std::string& option, std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    throw UsageError(formatted("{}: \"{}\" is not a whole number from {} to {}", option, text, min, max));
  }
  return value;
}

std::pair<std::string, std::string> split_pair(const std::string& text, const char* option) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0) throw UsageError(formatted("{} {}: expected NAME=VALUE", option, text));
  return {text.substr(0, at), text.substr(at + 1)};
}

OptimizationLevel parse_level(const std::string& text) {
  const std::pair<const char*, OptimizationLevel> levels[] = {{"disable", OptimizationLevel::kDisabled},
                                                              {"basic", OptimizationLevel::kBasic},
                                                              {"extended", OptimizationLevel::kExtended},
                                                              {"layout", OptimizationLevel::kLayout},
                                                              {"all", OptimizationLevel::kAll}};
  for (const auto& [name, level] : levels) {
    if (text == name) return level;
  }
  throw UsageError(formatted("level \"{}\" is not known; known: disable, basic, extended, layout, all", text));
}

SessionOptions session_options(const ModelArguments& arguments) {
  SessionOptions options;
  options.level = parse_level(arguments.level);
  options.intra_op_threads = arguments.threads;
  for (const std::string& name : arguments.providers) options.providers.push_back({provider_name(name), {}});
  for (const std::string& text : arguments.options) {
    if (options.providers.empty()) options.providers.push_back({"CPUExecutionProvider", {}});
    const auto [key, value] = split_pair(text, "--option");
    options.providers.front().options[key] = value;
  }
  if (arguments.dims.empty() && arguments.shapes.empty()) return options;
  const std::shared_ptr<Graph> graph = load_graph({arguments.model, nullptr, ""}, SessionOptions(), GraphStage::kLoad);
  const std::vector<std::string> names = dim_names(*graph);
  for (const std::string& text : arguments.dims) {
    const auto [name, value] = split_pair(text, "--dim");
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw UsageError(formatted("--dim {}: the model's inputs have no dimension of that name; {}", text,
                                 names.empty() ? std::string("none is named") : "named: " + joined(names, ", ")));
    }
    options.dims_by_name.emplace_back(name, parse_integer(value, "--dim " + name, 0, std::int64_t{1} << 40));
  }
  for (const std::string& text : arguments.shapes) {
    std::string name;
    std::string dims = text;
    if (text.find('=') != std::string::npos || graph->inputs().size() != 1) {
      std::tie(name, dims) = split_pair(text, "--shape");
    } else {
      name = graph->inputs()[0]->name();
    }
    std::vector<std::string> inputs;
    for (const Value* input : graph->inputs()) inputs.push_back(input->name());
    const auto at = std::find(inputs.begin(), inputs.end(), name);
    if (at == inputs.end())
      throw UsageError(
          formatted("--shape {}: the model has no input of that name; inputs: {}", text, joined(inputs, ", ")));
    const Dims shape = parse_dims(dims, "--shape " + name);
    const ValueType& type = graph->inputs()[static_cast<std::size_t>(at - inputs.begin())]->type();
    if (!type.is_tensor())
      throw UsageError(formatted("--shape {}: the input is {}, not a tensor", text, type_text(type)));
    if (type.shape.is_ranked()) {
      bool fits = type.shape.rank() == shape.size();
      for (std::size_t d = 0; fits && d < shape.size(); ++d)
        fits = type.shape[d].min() <= shape[d] && shape[d] <= type.shape[d].max();
      if (!fits) throw UsageError(formatted("--shape {}: the input is {}", text, type_text(type)));
    }
    options.input_shapes.emplace_back(name, shape);
  }
  return options;
}

std::shared_ptr<Graph> load(const ModelArguments& arguments, const SessionOptions& options, GraphStage stage) {
  Progress progress(formatted("loading {}", arguments.model));
  try {
    return load_graph({arguments.model, nullptr, ""}, options, stage);
  } catch (const Error& error) {
    if (std::string(error.what()).find(arguments.model) != std::string::npos) throw;
    throw error.at(arguments.model);
  }
}

GraphInputs inputs_of(const Graph& graph) {
  GraphInputs inputs;
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    (graph.input_default(i) == nullptr ? inputs.required : inputs.overridable)
        .push_back({graph.inputs()[i]->name(), graph.inputs()[i]->type()});
  }
  return inputs;
}

std::string type_text(const ValueType& type) {
  if (!type.is_tensor()) return onnx_type_name(type);
  if (!type.shape.is_ranked()) return onnx_element_name(type.element) + " [...]";
  std::vector<std::string> dims;
  for (const Dim& d : type.shape.dims()) dims.push_back(depends_on_values(d) ? "?" : d.to_string());
  return formatted("{} [{}]", onnx_element_name(type.element), joined(dims, ", "));
}

nlohmann::ordered_json value_json(const std::string& name, const ValueType& type) {
  nlohmann::ordered_json json = {{"name", name}, {"type", onnx_type_name(type)}, {"shape", nullptr}};
  if (!type.is_tensor() || !type.shape.is_ranked()) return json;
  json["shape"] = nlohmann::ordered_json::array();
  for (const Dim& d : type.shape.dims()) {
    if (d.is_known()) {
      json["shape"].push_back(d.value());
    } else {
      json["shape"].push_back(depends_on_values(d) ? nlohmann::ordered_json(nullptr)
                                                   : nlohmann::ordered_json(d.to_string()));
    }
  }
  return json;
}

}  // namespace oriel::shell
