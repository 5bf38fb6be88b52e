// The one error type of loading, compiling and planning, and the status that a run returns.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/format.h"

namespace oriel {

/// What went wrong, in the classes that ONNX Runtime's and OpenVINO's users know.
enum class ErrorCode : std::uint8_t {
  kOk,
  kFail,
  kInvalidArgument,
  kNoSuchFile,
  kInvalidProtobuf,
  kInvalidGraph,
  kInvalidModel,
  kNotImplemented,
  kRuntimeException,
  kProviderFail,
  kOutOfMemory,
  kCancelled,
};

/// "INVALID_ARGUMENT" and so on.
const char* error_code_name(ErrorCode code);

/// Thrown from load to plan. The message reads `Op: fact (node "name", file)`; callers up the stack append the place.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }
  /// The same error with " (place)" appended; a message that ends in ")" has the place merged into it.
  Error at(const std::string& place) const;

 private:
  ErrorCode code_;
};

/// Throws Error(code, formatted message).
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(code, format_arguments(text, fmt::make_format_args(args...)));
}

/// Throws Error(kInvalidArgument, formatted message) unless the condition holds.
#define ORIEL_REQUIRE(condition, ...)                                                   \
  do {                                                                                  \
    if (!(condition)) ::oriel::fail(::oriel::ErrorCode::kInvalidArgument, __VA_ARGS__); \
  } while (false)

/// Result of a run: a code and, unless it is kOk, a message.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  explicit Status(const Error& error) : code_(error.code()), message_(error.what()) {}
  bool ok() const { return code_ == ErrorCode::kOk; }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  /// Throws Error unless ok().
  void throw_if_failed() const {
    if (!ok()) throw Error(code_, message_);
  }

 private:
  ErrorCode code_ = ErrorCode::kOk;
  std::string message_;
};

}  // namespace oriel
