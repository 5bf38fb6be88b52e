// The exception that every function of this interface reports failure with.
#pragma once

#include <stdexcept>
#include <string>

#include "oriel/export.h"

namespace oriel::ORIEL_API_NAMESPACE {

/// Kinds of failure, with ONNX Runtime's numbers (OrtErrorCode). Kinds that Oriel never reports have no name here.
enum class ErrorCode : int {
  kFail = 1,             // out of memory, a run that was stopped, an output file that cannot be written
  kInvalidArgument = 2,  // what the caller passed does not suit the model, or the model contradicts itself
  kNoSuchFile = 3,
  kInvalidModel = 4,  // ONNX Runtime's NO_MODEL
  kRuntimeException = 6,
  kInvalidProtobuf = 7,  // the bytes are no ONNX model
  kNotImplemented = 9,   // an operator, type or feature that this version lacks
  kInvalidGraph = 10,
  kProviderFail = 11,  // a provider refuses an option
};

/// "INVALID_ARGUMENT" and so on: ONNX Runtime's name of the code.
ORIEL_API const char* error_code_name(ErrorCode code) noexcept;

/// Thrown by every function that can fail. The message reads `Op: fact (node "name", file)` as far as these apply.
class ORIEL_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message);
  Error(const Error&) noexcept;
  Error& operator=(const Error&) noexcept;
  ~Error() override;

  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace oriel::ORIEL_API_NAMESPACE
