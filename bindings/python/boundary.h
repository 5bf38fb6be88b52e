// Errors of the engine as the exception classes that ONNX Runtime's users know.
#pragma once

#include <nanobind/nanobind.h>

#include "base/error.h"

namespace oriel::python {

/// Creates the exception classes in the module and makes thrown oriel::Error raise them.
void bind_errors(nanobind::module_& module);

}  // namespace oriel::python
