// oriel operators: which operators Oriel knows, in which versions, and which devices run them.
#include "runtime/operators.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "frontends/onnx/import_table.h"

namespace oriel::shell {
namespace {

using Json = nlohmann::ordered_json;

Json attribute_json(const AttributeDef& attribute) {
  const char* const need = attribute.need == AttributeDef::Need::kRequired   ? "required"
                           : attribute.need == AttributeDef::Need::kOptional ? "optional"
                                                                             : "default";
  return {{"name", attribute.name}, {"type", attribute_kind_name(attribute.prototype)}, {"need", need}};
}

std::string range_text(const std::pair<int, int>& range) {
  if (range.second == onnx::ImportTable::kNewest) return formatted("{}+", range.first);
  return range.first == range.second ? formatted("{}", range.first) : formatted("{}-{}", range.first, range.second);
}

}  // namespace

int operators(const OperatorArguments& arguments, Report& report) {
  Json list = Json::array();
  Table table({{"operator"}, {"inputs", true}, {"outputs", true}, {"rewritten"}, {"devices"}});
  for (const OperatorInfo& info : list_operators()) {
    const std::string full = info.domain.empty() ? info.name : info.domain + "." + info.name;
    const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
    if (std::search(full.begin(), full.end(), arguments.text.begin(), arguments.text.end(), same) == full.end())
      continue;
    Json entry = {{"domain", info.domain}, {"name", info.name}, {"node", info.definition != nullptr}};
    std::vector<std::string> ranges;
    entry["rewritten"] = Json::array();
    for (const auto& range : info.rewritten) {
      const bool newest = range.second == onnx::ImportTable::kNewest;
      entry["rewritten"].push_back({range.first, newest ? Json(nullptr) : Json(range.second)});
      ranges.push_back(range_text(range));
    }
    entry["structural"] = info.structural;
    entry["devices"] = info.devices;
    std::string inputs;
    std::string outputs;
    if (const OpDef* op = info.definition; op != nullptr) {
      const auto counts = [&](const char* key, int least, int most) {
        entry[key] = {least, most < 0 ? Json(nullptr) : Json(most)};
        return most < 0        ? formatted("{}+", least)
               : least == most ? formatted("{}", least)
                               : formatted("{}-{}", least, most);
      };
      inputs = counts("inputs", op->min_inputs, op->max_inputs);
      outputs = counts("outputs", op->min_outputs, op->max_outputs);
      entry["attributes"] = Json::array();
      for (const AttributeDef& attribute : op->attributes) entry["attributes"].push_back(attribute_json(attribute));
    }
    table.row({full, inputs, outputs, joined(ranges, ", "), info.structural ? "runtime" : joined(info.devices, ", ")});
    list.push_back(std::move(entry));
  }
  report.document({{"command", "operators"}, {"operators", list}});
  table.print(report);
  report.line(formatted("{} operators", list.size()));
  return 0;
}

}  // namespace oriel::shell
