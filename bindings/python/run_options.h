// Options of one run for Python: `terminate` stops runs that are under way.
#pragma once

#include <nanobind/nanobind.h>

#include <map>
#include <string>

#include "runtime/session.h"

namespace oriel::python {

struct PyRunOptions {
  CancelToken cancel;
  int log_severity_level = -1;
  int log_verbosity_level = 0;
  std::string logid;
  bool only_execute_path_to_fetches = false;
  std::map<std::string, std::string> config;
};

void bind_run_options(nanobind::module_& module);

}  // namespace oriel::python
