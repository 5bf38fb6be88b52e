// Adapters (LoRA) for Python: made, read, written, and given to runs.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "frontends/onnx/adapter_file.h"

namespace oriel::python {

/// A loaded adapter; empty until Load().
struct PyLoraAdapter {
  std::shared_ptr<const onnx::Adapter> adapter;
};

void bind_adapters(nanobind::module_& module);

}  // namespace oriel::python
