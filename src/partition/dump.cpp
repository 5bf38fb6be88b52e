// The text dump of a partition.
#include <unordered_map>

#include "base/text.h"
#include "partition/partition.h"

namespace oriel {
namespace {

std::string names(const std::vector<const Value*>& values) {
  std::string text;
  for (const Value* v : values) text += (text.empty() ? "" : ", ") + v->name();
  return text;
}

}  // namespace

std::string dump_partition(const Graph& graph, const std::vector<Candidate>& candidates) {
  const Partition partition = partition_graph(graph, candidates);
  std::unordered_map<const Node*, std::size_t> position;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) position.emplace(graph.nodes()[i], i);
  std::string text;
  for (std::size_t p = 0; p < partition.parts.size(); ++p) {
    const Part& part = partition.parts[p];
    if (part.candidate >= 0) {
      const Candidate& owner = candidates[static_cast<std::size_t>(part.candidate)];
      text += formatted("part {}: {} on {}, {} nodes\n", p, owner.provider, owner.device->name(),
                        part.subgraph.nodes.size());
    } else {
      text += formatted("part {}: the executor\n", p);
    }
    text += formatted("  reads {}\n", names(part.subgraph.inputs));
    for (const Node* node : part.subgraph.nodes) {
      text += formatted("  {} (node \"{}\")\n", node->op().full_name(), node->name());
      for (const Decline& d : partition.declines[position.at(node)]) {
        text += formatted("    declined by {} on {}: {}\n", d.provider, d.device, d.reason);
      }
      if (part.candidate >= 0) continue;
      for (const auto& [key, attribute] : node->attributes().items()) {
        if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute); body != nullptr && *body) {
          text += formatted("    {}:\n{}", key, indented(dump_partition(**body, candidates), 6));
        }
      }
    }
    text += formatted("  makes {}\n", names(part.subgraph.outputs));
  }
  return text;
}

}  // namespace oriel
