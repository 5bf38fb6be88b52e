// The one object that holds fmt's implementation.
#define FMT_HEADER_ONLY 1
#include "base/format.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace oriel {

std::string format_arguments(fmt::string_view format, fmt::format_args arguments) {
  return fmt::vformat(format, arguments);
}

std::string indented(const std::string& text, std::size_t columns) {
  std::string out;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    out.append(columns, ' ').append(text, start, end - start).push_back('\n');
    start = end + 1;
  }
  return out;
}

}  // namespace oriel
