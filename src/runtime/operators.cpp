// The registry, the reader's tables and the devices' lists, joined by name.
#include "runtime/operators.h"

#include <map>

#include "frontends/onnx/import_table.h"
#include "ops/registry.h"

namespace oriel {

std::vector<OperatorInfo> list_operators() {
  std::map<std::pair<std::string, std::string>, OperatorInfo> found;
  for (const OpDef* op : builtin_ops().all()) {
    OperatorInfo& info = found[{op->domain, op->name}];
    info.definition = op;
    info.devices = devices_of(*op);
  }
  for (const onnx::ImportTable::Row& row : onnx::import_table().rows())
    found[{row.domain, row.op_type}].rewritten.emplace_back(row.first_version, row.last_version);
  for (const auto& [domain, name] : onnx::structural_operators())
    found[{std::string(domain), std::string(name)}].structural = true;
  std::vector<OperatorInfo> list;
  for (auto& [names, info] : found) {
    info.domain = names.first;
    info.name = names.second;
    list.push_back(std::move(info));
  }
  return list;
}

}  // namespace oriel
