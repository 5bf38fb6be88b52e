// IoBinding: buffers by name.
#include "io_binding.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "convert.h"
#include "ort_value.h"
#include "runtime/io_binding.h"
#include "session.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace oriel::python {

void bind_io_binding(nb::module_& module) {
  nb::class_<IoBinding>(module, "IoBinding")
      .def("__init__", [](IoBinding* self, const PySession& session) { new (self) IoBinding(session.shared()); })
      .def("bind_input",
           [](IoBinding& b, const std::string& name, nb::handle value) {
             const int index = b.session()->input_index(name);
             b.bind_input(name, to_datum(value, index < 0 ? nullptr : &input_type(*b.session(), index)));
           })
      .def("bind_input_at",
           [](IoBinding& b, const std::string& name, std::uintptr_t address, const std::vector<std::int64_t>& shape,
              nb::handle dtype) { b.bind_input(name, tensor_at(address, shape, dtype)); })
      .def("bind_output", [](IoBinding& b, const std::string& name) { b.bind_output(name); })
      .def("bind_output_value", [](IoBinding& b, const std::string& name,
                                   const PyOrtValue& value) { b.bind_output(name, value.value.tensor()); })
      .def("bind_output_at",
           [](IoBinding& b, const std::string& name, std::uintptr_t address, const std::vector<std::int64_t>& shape,
              nb::handle dtype) { b.bind_output(name, tensor_at(address, shape, dtype)); })
      .def("clear_inputs", &IoBinding::clear_inputs)
      .def("clear_outputs", &IoBinding::clear_outputs)
      .def("output_names", &IoBinding::output_names)
      .def("outputs", [](const IoBinding& b) {
        nb::list list;
        for (Datum& value : b.outputs()) list.append(nb::cast(PyOrtValue{std::move(value), nullptr}));
        return list;
      });
}

}  // namespace oriel::python
