// The text dump of a program.
#include <algorithm>

#include "plan/program.h"

namespace oriel::plan {

std::string Program::dump() const {
  const auto name = [&](int v) {
    return v < 0 ? std::string("-") : formatted("%{} {}", v, values_[static_cast<std::size_t>(v)].name);
  };
  const auto list = [&](const std::vector<int>& values) {
    std::string text;
    for (const int v : values) text += (text.empty() ? "" : ", ") + name(v);
    return text;
  };
  std::vector<std::size_t> offset(values_.size(), 0);
  std::vector<bool> placed(values_.size(), false);
  std::vector<std::size_t> arena(regions_.size(), 0);
  for (std::size_t r = 0; r < regions_.size(); ++r) {
    if (!regions_[r].symbols.empty()) continue;
    Plan plan;
    make_plan(regions_[r], Bindings(symbols_->size(), kUnbound), plan);
    arena[r] = plan.arena;
    for (std::size_t i = 0; i < regions_[r].planned.size(); ++i) {
      const auto v = static_cast<std::size_t>(regions_[r].planned[i]);
      offset[v] = plan.offsets[i];
      placed[v] = true;
    }
  }
  const auto place = [&](int output) {
    const auto v = static_cast<std::size_t>(output);
    const auto root = static_cast<std::size_t>(root_[v]);
    std::string text = values_[v].type.to_string();
    if (values_[v].storage != nullptr) text += " blocked";
    if (root != v)
      text += formatted("{} {}", in_place_[v] >= 0 ? " in place of" : " view of",
                        name(in_place_[v] >= 0 ? in_place_[v] : root_[v]));
    if (output_of_[root] >= 0) {
      text += formatted(" output {}", output_of_[root]);
    } else if (region_of_[root] < 0) {
      text += first_step_[root] < 0 ? "" : " own memory";
    } else {
      text += formatted(" arena {}", region_of_[root]);
      if (placed[root]) text += formatted(" at {}", offset[root]);
    }
    return text;
  };
  std::string text = formatted("inputs {}\n", list(inputs_));
  for (std::size_t v = 0; v < values_.size(); ++v) {
    if (!values_[v].has_content) continue;
    std::string content;
    for (const Dim& d : values_[v].content) content += (content.empty() ? "" : ", ") + d.to_string();
    text += formatted("known {}: {} = [{}]\n", name(static_cast<int>(v)), values_[v].type.to_string(), content);
  }
  for (std::size_t r = 0; r < regions_.size(); ++r) {
    const Region& region = regions_[r];
    std::string symbols;
    for (const SymbolId id : region.symbols) symbols += (symbols.empty() ? "" : ", ") + symbols_->symbol(id).name;
    text += formatted("region {}: steps {} to {}, {} values in the arena, ", r, region.first_step, region.last_step - 1,
                      region.planned.size());
    text += region.symbols.empty() ? formatted("{} bytes\n", arena[r])
                                   : formatted("planned for each value of {}\n", symbols);
    for (int s = region.first_step; s < region.last_step; ++s) {
      const ProgramStep& step = steps_[static_cast<std::size_t>(s)];
      text += formatted("  step {}: {} (node \"{}\") reads {}\n", s, step.op, step.node, list(step.inputs));
      for (const int v : step.outputs) {
        if (v < 0) continue;
        const int last = last_step_[static_cast<std::size_t>(root_[static_cast<std::size_t>(v)])];
        text += formatted("    makes {}: {}", name(v), place(v));
        text += last < static_cast<int>(steps_.size()) ? formatted(", last read by step {}\n", last) : "\n";
      }
    }
  }
  return text + formatted("outputs {}\n", list(outputs_));
}

}  // namespace oriel::plan
