// Between the public classes and the engine's: errors, values, options. Seen by this folder alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/element_type.h"
#include "ir/tensor.h"
#include "oriel/element_type.h"
#include "oriel/error.h"
#include "oriel/options.h"
#include "oriel/value.h"
#include "runtime/session.h"

/// Of classes inside exported ones that are the library's own business.
#define ORIEL_LOCAL __attribute__((visibility("hidden")))

namespace oriel::v1 {

/// The public form of an error of the engine.
Error public_error(oriel::ErrorCode code, const std::string& message);

/// To be called while an exception is handled: throws it on as Error.
[[noreturn]] void rethrow_as_error();

/// Calls f(); what it throws leaves as Error.
template <typename F>
decltype(auto) guarded(F&& f) {
  try {
    return f();
  } catch (...) {
    rethrow_as_error();
  }
}

/// Throws the engine's Error(kInvalidArgument) for a number that ONNX does not define, and for kUndefined.
oriel::ElementType engine_type(ElementType type);
ElementType public_type(oriel::ElementType type);

/// What the engine has behind public values.
struct ValueAccess {
  static const Datum& datum(const Value& value);
  static Value make(Datum datum, bool read_only = false);
};

struct ORIEL_LOCAL RunOptions::State {
  CancelToken cancel;
  std::chrono::nanoseconds timeout{0};
  std::string tag;
};

struct RunOptionsAccess {
  static RunOptions::State& state(const RunOptions& options) { return *options.state_; }
};

/// Hands messages to a session's callback. Never throws.
class Logger {
 public:
  explicit Logger(const SessionOptions& options)
      : callback_(options.log), severity_(options.log_severity), id_(options.log_id) {}

  bool wants(LogSeverity severity) const { return callback_ && severity >= severity_; }
  void write(LogSeverity severity, const std::string& message, const std::string& tag = {}) const noexcept;

 private:
  LogCallback callback_;
  LogSeverity severity_;
  std::string id_;
};

}  // namespace oriel::v1
