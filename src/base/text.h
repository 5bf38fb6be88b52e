// Small operations on text that several stages need.
#pragma once

#include <cstddef>
#include <string>

namespace oriel {

/// Every line of the text behind `columns` blanks, each ended by a line feed.
std::string indented(const std::string& text, std::size_t columns);

}  // namespace oriel
