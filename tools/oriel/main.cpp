// The shell `oriel`: the command line, and what becomes of errors.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <new>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "commands.h"
#include "picture.h"

namespace {

using namespace oriel::shell;
using oriel::formatted;

constexpr int kFailure = 1;
constexpr int kUsage = 2;

// One line on stderr; with --json the same as a document on stdout.
int report_error(const std::string& command, const std::string& message, const char* code, int status, bool json) {
  std::string line;
  for (const char c : message) {
    if (c == '\n' && (line.empty() || line.back() == ' ')) continue;
    line += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  }
  std::fprintf(stderr, "oriel%s%s: %s\n", command.empty() ? "" : " ", command.c_str(), line.c_str());
  if (json) {
    try {
      Report report(true);
      report.document({{"error", {{"command", command}, {"status", status}, {"code", code}, {"message", line}}}});
      report.finish();
    } catch (const std::exception&) {
      return status;
    }
  }
  return status;
}

void add_model(CLI::App& app, ModelArguments& model) {
  app.add_option("MODEL", model.model, "ONNX model")->required();
  app.add_option("--provider", model.providers,
                 "Execution provider, as CPU or OpenVINO; more than once in order of priority")
      ->allow_extra_args(false);
  app.add_option("--option", model.options,
                 "KEY=VALUE for the first provider; device=REFERENCE makes the CPU provider run references alone")
      ->allow_extra_args(false);
  app.add_option("--level", model.level, "Optimisation: disable, basic, extended, layout or all")
      ->check(CLI::IsMember({"disable", "basic", "extended", "layout", "all"}))
      ->capture_default_str();
  app.add_option("--threads", model.threads, "Threads of a run; default: what the process may use")
      ->check(CLI::Range(1, 1 << 16));
  app.add_option("--dim", model.dims, "NAME=N fixes a dimension that the model names, as batch=1")
      ->allow_extra_args(false);
  app.add_option("--shape", model.shapes, "NAME=1x3x224x224 fixes the shape of an input")->allow_extra_args(false);
}

void add_inputs(CLI::App& app, InputArguments& input) {
  app.add_option("--input,-i", input.inputs,
                 "[NAME=]FILE: a picture, .npy, .npz[:KEY], .pb (TensorProto), .raw or .bin; or NAME=[1, 2, 3]; "
                 "several pictures for one input make a batch")
      ->allow_extra_args(false);
  app.add_option("--random", input.random, "SEED: fill inputs without a value: floats from 0 to 1, integers 0 or 1");
  app.add_flag("--cast", input.cast, "Convert arrays to the element type of their input");
  CLI::Option_group& picture =
      *app.add_option_group("Pictures", "value = (pixel * scale - mean) / std, pixels from 0 to 255");
  PictureArguments& p = input.picture;
  picture.add_option("--preset", p.preset, preset_help() + "; default: unit for floats, bytes for integers");
  picture.add_option("--scale", p.scale, "Factor of pixels");
  picture.add_option("--mean", p.mean, "One number, or one a channel: 0.485,0.456,0.406")
      ->delimiter(',')
      ->allow_extra_args(false);
  picture.add_option("--std", p.deviation, "One number, or one a channel")->delimiter(',')->allow_extra_args(false);
  picture.add_option("--layout", p.layout, "Axes of the input; default: where 1 or 3 channels stand")
      ->check(CLI::IsMember({"nchw", "nhwc", "chw", "hwc", "hw"}, CLI::ignore_case));
  picture.add_option("--color", p.color, "Order of channels; default: rgb or gray")
      ->check(CLI::IsMember({"rgb", "bgr", "gray"}, CLI::ignore_case));
  picture.add_option("--fit", p.fit, "stretch to the input's size, crop the middle, or pad")
      ->check(CLI::IsMember({"stretch", "crop", "pad"}, CLI::ignore_case));
  picture.add_option("--resize", p.resize, "Length of the shorter side before the middle is cut out")
      ->check(CLI::Range(1, 1 << 15));
  picture.add_option("--pad-value", p.pad_value, "Pixels around a padded picture")
      ->check(CLI::Range(0, 255))
      ->capture_default_str();
}

int command_line(int argc, char** argv) {
  CLI::App app("Runs, shows and compares ONNX models.", "oriel");
  app.set_version_flag("--version", "oriel " ORIEL_VERSION);
  app.get_formatter()->column_width(32);
  bool json = false;
  app.add_flag("--json", json, "Print one JSON document; errors too");

  RunArguments run_arguments;
  CLI::App& run_app = *app.add_subcommand("run", "Run a model on files");
  add_model(run_app, run_arguments.model);
  add_inputs(run_app, run_arguments.input);
  run_app.add_option("--labels", run_arguments.labels, "Names of classes: one a line, or JSON");
  run_app.add_option("--top", run_arguments.top, "Classes to show; default: 5 for pictures and with labels")
      ->check(CLI::Range(1, 1 << 20));
  run_app.add_option("--repeat", run_arguments.repeat, "Runs to time")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  run_app.add_option("--warmup", run_arguments.warmup, "Runs before them; default: 1 with --repeat, else 0")
      ->check(CLI::Range(0, 1 << 24));
  run_app.add_option("--output,-o", run_arguments.outputs, "NAME=FILE.npy writes an output")->allow_extra_args(false);
  run_app.add_option("--output-dir", run_arguments.output_folder, "Folder for all outputs, NAME.npy each");

  ModelArguments info_arguments;
  CLI::App& info_app = *app.add_subcommand("info", "Show what a model is");
  add_model(info_app, info_arguments);

  DumpArguments dump_arguments;
  CLI::App& dump_app = *app.add_subcommand("dump", "Show a model after a stage");
  add_model(dump_app, dump_arguments.model);
  dump_app.add_option("--after", dump_arguments.stage, "load, legalise, optimise, partition or plan")
      ->check(CLI::IsMember({"load", "legalise", "optimise", "partition", "plan"}))
      ->capture_default_str();
  dump_app.add_option("--onnx", dump_arguments.onnx, "Write the graph as an ONNX file");
  dump_app.add_option("--file,-o", dump_arguments.file, "Write the text to a file");

  ExplainArguments explain_arguments;
  CLI::App& explain_app = *app.add_subcommand("explain", "Show what runs each node, and why others do not");
  add_model(explain_app, explain_arguments.model);
  explain_app.add_flag("--measure", explain_arguments.measure, "Time every step; inputs without a value are random");
  explain_app.add_option("--repeat", explain_arguments.repeat, "Runs to time")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  add_inputs(explain_app, explain_arguments.input);

  DiffArguments diff_arguments;
  CLI::App& diff_app = *app.add_subcommand(
      "diff", "Compare two configurations, output by output and step by step; status 1 where they differ");
  add_model(diff_app, diff_arguments.model);
  diff_app
      .add_option("--against", diff_arguments.against,
                  "The other configuration: a device, or KEY=VALUE,...: level, threads, provider, or provider options")
      ->capture_default_str();
  diff_app
      .add_option("--tolerance", diff_arguments.tolerance,
                  "Largest difference, relative to the largest magnitude of a value")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  diff_app.add_flag("--nodes", diff_arguments.nodes, "List the results of all steps");
  add_inputs(diff_app, diff_arguments.input);

  OperatorArguments operator_arguments;
  CLI::App& operators_app = *app.add_subcommand("operators", "List the operators that can be in a model");
  operators_app.add_option("TEXT", operator_arguments.text, "What names have to contain, in any case");

  DoctorArguments doctor_arguments;
  CLI::App& doctor_app = *app.add_subcommand("doctor", "Show what is usable on this machine, and why not the rest");
  doctor_app.add_flag("--measure", doctor_arguments.measure, "Measure arithmetic and memory");
  doctor_app.add_option("--threads", doctor_arguments.threads, "Threads to measure with")
      ->check(CLI::Range(1, 1 << 16));

  for (CLI::App* command : app.get_subcommands({}))
    command->add_flag("--json", json, "Print one JSON document; errors too");

  std::string command;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    for (const CLI::App* chosen : app.get_subcommands()) command = chosen->get_name();
    json = std::any_of(argv + 1, argv + argc, [](const char* a) { return std::string(a) == "--json"; });
    return report_error(command,
                        formatted("{} (see oriel {}{}--help)", error.what(), command, command.empty() ? "" : " "),
                        "USAGE", kUsage, json);
  }
  for (const CLI::App* chosen : app.get_subcommands()) command = chosen->get_name();
  if (command.empty()) {
    return report_error("",
                        "a command is missing: run, info, dump, explain, diff, operators or doctor (see oriel --help)",
                        "USAGE", kUsage, json);
  }
  // The validators take any case.
  for (InputArguments* input : {&run_arguments.input, &explain_arguments.input, &diff_arguments.input}) {
    for (std::string* text : {&input->picture.layout, &input->picture.color, &input->picture.fit})
      *text = CLI::detail::to_lower(*text);
  }
  Report report(json);
  try {
    const int status = command == "run"         ? run(run_arguments, report)
                       : command == "info"      ? info(info_arguments, report)
                       : command == "dump"      ? dump(dump_arguments, report)
                       : command == "explain"   ? explain(explain_arguments, report)
                       : command == "diff"      ? diff(diff_arguments, report)
                       : command == "operators" ? operators(operator_arguments, report)
                                                : doctor(doctor_arguments, report);
    report.finish();
    return status;
  } catch (const UsageError& error) {
    return report_error(command, error.what(), "USAGE", kUsage, json);
  } catch (const oriel::Error& error) {
    return report_error(command, error.what(), oriel::error_code_name(error.code()), kFailure, json);
  } catch (const std::bad_alloc&) {
    return report_error(command, "the system is out of memory", "OUT_OF_MEMORY", kFailure, json);
  } catch (const std::exception& error) {
    return report_error(command, error.what(), "FAIL", kFailure, json);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return command_line(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "oriel: %s\n", error.what());
    return kFailure;
  }
}
