// Formatted text. Including this instead of fmt's own headers keeps the library's implementation in one object.
#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>

namespace oriel {

std::string format_arguments(fmt::string_view format, fmt::format_args arguments);

/// fmt::format, checked at compile time, for the types that fmt/core.h knows.
template <typename... Args>
std::string formatted(fmt::format_string<Args...> text, Args&&... arguments) {
  return format_arguments(text, fmt::make_format_args(arguments...));
}

}  // namespace oriel
