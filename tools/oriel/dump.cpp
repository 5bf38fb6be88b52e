// oriel dump: the model after each stage, as text or as an ONNX file.
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "arrays.h"
#include "commands.h"
#include "frontends/onnx/writer.h"
#include "model.h"

namespace oriel::shell {
namespace {

using Json = nlohmann::ordered_json;

// The model is mapped while it is written.
bool same_file(const std::string& a, const std::string& b) {
  struct stat of_a {};
  struct stat of_b {};
  return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

Json graph_json(const Graph& graph) {
  Json json = {{"inputs", Json::array()}, {"nodes", Json::array()}, {"outputs", Json::array()}};
  for (const Value* v : graph.inputs()) json["inputs"].push_back(value_json(v->name(), v->type()));
  for (const Node* node : graph.nodes()) {
    Json item = {{"op", node->op().full_name()},
                 {"name", node->name()},
                 {"origins", node->origins()},
                 {"inputs", Json::array()},
                 {"outputs", Json::array()}};
    for (const Value* v : node->inputs()) {
      if (v == nullptr) {
        item["inputs"].push_back(nullptr);
        continue;
      }
      Json operand = value_json(v->name(), v->type());
      operand["constant"] = v->is_constant();
      item["inputs"].push_back(std::move(operand));
    }
    for (const Value* v : node->outputs()) item["outputs"].push_back(value_json(v->name(), v->type()));
    for (const auto& [name, attribute] : node->attributes().items()) {
      if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute); body != nullptr && *body)
        item["bodies"][name] = graph_json(**body);
    }
    json["nodes"].push_back(std::move(item));
  }
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    Json item = value_json(graph.output_names()[i], graph.outputs()[i]->type());
    item["value"] = graph.outputs()[i]->name();
    json["outputs"].push_back(std::move(item));
  }
  return json;
}

}  // namespace

int dump(const DumpArguments& arguments, Report& report) {
  const SessionOptions options = session_options(arguments.model);
  const std::string& stage = arguments.stage;
  const GraphStage graph_stage = stage == "load"       ? GraphStage::kLoad
                                 : stage == "legalise" ? GraphStage::kLegalise
                                 : stage == "optimise" ? GraphStage::kOptimise
                                                       : GraphStage::kWiden;
  const bool is_graph = stage == "load" || stage == "legalise" || stage == "optimise";
  if (!arguments.onnx.empty() && !is_graph)
    throw UsageError(formatted("--onnx writes the graph after load, legalise or optimise, not after {}", stage));
  const std::shared_ptr<Graph> graph = load(arguments.model, options, graph_stage);

  Json json = {{"command", "dump"}, {"model", arguments.model.model}, {"after", stage}};
  if (!arguments.onnx.empty()) {
    if (same_file(arguments.onnx, arguments.model.model))
      throw UsageError(formatted("--onnx {} is the model itself", arguments.onnx));
    onnx::WriteOptions write;
    // Protobuf ends at 2 GiB: from half of it on, large tensors go beside the file.
    std::size_t bytes = 0;
    for (int id = 0; id < graph->value_limit(); ++id) {
      const Value* v = graph->value(id);
      if (v != nullptr && v->is_constant() && v->element() != ElementType::kString) bytes += v->constant()->bytes();
    }
    if (bytes > (std::size_t{1} << 30)) write.external_threshold = 1024;
    Progress progress(formatted("writing {}", arguments.onnx));
    onnx::write_onnx_file(*graph, arguments.onnx, write);
    progress.show("");
    json["onnx"] = arguments.onnx;
    report.line(formatted("{} after {}: {} nodes written to {}", arguments.model.model, stage, graph->nodes().size(),
                          arguments.onnx));
    if (arguments.file.empty()) {
      report.document(json);
      return 0;
    }
  }
  std::string text;
  if (is_graph) {
    text = graph->to_string();
    json["graph"] = graph_json(*graph);
  } else if (stage == "partition") {
    text = dump_partition(*graph, choose_candidates(options));
  } else {
    Progress progress(formatted("compiling {}", arguments.model.model));
    text = Session(graph, options).compiled().dump();
  }
  json["text"] = text;
  if (!arguments.file.empty()) {
    write_file(arguments.file, text);
    json["file"] = arguments.file;
    json.erase("text");
    report.line(formatted("{} after {} written to {}", arguments.model.model, stage, arguments.file));
  } else {
    if (!text.empty() && text.back() == '\n') text.pop_back();
    report.line(text);
  }
  report.document(json);
  return 0;
}

}  // namespace oriel::shell
