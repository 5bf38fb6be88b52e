// RunOptions.
#include "run_options.h"

#include <nanobind/stl/string.h>

#include "adapters.h"

namespace nb = nanobind;

namespace oriel::python {
namespace {

// Anything that Python finds true or false, as onnxruntime takes it.
bool truth(nb::handle value) {
  const int result = PyObject_IsTrue(value.ptr());
  if (result < 0) throw nb::python_error();
  return result != 0;
}

void add_entry(PyRunOptions& options, const std::string& key, const std::string& value) {
  if (key.empty() || key.size() > 1024)
    throw std::runtime_error("Config key is empty or longer than maximum length 1024");
  if (value.size() > 8192) throw std::runtime_error("Config value is longer than maximum length: 8192");
  options.config[key] = value;
}

}  // namespace

void bind_run_options(nb::module_& module) {
  nb::class_<PyRunOptions>(module, "RunOptions",
                           "How one run goes. Setting `terminate` stops the runs that were given these options.")
      .def(nb::init<>())
      .def_prop_rw(
          "terminate", [](const PyRunOptions& o) { return o.cancel.cancelled.load(); },
          [](PyRunOptions& o, nb::handle stop) { o.cancel.cancelled.store(truth(stop)); })
      .def_rw("log_severity_level", &PyRunOptions::log_severity_level)
      .def_rw("log_verbosity_level", &PyRunOptions::log_verbosity_level)
      .def_rw("logid", &PyRunOptions::logid)
      .def_prop_rw(
          "only_execute_path_to_fetches", [](const PyRunOptions& o) { return o.only_execute_path_to_fetches; },
          [](PyRunOptions& o, nb::handle only) { o.only_execute_path_to_fetches = truth(only); })
      .def(
          "add_active_adapter",
          [](PyRunOptions& o, const PyLoraAdapter& a) {
            if (!a.adapter) throw std::runtime_error("the adapter is not loaded");
            o.adapters.push_back(a.adapter);
          },
          nb::arg("adapter"), "Runs with these options take the adapter's parameters as inputs.")
      .def("add_run_config_entry", &add_entry)
      .def("get_run_config_entry", [](const PyRunOptions& o, const std::string& key) {
        const auto found = o.config.find(key);
        if (found == o.config.end())
          throw std::runtime_error("RunOptions does not have configuration with key: " + key);
        return found->second;
      });
}

}  // namespace oriel::python
