// Grouping by candidate and depth: a path that leaves a candidate and comes back starts a later group, so that every
// group is convex.
#include "partition/partition.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace oriel {
namespace {

void find_boundary(Subgraph& part, const std::unordered_set<const Value*>& graph_outputs) {
  const std::unordered_set<const Node*> inside(part.nodes.begin(), part.nodes.end());
  std::unordered_set<const Value*> seen;
  for (const Node* n : part.nodes) {
    for (const Value* v : n->inputs()) {
      if (v == nullptr || v->is_constant() || !seen.insert(v).second) continue;
      if (v->producer() == nullptr || inside.count(v->producer()) == 0) part.inputs.push_back(v);
    }
    for (const Value* v : n->outputs()) {
      const bool leaves =
          graph_outputs.count(v) != 0 ||
          std::any_of(v->users().begin(), v->users().end(), [&](const Node* u) { return inside.count(u) == 0; });
      if (leaves) part.outputs.push_back(v);
    }
  }
}

}  // namespace

Partition partition_graph(const Graph& graph, const std::vector<Candidate>& candidates) {
  Partition result;
  const std::vector<Node*>& nodes = graph.nodes();
  result.declines.resize(nodes.size());
  std::vector<int> owner(nodes.size(), -1);
  std::vector<std::shared_ptr<const Recipe>> recipes(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    bool taken = false;
    for (std::size_t c = 0; c < candidates.size() && !taken; ++c) {
      Claim claim = candidates[c].device->claim(*nodes[i], candidates[c].options);
      if (claim) {
        owner[i] = static_cast<int>(c);
        recipes[i] = std::move(claim.recipe);
        taken = true;
      } else {
        result.declines[i].push_back({candidates[c].provider, candidates[c].device->name(), std::move(claim.decline)});
      }
    }
    if (!taken && !nodes[i]->op().traits.control_flow) {
      fail(ErrorCode::kNotImplemented, "{}",
           nodes[i]->describe("no provider takes it: " + (result.declines[i].empty()
                                                              ? std::string("there is none")
                                                              : result.declines[i].back().reason)));
    }
  }
  // The depth of a node: how often the owner changes on the way to it. Each control-flow node is a group of its own.
  std::unordered_map<const Node*, std::size_t> position;
  std::vector<int> depth(nodes.size(), 0);
  std::map<std::pair<int, int>, std::vector<std::size_t>> groups;  // (depth, owner)
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    position[nodes[i]] = i;
    for (const Value* v : nodes[i]->inputs()) {
      if (v == nullptr || v->producer() == nullptr) continue;
      const std::size_t p = position.at(v->producer());
      const bool same = owner[p] == owner[i] && owner[i] >= 0;
      depth[i] = std::max(depth[i], depth[p] + (same ? 0 : 1));
    }
    groups[{depth[i], owner[i]}].push_back(i);
  }
  const std::unordered_set<const Value*> graph_outputs(graph.outputs().begin(), graph.outputs().end());
  for (const auto& [key, members] : groups) {
    if (key.second < 0) {
      for (const std::size_t i : members) {
        Part part;
        part.control_flow = nodes[i];
        part.subgraph.graph = &graph;
        part.subgraph.nodes = {nodes[i]};
        find_boundary(part.subgraph, graph_outputs);
        result.parts.push_back(std::move(part));
      }
      continue;
    }
    Part part;
    part.candidate = key.second;
    part.subgraph.graph = &graph;
    for (const std::size_t i : members) {
      part.subgraph.nodes.push_back(nodes[i]);
      part.subgraph.recipes.push_back(recipes[i]);
    }
    find_boundary(part.subgraph, graph_outputs);
    result.parts.push_back(std::move(part));
  }
  return result;
}

}  // namespace oriel
