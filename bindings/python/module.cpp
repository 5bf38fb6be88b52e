// The extension module oriel._core.
#include <nanobind/nanobind.h>

#include "adapters.h"
#include "boundary.h"
#include "io_binding.h"
#include "ort_value.h"
#include "run_options.h"
#include "session.h"
#include "sparse.h"

NB_MODULE(_core, module) {
  oriel::python::bind_errors(module);
  oriel::python::bind_callbacks(module);
  oriel::python::bind_sparse(module);
  oriel::python::bind_ort_value(module);
  oriel::python::bind_adapters(module);
  oriel::python::bind_run_options(module);
  oriel::python::bind_session(module);
  oriel::python::bind_io_binding(module);
}
