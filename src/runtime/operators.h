// Which operators there are: what the ONNX reader takes, and which devices have something to run it with.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/op_def.h"

namespace oriel {

/// One operator, by its names in a model.
struct OperatorInfo {
  /// "" for the standard's own domain.
  std::string domain;
  std::string name;
  /// Of the node that has the same name; null where the reader expresses the operator by others.
  const OpDef* definition = nullptr;
  /// Ranges of opset versions, first to last, that the reader rewrites; nodes of other versions pass as they are. The
  /// last version may be onnx::ImportTable::kNewest.
  std::vector<std::pair<int, int>> rewritten;
  /// Bodies and constants, which the reader takes apart in every version.
  bool structural = false;
  /// Names of the devices that have a kernel or a reference, in order of preference; empty where `definition` is null,
  /// and for control flow, which the runtime interprets.
  std::vector<std::string> devices;
};

/// All of them, by domain and name.
std::vector<OperatorInfo> list_operators();

/// Names of the devices that have a kernel or a reference of an operator, in order of preference.
std::vector<std::string> devices_of(const OpDef& op);

}  // namespace oriel
