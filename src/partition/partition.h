// Claims of candidates in order of priority become convex sub-graphs in an order that can run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "ir/graph.h"

namespace oriel {

/// Somebody who may take nodes: a provider's device with the options it compiles with.
struct Candidate {
  /// "OpenVINOExecutionProvider", for reports.
  std::string provider;
  std::shared_ptr<Device> device;
  CompileOptions options;
};

/// Why a candidate did not take a node.
struct Decline {
  std::string provider;
  std::string device;
  std::string reason;
};

/// Nodes that one candidate runs together, or one control-flow node that the executor runs.
struct Part {
  /// Index of the candidate; -1 for control flow.
  int candidate = -1;
  Subgraph subgraph;
  const Node* control_flow = nullptr;
};

struct Partition {
  /// In an order that can run.
  std::vector<Part> parts;
  /// By position in Graph::nodes(): the declines of candidates before the one that took it.
  std::vector<std::vector<Decline>> declines;
};

/// Gives every node to the first candidate that claims it; control flow that nobody claims goes to the executor.
/// Throws Error(kNotImplemented) naming a node that nobody takes.
Partition partition_graph(const Graph& graph, const std::vector<Candidate>& candidates);

/// The text dump of stage 4: parts with their nodes and boundary values, and every decline; bodies of control flow
/// indented below their node. Throws as partition_graph.
std::string dump_partition(const Graph& graph, const std::vector<Candidate>& candidates);

}  // namespace oriel
