// The table from error codes to exception classes.
#include "boundary.h"

#include <iterator>

#include "runtime/status_number.h"

namespace nb = nanobind;

namespace oriel::python {
namespace {

struct Row {
  ErrorCode code;
  const char* exception;
};

constexpr Row kRows[] = {
    {ErrorCode::kFail, "Fail"},
    {ErrorCode::kInvalidArgument, "InvalidArgument"},
    {ErrorCode::kNoSuchFile, "NoSuchFile"},
    {ErrorCode::kInvalidModel, "NoModel"},
    {ErrorCode::kRuntimeException, "RuntimeException"},
    {ErrorCode::kInvalidProtobuf, "InvalidProtobuf"},
    {ErrorCode::kNotImplemented, "NotImplemented"},
    {ErrorCode::kInvalidGraph, "InvalidGraph"},
    {ErrorCode::kProviderFail, "EPFail"},
    // ONNX Runtime reports these two with its general class.
    {ErrorCode::kOutOfMemory, "Fail"},
    {ErrorCode::kCancelled, "Fail"},
};
constexpr const char* kUnused[] = {"EngineError", "ModelLoaded", "ModelLoadCanceled", "ModelRequiresCompilation",
                                   "NotFound",    "DeviceReset"};

PyObject* classes[std::size(kRows)];

}  // namespace

void bind_errors(nb::module_& module) {
  const auto make = [&](const char* name) {
    if (nb::hasattr(module, name)) return nb::object(module.attr(name)).release().ptr();
    const std::string full = std::string("oriel._core.") + name;
    PyObject* type = PyErr_NewException(full.c_str(), PyExc_Exception, nullptr);
    module.attr(name) = nb::handle(type);
    return type;
  };
  for (std::size_t i = 0; i < std::size(kRows); ++i) classes[i] = make(kRows[i].exception);
  for (const char* name : kUnused) make(name);
  nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
    try {
      std::rethrow_exception(pointer);
    } catch (const Error& error) {
      for (std::size_t i = 0; i < std::size(kRows); ++i) {
        if (kRows[i].code != error.code()) continue;
        const std::string text = formatted("[ONNXRuntimeError] : {} : {} : {}", status_number(error.code()),
                                           error_code_name(reported_code(error.code())), error.what());
        PyErr_SetString(classes[i], text.c_str());
        return;
      }
      PyErr_SetString(PyExc_RuntimeError, error.what());
    }
  });
}

void bind_callbacks(nb::module_& module) {
  module.def("call_callback", [](const nb::callable& function, const nb::args& arguments) {
    try {
      function(*arguments);
    } catch (nb::python_error& problem) {
      if (!problem.matches(PyExc_Exception)) throw;
      problem.discard_as_unraisable(function);
    }
  });
}

}  // namespace oriel::python
