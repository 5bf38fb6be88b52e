// oriel run: a model on the user's files.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "arrays.h"
#include "commands.h"
#include "inputs.h"
#include "results.h"

namespace oriel::shell {
namespace {

using Json = nlohmann::ordered_json;

// The value below which `share` of the sorted samples lie, between neighbours in proportion.
double percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Json show_latency(std::vector<double> samples, Report& report) {
  std::sort(samples.begin(), samples.end());
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
  Json json = {{"runs", samples.size()}, {"min", samples.front()}, {"mean", mean}};
  if (samples.size() == 1) {
    report.line(formatted("time {}", milliseconds_text(mean)));
    json["max"] = samples.back();
    return json;
  }
  std::string text = formatted("{} runs: min {}, mean {}", samples.size(), milliseconds_text(samples.front()),
                               milliseconds_text(mean));
  for (const int p : {50, 90, 95, 99}) {
    const double value = percentile(samples, p / 100.0);
    json[formatted("p{}", p)] = value;
    text += formatted(", p{} {}", p, milliseconds_text(value));
  }
  json["max"] = samples.back();
  json["runs_per_second"] = 1000 / mean;
  report.line(text + formatted(", max {}; {:.4g} runs a second", milliseconds_text(samples.back()), 1000 / mean));
  return json;
}

// Where each named output goes; the whole folder's worth where one was asked for.
std::vector<std::pair<std::size_t, std::string>> output_files(const Session& session, const RunArguments& arguments) {
  std::vector<std::pair<std::size_t, std::string>> files;
  for (const std::string& text : arguments.outputs) {
    const auto [name, file] = split_pair(text, "--output");
    const int index = session.output_index(name);
    if (index < 0) {
      std::vector<std::string> names;
      for (const ValueInfo& v : session.outputs()) names.push_back(v.name);
      throw UsageError(
          formatted("--output {}: the model has no output \"{}\"; outputs: {}", text, name, joined(names, ", ")));
    }
    files.emplace_back(static_cast<std::size_t>(index), file);
  }
  if (arguments.output_folder.empty()) return files;
  if (::mkdir(arguments.output_folder.c_str(), 0777) != 0 && errno != EEXIST) {
    fail(ErrorCode::kFail, "cannot make the folder {}: {}", arguments.output_folder, std::strerror(errno));
  }
  for (std::size_t i = 0; i < session.outputs().size(); ++i) {
    std::string name = session.outputs()[i].name;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '/' || c == '\0'; }, '_');
    if (name.empty() || name == "." || name == "..") name = formatted("output_{}", i);
    files.emplace_back(i, formatted("{}/{}.npy", arguments.output_folder, name));
  }
  return files;
}

}  // namespace

int run(const RunArguments& arguments, Report& report) {
  ResultOptions shown;
  shown.top = arguments.top;
  shown.label_file = arguments.labels;
  if (!arguments.labels.empty()) shown.labels = read_labels(arguments.labels);

  const std::int64_t start = now_ns();
  const SessionOptions options = session_options(arguments.model);
  const std::shared_ptr<Graph> graph = load(arguments.model, options);
  const double load_ms = static_cast<double>(now_ns() - start) / 1e6;
  const std::vector<InputValue> inputs = gather_inputs(inputs_of(*graph), arguments.input);
  shown.picture = std::any_of(inputs.begin(), inputs.end(), [](const InputValue& v) { return v.picture; });

  const std::int64_t begin = now_ns();
  Progress progress(formatted("compiling {}", arguments.model.model));
  Session session(graph, options);
  const double compile_ms = static_cast<double>(now_ns() - begin) / 1e6;
  const auto files = output_files(session, arguments);
  const std::vector<Datum> values = arranged(session, inputs);
  std::vector<Datum> results(session.outputs().size());

  const int warmup = arguments.warmup >= 0 ? arguments.warmup : arguments.repeat > 1 ? 1 : 0;
  std::vector<double> samples;
  for (int i = -warmup; i < arguments.repeat; ++i) {
    progress.show(i < 0 ? std::string("warming up") : formatted("run {} of {}", i + 1, arguments.repeat));
    const std::int64_t from = now_ns();
    run_once(session, values, results);
    if (i >= 0) samples.push_back(static_cast<double>(now_ns() - from) / 1e6);
  }
  progress.show("");

  print_inputs(inputs, report);
  Json json = {{"command", "run"},
               {"model", arguments.model.model},
               {"inputs", inputs_json(inputs)},
               {"outputs", Json::array()}};
  const bool any_scores = std::any_of(results.begin(), results.end(), is_scores);
  if (!any_scores && !shown.labels.empty())
    throw UsageError(formatted("{}: no output of the model is scores of classes", arguments.labels));
  for (std::size_t i = 0; i < results.size(); ++i)
    json["outputs"].push_back(show_output(session.outputs()[i].name, results[i], shown, report));
  for (const auto& [index, file] : files) {
    if (!results[index].is_tensor())
      fail(ErrorCode::kInvalidArgument, "output \"{}\" is no tensor: {} is not written", session.outputs()[index].name,
           file);
    try {
      write_file(file, write_npy(results[index].tensor()));
    } catch (const Error& error) {
      throw error.at(formatted("output \"{}\"", session.outputs()[index].name));
    }
    json["outputs"][index]["file"] = file;
    report.line(formatted("output {} written to {}", session.outputs()[index].name, file));
  }
  report.line(formatted("load {}, compile {}", milliseconds_text(load_ms), milliseconds_text(compile_ms)));
  json["load_ms"] = load_ms;
  json["compile_ms"] = compile_ms;
  json["latency_ms"] = show_latency(std::move(samples), report);
  report.document(json);
  return 0;
}

}  // namespace oriel::shell
