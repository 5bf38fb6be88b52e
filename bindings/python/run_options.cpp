// RunOptions.
#include "run_options.h"

#include <nanobind/stl/string.h>

namespace nb = nanobind;

namespace oriel::python {

void bind_run_options(nb::module_& module) {
  nb::class_<PyRunOptions>(module, "RunOptions", "How one run goes. Setting `terminate` stops the runs that were given these options.")
      .def(nb::init<>())
      .def_prop_rw(
          "terminate", [](const PyRunOptions& o) { return o.cancel.cancelled.load(); },
          [](PyRunOptions& o, bool stop) { o.cancel.cancelled.store(stop); })
      .def_rw("log_severity_level", &PyRunOptions::log_severity_level)
      .def_rw("log_verbosity_level", &PyRunOptions::log_verbosity_level)
      .def_rw("logid", &PyRunOptions::logid)
      .def_rw("only_execute_path_to_fetches", &PyRunOptions::only_execute_path_to_fetches)
      .def("add_run_config_entry", [](PyRunOptions& o, const std::string& key, const std::string& value) { o.config[key] = value; })
      .def("get_run_config_entry", [](const PyRunOptions& o, const std::string& key) {
        const auto found = o.config.find(key);
        if (found == o.config.end()) throw std::runtime_error("RunOptions does not have configuration with key: " + key);
        return found->second;
      });
}

}  // namespace oriel::python
