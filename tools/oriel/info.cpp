// oriel info: what a model is, without running it.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/mapped_file.h"
#include "commands.h"
#include "frontends/onnx/proto.h"
#include "model.h"
#include "runtime/work.h"

namespace oriel::shell {
namespace {

using Json = nlohmann::ordered_json;

struct Census {
  std::map<std::string, std::int64_t> operators;
  std::int64_t nodes = 0;
  std::int64_t bodies = 0;
  std::int64_t parameters = 0;
  /// By element type: how many constants, elements, bytes.
  struct Constants {
    std::int64_t tensors = 0;
    std::int64_t elements = 0;
    std::int64_t bytes = 0;
  };
  std::map<std::string, Constants> constants;
};

void count(const Graph& graph, Census& census) {
  std::unordered_set<const Value*> seen;
  for (const Node* node : graph.nodes()) {
    ++census.nodes;
    ++census.operators[node->op().full_name()];
    for (const Value* v : node->inputs()) {
      if (v == nullptr || !v->is_constant() || !seen.insert(v).second) continue;
      Census::Constants& constants = census.constants[onnx_element_name(v->element())];
      const Tensor& tensor = *v->constant();
      ++constants.tensors;
      constants.elements += tensor.size();
      constants.bytes += static_cast<std::int64_t>(tensor.bytes());
      census.parameters += tensor.size();
    }
    for (const auto& [name, attribute] : node->attributes().items()) {
      if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute); body != nullptr && *body) {
        ++census.bodies;
        count(**body, census);
      }
    }
  }
}

std::string text_of(onnx::Bytes bytes) { return std::string(bytes); }

}  // namespace

int info(const ModelArguments& arguments, Report& report) {
  const SessionOptions options = session_options(arguments);
  const std::shared_ptr<Graph> graph = load(arguments, options);
  const std::shared_ptr<const MappedFile> file = MappedFile::open(arguments.model);
  const onnx::ModelProto proto = onnx::ModelProto::parse({reinterpret_cast<const char*>(file->data()), file->size()});
  Census census;
  count(*graph, census);

  const ModelInfo& about = graph->info();
  const bool versioned = about.version != onnx::ModelProto::kNoVersion;
  Json json = {{"command", "info"},
               {"model", arguments.model},
               {"file_bytes", file->size()},
               {"ir_version", proto.ir_version},
               {"opsets", Json::object()},
               {"producer", about.producer_name},
               {"producer_version", about.producer_version},
               {"domain", about.domain},
               {"version", versioned ? Json(about.version) : Json(nullptr)},
               {"graph", about.graph_name},
               {"description", about.description},
               {"metadata", Json::object()}};
  std::vector<std::string> opsets;
  for (const onnx::OpsetId& opset : proto.opsets) {
    const std::string domain = opset.domain.empty() ? "ai.onnx" : text_of(opset.domain);
    json["opsets"][domain] = opset.version;
    opsets.push_back(formatted("{} {}", domain, opset.version));
  }
  report.line(formatted("model {}, {}", arguments.model, bytes_text(static_cast<double>(file->size()))));
  report.line(formatted("ONNX IR version {}, opset {}", proto.ir_version, joined(opsets, ", ")));
  if (!about.producer_name.empty())
    report.line(formatted("made by {} {}", about.producer_name, about.producer_version));
  report.line(formatted("graph \"{}\"{}{}", about.graph_name,
                        versioned ? formatted(", version {}", about.version) : std::string(),
                        about.domain.empty() ? std::string() : ", domain " + about.domain));
  if (!about.description.empty()) report.line("description: " + about.description);
  for (const auto& [key, value] : about.metadata) {
    json["metadata"][key] = value;
    report.line(formatted("metadata {}: {}", key, value));
  }
  const GraphInputs inputs = inputs_of(*graph);
  const auto list = [&](const char* key, const char* label, const std::vector<ValueInfo>& values) {
    json[key] = Json::array();
    for (const ValueInfo& v : values) {
      json[key].push_back(value_json(v.name, v.type));
      report.line(formatted("{} {}: {}", label, v.name, type_text(v.type)));
    }
  };
  list("inputs", "input", inputs.required);
  list("overridable_inputs", "input with default", inputs.overridable);
  std::vector<ValueInfo> outputs;
  for (std::size_t i = 0; i < graph->outputs().size(); ++i)
    outputs.push_back({graph->output_names()[i], graph->outputs()[i]->type()});
  list("outputs", "output", outputs);

  json["nodes"] = census.nodes;
  json["bodies"] = census.bodies;
  json["functions"] = proto.functions.size();
  json["operators"] = census.operators;
  json["parameters"] = census.parameters;
  json["constants"] = Json::array();
  std::vector<std::string> operators;
  std::vector<std::pair<std::string, std::int64_t>> by_count(census.operators.begin(), census.operators.end());
  std::stable_sort(by_count.begin(), by_count.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [name, n] : by_count) operators.push_back(formatted("{} {}", n, name));
  report.line(formatted("{} nodes{}: {}", census.nodes,
                        census.bodies > 0 ? formatted(" ({} bodies included)", census.bodies) : "",
                        joined(operators, ", ")));
  report.line(formatted("{} parameters", count_text(static_cast<double>(census.parameters))));
  for (const auto& [type, constants] : census.constants) {
    json["constants"].push_back(
        {{"type", type}, {"tensors", constants.tensors}, {"elements", constants.elements}, {"bytes", constants.bytes}});
    report.line(
        formatted("  {} tensors of {}, {}", constants.tensors, type, bytes_text(static_cast<double>(constants.bytes))));
  }

  double flops = 0;
  std::int64_t unknown = 0;
  const Bindings symbols(graph->symbols()->size(), kUnbound);
  for (const Node* node : graph->nodes()) {
    const std::optional<Work> work = work_of({&node, 1}, symbols);
    flops += work ? work->flops : 0;
    unknown += work ? 0 : 1;
  }
  const bool complete = unknown == 0;
  json["nodes_without_flops"] = unknown;
  json["flops"] = complete ? Json(flops) : Json(nullptr);
  report.line(complete ? formatted("{}FLOP a run", count_text(flops) + (flops < 1000 ? " " : ""))
                       : formatted("{}FLOP a run in {} nodes, unknown in {}; --dim and --shape fix open dimensions",
                                   count_text(flops) + (flops < 1000 ? " " : ""),
                                   static_cast<std::int64_t>(graph->nodes().size()) - unknown, unknown));
  report.document(json);
  return 0;
}

}  // namespace oriel::shell
