// The one object that holds fmt's implementation.
#define FMT_HEADER_ONLY 1
#include <fmt/format.h>

#include "base/format.h"

namespace oriel {

std::string format_arguments(fmt::string_view format, fmt::format_args arguments) { return fmt::vformat(format, arguments); }

}  // namespace oriel
