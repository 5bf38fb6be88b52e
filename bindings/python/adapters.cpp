// AdapterFormat and LoraAdapter.
#include "adapters.h"

#include <nanobind/stl/string.h>

#include "convert.h"
#include "ort_value.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace oriel::python {
namespace {

struct PyAdapterFormat {
  onnx::Adapter adapter;
};

std::string path_of(nb::handle path) { return nb::cast<std::string>(nb::module_::import_("os").attr("fspath")(path)); }

// Faults of adapter files are plain RuntimeErrors in Python.
template <typename Body>
auto plain_errors(Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw std::runtime_error(error.what());
  }
}

nb::dict parameters(const PyAdapterFormat& a) {
  nb::dict dict;
  for (const auto& [name, tensor] : a.adapter.parameters)
    dict[nb::str(name.c_str(), name.size())] = nb::cast(PyOrtValue{Datum(tensor), nullptr});
  return dict;
}

void set_parameters(PyAdapterFormat& a, const nb::dict& dict) {
  std::vector<std::pair<std::string, Tensor>> list;
  for (const auto& [name, value] : dict) list.emplace_back(nb::cast<std::string>(name), to_datum(value).tensor());
  a.adapter.parameters = std::move(list);
}

}  // namespace

void bind_adapters(nb::module_& module) {
  nb::class_<PyAdapterFormat>(module, "AdapterFormat", "The contents of an adapter file.")
      .def(nb::init<>())
      .def_static(
          "read_adapter",
          [](nb::handle path) {
            return plain_errors([&] { return PyAdapterFormat{onnx::read_adapter_file(path_of(path))}; });
          },
          "path"_a)
      .def(
          "export_adapter",
          [](const PyAdapterFormat& a, nb::handle path) {
            plain_errors([&] { onnx::write_adapter_file(a.adapter, path_of(path)); });
          },
          "path"_a)
      .def_prop_ro("format_version", [](const PyAdapterFormat& a) { return a.adapter.format_version; })
      .def_prop_rw(
          "adapter_version", [](const PyAdapterFormat& a) { return a.adapter.adapter_version; },
          [](PyAdapterFormat& a, int version) { a.adapter.adapter_version = version; })
      .def_prop_rw(
          "model_version", [](const PyAdapterFormat& a) { return a.adapter.model_version; },
          [](PyAdapterFormat& a, int version) { a.adapter.model_version = version; })
      .def_prop_rw("parameters", &parameters, &set_parameters);
  nb::class_<PyLoraAdapter>(module, "LoraAdapter",
                            "Parameters that runs take from a file (RunOptions.add_active_adapter).")
      .def(nb::init<>())
      .def(
          "Load",
          [](PyLoraAdapter& a, nb::handle path) {
            plain_errors(
                [&] { a.adapter = std::make_shared<const onnx::Adapter>(onnx::read_adapter_file(path_of(path))); });
          },
          "path"_a, "Reads an adapter file. RuntimeError where it is none.");
}

}  // namespace oriel::python
