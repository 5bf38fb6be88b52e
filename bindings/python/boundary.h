// Errors where C++ and Python meet: the engine's as the classes that ONNX Runtime's users know, and those of callbacks.
#pragma once

#include <nanobind/nanobind.h>

#include "base/error.h"

namespace oriel::python {

/// Creates the exception classes in the module and makes thrown oriel::Error raise them.
void bind_errors(nanobind::module_& module);

/// Adds call_callback(function, arguments...): calls what has nobody to raise to. An Exception that leaves it goes to
/// the interpreter's hook for unraisable ones.
void bind_callbacks(nanobind::module_& module);

}  // namespace oriel::python
