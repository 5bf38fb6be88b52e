// Values for Python that live outside of numpy: tensors, sequences, maps.
#pragma once

#include <nanobind/nanobind.h>

#include "ir/tensor.h"
#include "ir/value_type.h"

namespace oriel::python {

struct PyOrtValue {
  Datum value;
};

void bind_ort_value(nanobind::module_& module);

}  // namespace oriel::python
