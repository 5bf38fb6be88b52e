// What the scatter operators share: combining updates with what stands in the output.
#pragma once

#include <string>

#include "ops/movement.h"

namespace oriel::ops {

/// Inference of ScatterElements and ScatterND: the type and shape of data; checks types and `reduction`.
void infer_scatter(InferContext& c);

/// a <reduction> b for one of "add", "mul", "max", "min"; integers wrap around, NaN stays NaN.
template <typename T>
T combine(const std::string& reduction, T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return reduction == "add" || reduction == "max" ? a || b : a && b;
  } else if constexpr (std::is_integral_v<T>) {
    using U = std::uint64_t;
    if (reduction == "add") return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
    if (reduction == "mul") return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
    return reduction == "max" ? std::max(a, b) : std::min(a, b);
  } else {
    const double x = widen(a);
    const double y = widen(b);
    if (reduction == "add") return narrow<T>(x + y);
    if (reduction == "mul") return narrow<T>(x * y);
    if (std::isnan(x) || std::isnan(y)) return std::isnan(x) ? a : b;
    return reduction == "max" ? (x < y ? b : a) : (y < x ? b : a);
  }
}

/// Puts updates[i] at out[target(i)] for every update in order, combined by `reduction` ("none" replaces).
template <typename F>
void scatter(Tensor& out, const Tensor& updates, const std::string& reduction, RunContext& context, F&& target) {
  ORIEL_REQUIRE(out.type() == updates.type(), "updates are {}, data are {}", updates.description(), out.description());
  if (reduction == "none") {
    move_elements(out, updates, updates.size(), context,
                  [&](std::int64_t i) { return std::pair<std::int64_t, std::int64_t>(target(i), i); });
    return;
  }
  dispatch_numeric_or_bool(out.type(), [&]<typename T>() {
    T* to = out.data<T>();
    const T* from = updates.data<T>();
    for_each_element(updates.size(), context, [&](std::int64_t i) {
      const std::int64_t at = target(i);
      to[at] = combine<T>(reduction, to[at], from[i]);
    });
  });
}

}  // namespace oriel::ops
