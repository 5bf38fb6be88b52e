// Equations of Einsum.
#pragma once

#include <string>
#include <vector>

#include "ops/common.h"

namespace oriel::ops {

/// A list of indices: a letter's code, or kEllipsis until expand_term() replaces it.
using Term = std::vector<int>;
inline constexpr int kEllipsis = -1;
inline constexpr int kFirstEllipsisIndex = 128;

struct Equation {
  std::vector<Term> operands;
  Term output;
};

/// Reads an equation for that many operands; without "->" the output is the ellipsis and the letters used once. Throws
/// Error(kInvalidGraph) where it is malformed.
Equation parse_equation(const std::string& text, std::size_t operands);
bool has_ellipsis(const Term& term);
/// Axes that the term's ellipsis stands for in an operand of that rank; throws Error(kInvalidGraph) where they do not
/// fit.
std::size_t ellipsis_axes(const Term& term, std::size_t rank);
/// The term with its ellipsis replaced by `axes` indices that count down to kFirstEllipsisIndex at the last axis.
Term expand_term(const Term& term, std::size_t axes);

}  // namespace oriel::ops
