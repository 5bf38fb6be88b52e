// oriel explain: what runs each node, why others do not, and how long it takes.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/cpu_features.h"
#include "commands.h"
#include "inputs.h"
#include "machine.h"
#include "runtime/work.h"

namespace oriel::shell {
namespace {

using Json = nlohmann::ordered_json;

// Times of steps, summed over runs.
class Stopwatch final : public StepObserver {
 public:
  struct Entry {
    double ns = 0;
    std::int64_t calls = 0;
  };
  void on_step(const void* executable, int step, std::int64_t begin_ns, std::int64_t end_ns) override {
    std::vector<Entry>& entries = entries_[executable];
    if (entries.size() <= static_cast<std::size_t>(step)) entries.resize(static_cast<std::size_t>(step) + 1);
    entries[static_cast<std::size_t>(step)].ns += static_cast<double>(end_ns - begin_ns);
    ++entries[static_cast<std::size_t>(step)].calls;
  }
  Entry entry(const void* executable, std::size_t step) const {
    const auto found = entries_.find(executable);
    return found == entries_.end() || step >= found->second.size() ? Entry() : found->second[step];
  }
  double total_ns() const {
    double sum = 0;
    for (const auto& [executable, entries] : entries_) {
      for (const Entry& e : entries) sum += e.ns;
    }
    return sum;
  }

 private:
  std::unordered_map<const void*, std::vector<Entry>> entries_;
};

// A measurement of a whole session.
struct Measurement {
  Stopwatch watch;
  int runs = 0;
  double run_ms = 0;
  MachineSpeed speed;
  Bindings symbols;
};

class Explainer {
 public:
  Explainer(Report& report, const Measurement* measured)
      : report_(report), measured_(measured), table_(columns(measured != nullptr)) {}

  Json parts(const std::vector<CompiledPartInfo>& parts, const std::string& indent = "") {
    Json list = Json::array();
    for (const CompiledPartInfo& part : parts) {
      for (const DeclinedNode& node : part.declined) {
        for (const Decline& d : node.declines) {
          declined_.push_back({{"op", node.op},
                               {"node", node.name},
                               {"origins", node.origins},
                               {"provider", d.provider},
                               {"device", d.device},
                               {"reason", d.reason}});
        }
      }
      if (!part.op.empty()) {
        table_.row(cells(indent, "EXECUTOR", part.op, "", "", "", "", {part.name}));
        Json item = {{"device", "EXECUTOR"}, {"op", part.op}, {"name", part.name}, {"bodies", Json::array()}};
        for (const auto& body : part.bodies) item["bodies"].push_back(this->parts(body, indent + "  "));
        list.push_back(std::move(item));
        continue;
      }
      arena_bytes_ += part.executable.arena_bytes;
      std::unordered_map<int, const Node*> nodes;
      for (const Node* node : part.graph->nodes()) nodes.emplace(node->id(), node);
      for (std::size_t i = 0; i < part.executable.steps.size(); ++i) list.push_back(step(part, i, nodes, indent));
    }
    return list;
  }

  void print() const { table_.print(report_); }
  const Json& declined() const { return declined_; }
  std::int64_t steps() const { return number_; }
  std::int64_t packed_bytes() const { return packed_bytes_; }
  std::int64_t arena_bytes() const { return arena_bytes_; }
  double modelled_ms() const { return modelled_ms_; }

 private:
  static std::vector<Table::Column> columns(bool measured) {
    std::vector<Table::Column> list{{"#", true},          {"device", false},    {"operator", false}, {"kernel", false},
                                    {"algorithm", false}, {"precision", false}, {"packed", true}};
    if (measured) {
      for (const char* heading : {"ms", "share", "GFLOP/s", "GB/s", "modelled ms"}) list.push_back({heading, true});
    }
    list.push_back({"nodes", false});
    return list;
  }

  std::vector<std::string> cells(const std::string& indent, const std::string& device, const std::string& op,
                                 const std::string& kernel, const std::string& algorithm, const std::string& precision,
                                 const std::string& packed, const std::vector<std::string>& nodes,
                                 std::vector<std::string> times = {}) const {
    std::vector<std::string> row{
        device == "EXECUTOR" ? "" : std::to_string(number_), indent + device, op, kernel, algorithm, precision, packed};
    times.resize(measured_ != nullptr ? 5 : 0);
    row.insert(row.end(), times.begin(), times.end());
    row.push_back(joined(nodes, " + "));
    return row;
  }

  Json step(const CompiledPartInfo& part, std::size_t i, const std::unordered_map<int, const Node*>& nodes,
            const std::string& indent) {
    const StepInfo& s = part.executable.steps[i];
    Json item = {{"index", number_},
                 {"provider", part.provider},
                 {"device", s.device},
                 {"op", s.op},
                 {"name", s.name},
                 {"kernel", s.kernel},
                 {"algorithm", s.algorithm},
                 {"precision", s.precision},
                 {"packed_bytes", s.packed_bytes},
                 {"origins", s.origins}};
    packed_bytes_ += s.packed_bytes;
    std::vector<std::string> times;
    if (measured_ != nullptr) times = measure(part, i, nodes, item);
    table_.row(cells(indent, s.device, s.op, s.kernel, s.algorithm, s.precision,
                     s.packed_bytes > 0 ? bytes_text(static_cast<double>(s.packed_bytes)) : "",
                     s.origins.empty() ? std::vector<std::string>{s.name} : s.origins, times));
    ++number_;
    return item;
  }

  // Where several steps compute the same nodes, the longest of them has their work.
  bool has_work(const CompiledPartInfo& part, std::size_t i) const {
    const auto ns = [&](std::size_t k) { return measured_->watch.entry(part.handle, k).ns; };
    const auto& steps = part.executable.steps;
    for (std::size_t k = 0; k < steps.size(); ++k) {
      if (k != i && steps[k].nodes == steps[i].nodes && (ns(k) > ns(i) || (ns(k) == ns(i) && k < i))) return false;
    }
    return !steps[i].nodes.empty();
  }

  std::vector<std::string> measure(const CompiledPartInfo& part, std::size_t i,
                                   const std::unordered_map<int, const Node*>& nodes, Json& item) {
    const Stopwatch::Entry entry = measured_->watch.entry(part.handle, i);
    const double total = measured_->watch.total_ns();
    const double ms = entry.ns / 1e6 / measured_->runs;
    const double calls = static_cast<double>(entry.calls) / measured_->runs;
    item["calls"] = calls;
    item["ms"] = ms;
    item["share"] = total > 0 ? entry.ns / total : 0;
    std::vector<std::string> times{formatted("{:.4f}", ms),
                                   formatted("{:.1f} %", total > 0 ? 100 * entry.ns / total : 0), "", "", ""};
    for (const char* key : {"gflops_per_second", "gbytes_per_second", "modelled_ms"}) item[key] = nullptr;
    std::vector<const Node*> members;
    for (const int id : part.executable.steps[i].nodes) {
      const auto found = nodes.find(id);
      if (found != nodes.end()) members.push_back(found->second);
    }
    const std::optional<Work> work = has_work(part, i) ? work_of(members, measured_->symbols) : std::nullopt;
    if (!work || entry.calls == 0) return times;
    const double seconds = entry.ns / 1e9 / static_cast<double>(entry.calls);
    const double modelled =
        1e3 * calls * std::max(work->flops / measured_->speed.flops, work->bytes / measured_->speed.bytes);
    modelled_ms_ += modelled;
    item["flops"] = work->flops;
    item["bytes"] = work->bytes;
    item["gflops_per_second"] = seconds > 0 ? Json(work->flops / seconds / 1e9) : Json(nullptr);
    item["gbytes_per_second"] = seconds > 0 ? Json(work->bytes / seconds / 1e9) : Json(nullptr);
    item["modelled_ms"] = modelled;
    if (seconds > 0) {
      times[2] = work->flops > 0 ? formatted("{:.1f}", work->flops / seconds / 1e9) : "";
      times[3] = formatted("{:.1f}", work->bytes / seconds / 1e9);
    }
    times[4] = formatted("{:.4f}", modelled);
    return times;
  }

  Report& report_;
  const Measurement* measured_;
  Table table_;
  Json declined_ = Json::array();
  std::int64_t number_ = 0;
  std::int64_t packed_bytes_ = 0;
  std::int64_t arena_bytes_ = 0;
  double modelled_ms_ = 0;
};

void measure(Session& session, const ExplainArguments& arguments, const std::vector<InputValue>& inputs,
             Progress& progress, Measurement& measured) {
  const std::vector<Datum> values = arranged(session, inputs);
  std::vector<Datum> results(session.outputs().size());
  progress.show("warming up");
  run_once(session, values, results);
  measured.runs = arguments.repeat;
  const std::int64_t start = now_ns();
  for (int i = 0; i < arguments.repeat; ++i) {
    progress.show(formatted("run {} of {}", i + 1, arguments.repeat));
    run_once(session, values, results, &measured.watch);
  }
  measured.run_ms = static_cast<double>(now_ns() - start) / 1e6 / arguments.repeat;
  progress.show("measuring the machine");
  measured.speed = measure_speed(arguments.model.threads);
  std::vector<Dims> dims;
  for (const Value* input : session.graph().inputs()) {
    const auto at =
        std::find_if(inputs.begin(), inputs.end(), [&](const InputValue& v) { return v.name == input->name(); });
    dims.push_back(at == inputs.end() ? Dims() : at->tensor.dims());
  }
  measured.symbols = bind_inputs(session.graph(), dims);
}

}  // namespace

int explain(const ExplainArguments& arguments, Report& report) {
  const SessionOptions options = session_options(arguments.model);
  const std::shared_ptr<Graph> graph = load(arguments.model, options);
  std::vector<InputValue> inputs;
  if (arguments.measure) {
    InputArguments filled = arguments.input;
    if (!filled.random) filled.random = 0;
    inputs = gather_inputs(inputs_of(*graph), filled);
  }
  Progress progress(formatted("compiling {}", arguments.model.model));
  Session session(graph, options);
  Measurement measured;
  if (arguments.measure) measure(session, arguments, inputs, progress, measured);
  progress.show("");

  std::vector<std::string> providers;
  for (const ProviderRequest& p : session.providers()) providers.push_back(p.name);
  const int threads = arguments.model.threads > 0 ? arguments.model.threads : usable_cpus();
  Json json = {{"command", "explain"},   {"model", arguments.model.model},
               {"providers", providers}, {"level", arguments.model.level},
               {"threads", threads},     {"isa", std::string(isa_name(max_isa()))},
               {"steps", nullptr}};
  report.line(formatted("model {}, {} nodes after optimising", arguments.model.model, session.graph().nodes().size()));
  report.line(formatted("providers {}; level {}; threads {}; instruction set {}", joined(providers, ", "),
                        arguments.model.level, threads, isa_name(max_isa())));
  if (arguments.measure) print_inputs(inputs, report);
  report.line();
  Explainer explainer(report, arguments.measure ? &measured : nullptr);
  json["steps"] = explainer.parts(session.describe());
  explainer.print();
  report.line();
  report.line(formatted("{} steps, {} of packed weights", explainer.steps(),
                        bytes_text(static_cast<double>(explainer.packed_bytes()))));
  json["packed_bytes"] = explainer.packed_bytes();
  if (arguments.measure) {
    const double steps_ms = measured.watch.total_ns() / 1e6 / measured.runs;
    report.line(formatted("{} a run over {} runs: {} in steps, {} between them; modelled {}",
                          milliseconds_text(measured.run_ms), measured.runs, milliseconds_text(steps_ms),
                          milliseconds_text(measured.run_ms - steps_ms), milliseconds_text(explainer.modelled_ms())));
    report.line(formatted(
        "modelled: the longer of arithmetic at {}FLOP/s (measured, f32 product) and traffic at {}B/s (measured, copy)",
        count_text(measured.speed.flops), count_text(measured.speed.bytes)));
    report.line(formatted("arena {}", bytes_text(static_cast<double>(explainer.arena_bytes()))));
    json["inputs"] = inputs_json(inputs);
    json["arena_bytes"] = explainer.arena_bytes();
    json["measured"] = {{"runs", measured.runs},
                        {"run_ms", measured.run_ms},
                        {"steps_ms", steps_ms},
                        {"modelled_ms", explainer.modelled_ms()},
                        {"machine_flops_per_second", measured.speed.flops},
                        {"machine_bytes_per_second", measured.speed.bytes}};
  }
  if (!explainer.declined().empty()) report.line("\nnot taken:");
  for (const Json& d : explainer.declined()) {
    report.line(formatted("  {} (node \"{}\") by {} on {}: {}", d["op"].get<std::string>(),
                          d["node"].get<std::string>(), d["provider"].get<std::string>(),
                          d["device"].get<std::string>(), d["reason"].get<std::string>()));
  }
  json["declined"] = explainer.declined();
  report.document(json);
  return 0;
}

}  // namespace oriel::shell
