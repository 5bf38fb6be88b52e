// One-sided broadcasting.
#include "ops/broadcast_to.h"

#include "base/error.h"

namespace oriel::ops {

bool may_broadcast_to(const Shape& shape, const Shape& to) {
  if (!shape.is_ranked() || !to.is_ranked()) return true;
  if (shape.rank() > to.rank()) return false;
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    if (!shape[i].may_equal(1) && !shape[i].may_equal(to[i + to.rank() - shape.rank()])) return false;
  }
  return true;
}

void require_broadcasts_to(const Dims& dims, const Dims& to, std::string_view what) {
  bool fits = dims.size() <= to.size();
  for (std::size_t i = 0; fits && i < dims.size(); ++i)
    fits = dims[i] == 1 || dims[i] == to[i + to.size() - dims.size()];
  ORIEL_REQUIRE(fits, "{} of shape {} does not broadcast to {}", what, to_string(dims), to_string(to));
}

}  // namespace oriel::ops
