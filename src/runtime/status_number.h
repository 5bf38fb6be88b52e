// What the engine's error codes are for ONNX Runtime's users: its status numbers (OrtErrorCode).
#pragma once

#include "base/error.h"

namespace oriel {

/// Memory that runs out and runs that were stopped are ONNX Runtime's general failure.
constexpr ErrorCode reported_code(ErrorCode code) {
  return code == ErrorCode::kOutOfMemory || code == ErrorCode::kCancelled ? ErrorCode::kFail : code;
}

/// The number of reported_code().
constexpr int status_number(ErrorCode code) {
  switch (reported_code(code)) {
    case ErrorCode::kOk:
      return 0;
    case ErrorCode::kInvalidArgument:
      return 2;
    case ErrorCode::kNoSuchFile:
      return 3;
    case ErrorCode::kInvalidModel:
      return 4;
    case ErrorCode::kRuntimeException:
      return 6;
    case ErrorCode::kInvalidProtobuf:
      return 7;
    case ErrorCode::kNotImplemented:
      return 9;
    case ErrorCode::kInvalidGraph:
      return 10;
    case ErrorCode::kProviderFail:
      return 11;
    default:
      return 1;
  }
}

}  // namespace oriel
