// Parameters of quantised matrices.
#include "ops/integer_matmul.h"

namespace oriel::ops {

LineMap::LineMap(const Dims& matrix, const Dims& parameter, Side side) {
  if (count_elements(parameter) == 1 && parameter.size() <= std::max<std::size_t>(matrix.size(), 1)) return;
  const std::size_t rank = matrix.size();
  const bool left = side == Side::kLeft;
  const std::int64_t lines = rank < 2 ? 1 : matrix[left ? rank - 2 : rank - 1];
  line_step_ = 1;
  if (parameter.size() == 1 && parameter[0] == lines) return;
  batch_step_ = lines;
  bool fits = rank >= 2 && parameter.size() == rank;
  for (std::size_t d = 0; fits && d < rank; ++d)
    fits = parameter[d] == (d == (left ? rank - 1 : rank - 2) ? 1 : matrix[d]);
  ORIEL_REQUIRE(fits, "a parameter of shape {} does not fit the {} of a matrix of shape {}", to_string(parameter),
                left ? "rows" : "columns", to_string(matrix));
}

void check_line_parameter(const Shape& matrix, const Shape& parameter, LineMap::Side side) {
  if (!matrix.is_ranked() || !parameter.is_ranked() || parameter.elements().may_equal(Dim(1))) return;
  const std::size_t rank = matrix.rank();
  const bool left = side == LineMap::Side::kLeft;
  bool fits = parameter.rank() == 1 && rank >= 2 && parameter[0].may_equal(matrix[left ? rank - 2 : rank - 1]);
  if (!fits && rank >= 2 && parameter.rank() == rank) {
    fits = true;
    for (std::size_t d = 0; d < rank; ++d)
      fits = fits && parameter[d].may_equal(d == (left ? rank - 1 : rank - 2) ? Dim(1) : matrix[d]);
  }
  if (!fits) {
    fail(ErrorCode::kInvalidGraph, "a parameter of shape {} does not fit the {} of a matrix of shape {}",
         parameter.to_string(), left ? "rows" : "columns", matrix.to_string());
  }
}

}  // namespace oriel::ops
