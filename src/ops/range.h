// The number of elements of a Range.
#pragma once

#include "ops/movement.h"

namespace oriel::ops {

/// The most elements that are accepted.
inline constexpr std::int64_t kMaxRangeElements = std::int64_t{1} << 48;

/// max(ceil((limit - start) / delta), 0); throws Error(kInvalidArgument) for a delta of 0 and counts beyond the limit.
template <typename T>
std::int64_t range_count(T start, T limit, T delta) {
  ORIEL_REQUIRE(delta != 0, "delta is 0");
  if constexpr (std::is_integral_v<T>) {
    const __int128 distance = static_cast<__int128>(limit) - start;
    const __int128 step = delta;
    if ((distance > 0) != (step > 0) || distance == 0) return 0;
    const __int128 count = (distance + (step > 0 ? step - 1 : step + 1)) / step;
    ORIEL_REQUIRE(count <= kMaxRangeElements, "{} to {} by {} has too many elements", start, limit, delta);
    return static_cast<std::int64_t>(count);
  } else {
    const double count =
        std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(delta));
    ORIEL_REQUIRE(count <= static_cast<double>(kMaxRangeElements) && !std::isnan(count),
                  "{} to {} by {} has no finite number of elements", static_cast<double>(start),
                  static_cast<double>(limit), static_cast<double>(delta));
    return count > 0 ? static_cast<std::int64_t>(count) : 0;
  }
}

}  // namespace oriel::ops
