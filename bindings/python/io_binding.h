// Bindings of inputs and outputs for Python.
#pragma once

#include <nanobind/nanobind.h>

namespace oriel::python {

void bind_io_binding(nanobind::module_& module);

}  // namespace oriel::python
