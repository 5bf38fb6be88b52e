// Values between numpy and the engine.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <vector>

#include "ir/tensor.h"
#include "ir/value_type.h"

namespace oriel::python {

/// A numpy array (or list, map, OrtValue, None) as a value. C-contiguous arrays are shared, others copied; the value
/// keeps the array alive. `type` says what is expected where the Python object alone does not tell (empty lists, packed
/// types, strings). Throws a RuntimeError of Python for objects that are no value.
Datum to_datum(nanobind::handle object, const ValueType* type = nullptr);

/// A value as numpy arrays, lists and dicts; tensors share memory with the value. Types that numpy lacks come as
/// ml_dtypes arrays. `optional none` is None.
nanobind::object from_datum(const Datum& value);

/// A tensor over packed row-major memory at an address; `owner` (may be None) stays alive with it, else the caller
/// vouches for it. Throws Error(kInvalidArgument).
Tensor tensor_at(std::uintptr_t address, const std::vector<std::int64_t>& shape, nanobind::handle type,
                 nanobind::handle owner = nanobind::none());

/// RuntimeError of Python for devices (onnxruntime's OrtDevice) other than the CPU.
void require_cpu(nanobind::handle device);

/// numpy's dtype object for an element type; throws Error(kNotImplemented) where ml_dtypes is needed and not installed.
nanobind::object numpy_dtype(ElementType type);
/// The element type of a numpy dtype, a scalar type or an ONNX number; throws Error(kInvalidArgument) where there is
/// none.
ElementType element_of_object(nanobind::handle type);
/// The element type of a numpy dtype object; kUndefined where there is none.
ElementType element_of_dtype(nanobind::handle dtype);

}  // namespace oriel::python
