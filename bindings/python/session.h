// Sessions for Python.
#pragma once

#include <nanobind/nanobind.h>

namespace oriel::python {

void bind_session(nanobind::module_& module);

}  // namespace oriel::python
