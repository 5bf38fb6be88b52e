// Sparse tensors for Python: values with the indices of one format.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>

#include "ir/tensor.h"

namespace oriel::python {

/// Numbers are onnxruntime's OrtSparseFormat.
enum class SparseFormat : int { kCoo = 1, kCsr = 2, kBlock = 4 };

struct SparseData {
  SparseFormat format = SparseFormat::kCoo;
  Dims dims;  // of the dense form
  Tensor values;
  /// kCoo: i64 positions [n] or coordinates [n, 2]; kCsr: columns [n]; kBlock: i32 block coordinates.
  Tensor indices;
  /// kCsr: where each row begins, [rows + 1].
  Tensor rows;

  /// "sparse_tensor(float)".
  std::string type_name() const;
};

struct PySparseTensor {
  std::shared_ptr<const SparseData> data;
};

void bind_sparse(nanobind::module_& module);

}  // namespace oriel::python
