// Errors of the engine, and those of the standard library, as the public exception.
#include "oriel/error.h"

#include <new>

#include "base/error.h"
#include "boundary.h"
#include "runtime/status_number.h"

namespace oriel::v1 {

Error::Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
Error::Error(const Error&) noexcept = default;
Error& Error::operator=(const Error&) noexcept = default;
Error::~Error() = default;

const char* error_code_name(ErrorCode code) noexcept {
  for (int i = 1; i <= static_cast<int>(oriel::ErrorCode::kCancelled); ++i) {
    const auto engine = static_cast<oriel::ErrorCode>(i);
    if (status_number(engine) == static_cast<int>(code)) return oriel::error_code_name(reported_code(engine));
  }
  return "UNKNOWN";
}

Error public_error(oriel::ErrorCode code, const std::string& message) {
  return {static_cast<ErrorCode>(status_number(code)), message};
}

void rethrow_as_error() {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const oriel::Error& error) {
    throw public_error(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kFail, "out of memory");
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kRuntimeException, error.what());
  }
}

}  // namespace oriel::v1
