// Types and positions of sequences.
#include "ops/sequence.h"

namespace oriel::ops {

const ValueType& item_type(const InferContext& c, std::size_t i) {
  const ValueType& type = c.type(i);
  if (type.kind != ValueType::Kind::kSequence || !type.inner) {
    fail(ErrorCode::kInvalidGraph, "input {} is {}, expected a sequence", i, type.to_string());
  }
  return *type.inner;
}

Datum as_item(const Tensor& tensor, const RunContext& context) { return Datum(tensor.clone(context.budget)); }

std::int64_t position(const Inputs& inputs, std::size_t i, std::int64_t count, std::int64_t last,
                      std::int64_t fallback) {
  const std::int64_t given = inputs.has(i) ? scalar_i64(inputs[i]) : fallback;
  ORIEL_REQUIRE(given >= -count && given <= last, "position {} out of range for {} items", given, count);
  return given < 0 ? given + count : given;
}

std::vector<std::int64_t> part_extents(const Inputs& inputs, std::int64_t extent) {
  std::vector<std::int64_t> extents;
  if (inputs.has(1) && inputs[1].rank() == 1) {
    std::int64_t rest = extent;
    for (const std::int64_t e : inputs[1].to_i64()) {
      ORIEL_REQUIRE(e >= 0 && e <= rest, "a part of {} does not fit the rest of {}", e, rest);
      rest -= e;
      extents.push_back(e);
    }
    ORIEL_REQUIRE(rest == 0, "the parts leave {} of an extent of {}", rest, extent);
    return extents;
  }
  const std::int64_t each = inputs.has(1) ? scalar_i64(inputs[1]) : 1;
  ORIEL_REQUIRE(each > 0, "parts have an extent of {}", each);
  for (std::int64_t first = 0; first < extent; first += std::min(each, extent - first))
    extents.push_back(std::min(each, extent - first));
  return extents;
}

}  // namespace oriel::ops
