// Options of one run for Python: `terminate` stops runs that are under way.
#pragma once

#include <nanobind/nanobind.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frontends/onnx/adapter_file.h"
#include "runtime/session.h"

namespace oriel::python {

struct PyRunOptions {
  CancelToken cancel;
  int log_severity_level = -1;
  int log_verbosity_level = 0;
  std::string logid;
  bool only_execute_path_to_fetches = false;
  std::map<std::string, std::string> config;
  /// Their parameters are inputs of the run, before what the run itself is given.
  std::vector<std::shared_ptr<const onnx::Adapter>> adapters;
};

void bind_run_options(nanobind::module_& module);

}  // namespace oriel::python
