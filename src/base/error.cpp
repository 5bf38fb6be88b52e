// Names of error codes and places appended to messages.
#include "base/error.h"

namespace oriel {

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOk:
      return "OK";
    case ErrorCode::kFail:
      return "FAIL";
    case ErrorCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case ErrorCode::kNoSuchFile:
      return "NO_SUCHFILE";
    case ErrorCode::kInvalidProtobuf:
      return "INVALID_PROTOBUF";
    case ErrorCode::kInvalidGraph:
      return "INVALID_GRAPH";
    case ErrorCode::kInvalidModel:
      return "NO_MODEL";
    case ErrorCode::kNotImplemented:
      return "NOT_IMPLEMENTED";
    case ErrorCode::kRuntimeException:
      return "RUNTIME_EXCEPTION";
    case ErrorCode::kProviderFail:
      return "EP_FAIL";
    case ErrorCode::kOutOfMemory:
      return "OUT_OF_MEMORY";
    case ErrorCode::kCancelled:
      return "CANCELLED";
  }
  return "FAIL";
}

Error Error::at(const std::string& place) const {
  std::string text = what();
  if (text.size() > 1 && text.back() == ')' && text.find(" (node \"") != std::string::npos) {
    text.back() = ',';
    return Error(code_, text + " " + place + ")");
  }
  return Error(code_, text + " (" + place + ")");
}

}  // namespace oriel
