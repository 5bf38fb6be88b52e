// Values for Python that live outside of numpy: tensors, sequences, maps, sparse tensors.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "ir/tensor.h"
#include "ir/value_type.h"

namespace oriel::python {

struct SparseData;

/// A value of the engine, or a sparse tensor, which no operator takes: where `sparse` is set, `value` is empty.
struct PyOrtValue {
  Datum value;
  std::shared_ptr<const SparseData> sparse;
};

void bind_ort_value(nanobind::module_& module);

}  // namespace oriel::python
