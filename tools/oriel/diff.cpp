// oriel diff: one model under two configurations, output by output and down to the first node that differs.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "commands.h"
#include "inputs.h"

namespace oriel::shell {
namespace {

using Json = nlohmann::ordered_json;

struct Difference {
  bool comparable = true;
  double largest = 0;         // of the absolute differences
  double relative = 0;        // the same, to the reference's largest magnitude
  std::int64_t elements = 0;  // that differ at all
  std::int64_t size = 0;
  std::string fact;
};

Difference compare_tensors(const Tensor& a, const Tensor& b) {
  Difference d;
  d.size = b.size();
  if (a.type() != b.type() || !(a.dims() == b.dims())) {
    d.comparable = false;
    d.fact = formatted("{} against {}", a.description(), b.description());
    return d;
  }
  if (a.type() == ElementType::kString) {
    for (std::int64_t i = 0; i < a.size(); ++i)
      d.elements += a.data<std::string>()[i] != b.data<std::string>()[i] ? 1 : 0;
    d.relative = d.largest = d.elements > 0 ? 1 : 0;
    return d;
  }
  double magnitude = 0;
  const bool complex_32 = a.type() == ElementType::kComplex64;
  const std::int64_t parts = is_complex(a.type()) ? 2 : 1;
  const auto element = [&](const Tensor& t, std::int64_t i) {
    if (!is_complex(t.type())) return element_as_f64(t, i);
    return complex_32 ? static_cast<double>(static_cast<const float*>(t.raw())[i])
                      : static_cast<const double*>(t.raw())[i];
  };
  for (std::int64_t i = 0; i < a.size() * parts; ++i) {
    const double x = element(a, i);
    const double y = element(b, i);
    if (std::isfinite(y)) magnitude = std::max(magnitude, std::fabs(y));
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    ++d.elements;
    const double off = std::fabs(x - y);
    d.largest = std::isfinite(off) ? std::max(d.largest, off) : INFINITY;
  }
  d.relative = d.largest == 0 ? 0 : magnitude > 0 ? d.largest / magnitude : INFINITY;
  return d;
}

Difference compare(const Datum& a, const Datum& b) {
  if (a.is_tensor() && b.is_tensor()) return compare_tensors(a.tensor(), b.tensor());
  Difference d;
  if (a.is_map() && b.is_map()) {
    const Difference keys = compare_tensors(a.map().keys, b.map().keys);
    return keys.comparable && keys.elements == 0 ? compare_tensors(a.map().values, b.map().values) : keys;
  }
  if (a.is_sequence() && b.is_sequence() && a.sequence().items.size() == b.sequence().items.size()) {
    for (std::size_t i = 0; i < a.sequence().items.size(); ++i) {
      const Difference item = compare(a.sequence().items[i], b.sequence().items[i]);
      d.comparable = d.comparable && item.comparable;
      if (d.fact.empty()) d.fact = item.fact;
      d.largest = std::max(d.largest, item.largest);
      d.relative = std::max(d.relative, item.relative);
      d.elements += item.elements;
      d.size += item.size;
    }
    return d;
  }
  d.comparable = a.empty() && b.empty();
  if (!d.comparable) d.fact = "values of different kinds";
  return d;
}

// The options of the other side: the first side's with the settings of --against.
SessionOptions other_options(const SessionOptions& options, const std::string& against) {
  SessionOptions other = options;
  bool named = false;
  std::size_t start = 0;
  while (start <= against.size()) {
    const std::size_t end = std::min(against.find(',', start), against.size());
    const std::string setting = against.substr(start, end - start);
    start = end + 1;
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) {
      std::string device = setting;
      std::transform(device.begin(), device.end(), device.begin(),
                     [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      const auto& known = device_names();
      if (std::find(known.begin(), known.end(), device) == known.end()) {
        throw UsageError(formatted("--against {}: \"{}\" is no device ({}) and no KEY=VALUE", against, setting,
                                   joined(known, ", ")));
      }
      other.providers = {{"CPUExecutionProvider", {{"device", device}}}};
      named = true;
      continue;
    }
    const std::string key = setting.substr(0, equals);
    const std::string value = setting.substr(equals + 1);
    if (key == "level") {
      other.level = parse_level(value);
    } else if (key == "threads") {
      other.intra_op_threads = static_cast<int>(parse_integer(value, "--against threads", 1, 1 << 16));
    } else if (key == "provider") {
      ModelArguments provider;
      provider.providers = {value};
      other.providers = session_options(provider).providers;
      named = true;
    } else {
      if (other.providers.empty()) other.providers.push_back({"CPUExecutionProvider", {}});
      if (!named) other.providers.resize(1);
      other.providers.front().options[key] = value;
    }
  }
  return other;
}

std::string describe(const SessionOptions& options) {
  std::vector<std::string> parts;
  for (const ProviderRequest& p : options.providers) {
    std::string text = p.name;
    for (const auto& [key, value] : p.options) text += formatted(" {}={}", key, value);
    parts.push_back(text);
  }
  const char* const levels[] = {"disable", "basic", "extended", "layout", "all"};
  std::string text = parts.empty() ? "CPUExecutionProvider" : joined(parts, " + ");
  text += formatted(", level {}", levels[static_cast<int>(options.level)]);
  if (options.intra_op_threads > 0)
    text += formatted(", {} thread{}", options.intra_op_threads, options.intra_op_threads == 1 ? "" : "s");
  return text;
}

// A value between two nodes that both sides compute.
struct Probe {
  std::string value;
  std::string op;
  std::string node;
  std::vector<std::string> origins;
  std::string kernel;
  std::string algorithm;
};

// Values that the session's steps leave behind, in the order of its graph: making them outputs changes no step.
std::vector<Probe> step_results(const Session& session) {
  std::vector<Probe> probes;
  const std::set<const Value*> outputs(session.graph().outputs().begin(), session.graph().outputs().end());
  std::unordered_map<int, std::pair<const StepInfo*, const std::vector<int>*>> step_of;
  const std::vector<CompiledPartInfo> parts = session.describe();
  for (const CompiledPartInfo& part : parts) {
    for (const StepInfo& s : part.executable.steps) {
      for (const int id : s.nodes) step_of[id] = {&s, &s.nodes};
    }
  }
  for (const Node* node : session.graph().nodes()) {
    const auto found = step_of.find(node->id());
    if (found == step_of.end() && !node->op().traits.control_flow) continue;
    for (const Value* v : node->outputs()) {
      if (!v->type().is_tensor() || v->users().empty()) continue;
      const bool stays = outputs.count(v) != 0 || found == step_of.end() ||
                         std::any_of(v->users().begin(), v->users().end(), [&](const Node* user) {
                           const auto& members = *found->second.second;
                           return std::find(members.begin(), members.end(), user->id()) == members.end();
                         });
      if (!stays) continue;
      Probe probe{v->name(), node->op().full_name(), node->name(), node->origins(), "", ""};
      if (found != step_of.end()) {
        probe.kernel = found->second.first->kernel;
        probe.algorithm = found->second.first->algorithm;
        if (!found->second.first->origins.empty()) probe.origins = found->second.first->origins;
      }
      probes.push_back(std::move(probe));
    }
  }
  return probes;
}

std::unordered_map<std::string, Value*> values_by_name(const Graph& graph) {
  std::unordered_map<std::string, Value*> values;
  for (const Node* node : graph.nodes()) {
    for (Value* v : node->outputs()) values.emplace(v->name(), v);
  }
  return values;
}

std::vector<Datum> run_session(Session& session, const std::vector<InputValue>& inputs) {
  std::vector<Datum> results(session.outputs().size());
  run_once(session, arranged(session, inputs), results);
  return results;
}

Json difference_json(const Difference& d, double tolerance) {
  Json json = {{"size", d.size}, {"different", d.elements}};
  json["max_absolute"] = std::isfinite(d.largest) ? Json(d.largest) : Json("inf");
  json["max_relative"] = std::isfinite(d.relative) ? Json(d.relative) : Json("inf");
  json["agrees"] = d.comparable && d.relative <= tolerance;
  if (!d.fact.empty()) json["fact"] = d.fact;
  return json;
}

std::string difference_text(const Difference& d) {
  if (!d.comparable) return d.fact;
  if (d.elements == 0) return "equal";
  return formatted("{} of {} differ, by {:.3g} at most, {:.3g} of the largest magnitude", d.elements, d.size, d.largest,
                   d.relative);
}

}  // namespace

int diff(const DiffArguments& arguments, Report& report) {
  const SessionOptions options = session_options(arguments.model);
  const SessionOptions other = other_options(options, arguments.against);
  std::shared_ptr<Graph> graph = load(arguments.model, options);
  InputArguments filled = arguments.input;
  if (!filled.random) filled.random = 0;
  const std::vector<InputValue> inputs = gather_inputs(inputs_of(*graph), filled);
  const auto agrees = [&](const Difference& d) { return d.comparable && d.relative <= arguments.tolerance; };

  Progress progress(formatted("running {}", arguments.model.model));
  Session session(graph, options);
  const std::vector<Datum> results = run_session(session, inputs);
  progress.show("running the other configuration");
  std::vector<Datum> expected;
  {
    Session reference(load(arguments.model, other), other);
    expected = run_session(reference, inputs);
  }
  progress.show("");
  Json json = {{"command", "diff"},          {"model", arguments.model.model},   {"configuration", describe(options)},
               {"against", describe(other)}, {"tolerance", arguments.tolerance}, {"inputs", inputs_json(inputs)},
               {"outputs", Json::array()}};
  report.line(formatted("{}: {}", arguments.model.model, describe(options)));
  report.line(formatted("against {}", describe(other)));
  print_inputs(inputs, report);
  bool all_agree = true;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Difference d = compare(results[i], expected[i]);
    all_agree = all_agree && agrees(d);
    Json item = {{"name", session.outputs()[i].name}};
    item.update(difference_json(d, arguments.tolerance));
    json["outputs"].push_back(std::move(item));
    report.line(formatted("output {}: {}{}", session.outputs()[i].name, difference_text(d),
                          agrees(d) ? "" : "  <- above the tolerance"));
  }
  json["agrees"] = all_agree;
  json["first_diverging"] = nullptr;

  if (!all_agree || arguments.nodes) {
    progress.show("looking at every step");
    const std::vector<Probe> probes = step_results(session);
    const std::shared_ptr<Graph> left = load(arguments.model, options, GraphStage::kWiden);
    const std::shared_ptr<Graph> right = load(arguments.model, other, GraphStage::kWiden);
    const auto left_values = values_by_name(*left);
    const auto right_values = values_by_name(*right);
    const std::size_t first = left->outputs().size();
    std::vector<const Probe*> kept;
    for (const Probe& probe : probes) {
      const auto l = left_values.find(probe.value);
      const auto r = right_values.find(probe.value);
      if (l == left_values.end() || r == right_values.end()) continue;
      left->add_output(l->second, formatted("probe {}", kept.size()));
      right->add_output(r->second, formatted("probe {}", kept.size()));
      kept.push_back(&probe);
    }
    Session left_session(left, options);
    const std::vector<Datum> left_results = run_session(left_session, inputs);
    Session right_session(right, other);
    const std::vector<Datum> right_results = run_session(right_session, inputs);
    progress.show("");
    json["nodes"] = Json::array();
    std::optional<std::size_t> diverging;
    for (std::size_t k = 0; k < kept.size(); ++k) {
      const Probe& probe = *kept[k];
      const Difference d = compare(left_results[first + k], right_results[first + k]);
      Json item = {{"op", probe.op},           {"node", probe.node},     {"value", probe.value},
                   {"origins", probe.origins}, {"kernel", probe.kernel}, {"algorithm", probe.algorithm}};
      item.update(difference_json(d, arguments.tolerance));
      const std::string where = formatted("{} (value \"{}\"{}{}{}{})", joined(probe.origins, " + "), probe.value,
                                          probe.kernel.empty() ? "" : ", ", probe.kernel,
                                          probe.algorithm.empty() ? "" : " ", probe.algorithm);
      if (arguments.nodes)
        report.line(formatted("  {}: {}{}", where, difference_text(d), agrees(d) ? "" : "  <- above the tolerance"));
      if (!agrees(d) && !diverging) {
        diverging = k;
        json["first_diverging"] = item;
        report.line(formatted("first to differ: {}: {}", where, difference_text(d)));
      }
      if (arguments.nodes) json["nodes"].push_back(std::move(item));
    }
    if (!diverging && !all_agree) {
      report.line(kept.empty() ? std::string("the two graphs have no step's result in common")
                               : formatted("none of the {} results between steps differs by more than the tolerance",
                                           kept.size()));
    }
    json["compared_nodes"] = kept.size();
    if (!arguments.nodes) json.erase("nodes");
  }
  report.line(all_agree ? formatted("the outputs agree within {:g}", arguments.tolerance)
                        : formatted("the outputs differ by more than {:g}", arguments.tolerance));
  report.document(json);
  return all_agree ? 0 : 1;
}

}  // namespace oriel::shell
