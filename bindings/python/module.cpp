// The extension module oriel._core.
#include <nanobind/nanobind.h>

#include "boundary.h"
#include "session.h"

NB_MODULE(_core, module) {
  oriel::python::bind_errors(module);
  oriel::python::bind_session(module);
}
