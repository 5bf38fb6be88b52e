// Values for a model's inputs: from files, from the command line, or random.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "arguments.h"
#include "model.h"
#include "report.h"

namespace oriel::shell {

/// One input's value and where it came from.
struct InputValue {
  std::string name;
  Tensor tensor;
  /// "random, seed 0", "cat.jpg 640 x 480, stretched to 224 x 224"
  std::vector<std::string> sources;
  /// What was done to pictures; empty for everything else.
  std::string applied;
  bool picture = false;
};

/// Values for all inputs of a model that have no default, and for those with one that the arguments name. Throws
/// UsageError where an input has no value or none of that name exists, Error for files that cannot be used.
std::vector<InputValue> gather_inputs(const GraphInputs& inputs, const InputArguments& arguments);

/// Prints what each input got.
void print_inputs(const std::vector<InputValue>& inputs, Report& report);
nlohmann::ordered_json inputs_json(const std::vector<InputValue>& inputs);

/// The values in the order of Session::input_index(); null where an input keeps its default.
std::vector<Datum> arranged(const Session& session, const std::vector<InputValue>& inputs);

/// One run on those values. Slots may hold the results of an earlier run, whose memory is used again. Throws Error.
void run_once(Session& session, const std::vector<Datum>& inputs, std::span<Datum> outputs,
              StepObserver* observer = nullptr);

}  // namespace oriel::shell
