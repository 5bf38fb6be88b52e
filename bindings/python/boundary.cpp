// The table from error codes to exception classes and ONNX Runtime's status numbers.
#include "boundary.h"

#include <iterator>

namespace nb = nanobind;

namespace oriel::python {
namespace {

struct Row {
  ErrorCode code;
  const char* exception;
  int status;
  const char* name;
};

constexpr Row kRows[] = {
    {ErrorCode::kFail, "Fail", 1, "FAIL"},
    {ErrorCode::kInvalidArgument, "InvalidArgument", 2, "INVALID_ARGUMENT"},
    {ErrorCode::kNoSuchFile, "NoSuchFile", 3, "NO_SUCHFILE"},
    {ErrorCode::kInvalidModel, "NoModel", 4, "NO_MODEL"},
    {ErrorCode::kRuntimeException, "RuntimeException", 6, "RUNTIME_EXCEPTION"},
    {ErrorCode::kInvalidProtobuf, "InvalidProtobuf", 7, "INVALID_PROTOBUF"},
    {ErrorCode::kNotImplemented, "NotImplemented", 9, "NOT_IMPLEMENTED"},
    {ErrorCode::kInvalidGraph, "InvalidGraph", 10, "INVALID_GRAPH"},
    {ErrorCode::kProviderFail, "EPFail", 11, "EP_FAIL"},
    // ONNX Runtime reports these two with its general class.
    {ErrorCode::kOutOfMemory, "Fail", 1, "FAIL"},
    {ErrorCode::kCancelled, "Fail", 1, "FAIL"},
};
constexpr const char* kUnused[] = {"EngineError", "ModelLoaded", "ModelLoadCanceled", "ModelRequiresCompilation", "NotFound", "DeviceReset"};

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
        const std::string text = formatted("[ONNXRuntimeError] : {} : {} : {}", kRows[i].status, kRows[i].name, error.what());
        PyErr_SetString(classes[i], text.c_str());
        return;
      }
      PyErr_SetString(PyExc_RuntimeError, error.what());
    }
  });
}

}  // namespace oriel::python
