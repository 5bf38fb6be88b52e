// Reductions: merging of axes, the walk over reduced axes, f32 by level and the other types by portable loops.
#include "kernels/reduce/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/reduce/reduce_table.h"

namespace oriel::kernels {
namespace {

/// Outputs of one unit where the last axis is kept.
constexpr std::int64_t kColumns = 512;

const ReduceTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kReduceScalar;
  return isa == Isa::kAvx2 ? kReduceAvx2 : kReduceAvx512;
}

/// Calls f(offset) for every index of the reduced axes before `axes`, in order.
template <typename Function>
void each_reduced(const Reduce& plan, int axes, Function f) {
  std::int64_t index[kMaxReduceRank] = {};
  std::int64_t offset = 0;
  for (int axis = 0; axis < axes; ++axis) {
    if (plan.reduced[axis] && plan.extent[axis] == 0) return;
  }
  for (;;) {
    f(offset);
    int axis = axes - 1;
    for (; axis >= 0; --axis) {
      if (!plan.reduced[axis]) continue;
      offset += plan.stride[axis];
      if (++index[axis] < plan.extent[axis]) break;
      offset -= plan.stride[axis] * plan.extent[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/// Where unit u reads, writes, and how many outputs it has.
struct Unit {
  std::int64_t input;
  std::int64_t output;
  std::int64_t columns;
};

Unit unit_of(const Reduce& plan, std::int64_t u) {
  Unit unit{0, 0, 1};
  const int last = plan.rank - 1;
  std::int64_t rest = u;
  int axis = last;
  std::int64_t width = 1;
  if (!plan.reduced[last]) {
    const std::int64_t blocks = (plan.extent[last] + kColumns - 1) / kColumns;
    const std::int64_t column = rest % blocks * kColumns;
    rest /= blocks;
    unit.columns = std::min(kColumns, plan.extent[last] - column);
    unit.input = column;
    unit.output = column;
    width = plan.extent[last];
    axis = last - 1;
  }
  unit.output += rest * width;
  for (; axis >= 0; --axis) {
    if (plan.reduced[axis]) continue;
    unit.input += rest % plan.extent[axis] * plan.stride[axis];
    rest /= plan.extent[axis];
  }
  return unit;
}

Fold fold_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::kMax:
      return Fold::kMax;
    case ReduceOp::kMin:
      return Fold::kMin;
    case ReduceOp::kProd:
      return Fold::kProd;
    case ReduceOp::kL1:
      return Fold::kAbsSum;
    case ReduceOp::kL2:
    case ReduceOp::kSumSquare:
      return Fold::kSquareSum;
    case ReduceOp::kLogSumExp:
      return Fold::kExpSum;
    default:
      return Fold::kSum;
  }
}

float neutral_of(Fold fold) {
  switch (fold) {
    case Fold::kProd:
      return 1.0f;
    case Fold::kMax:
      return -std::numeric_limits<float>::infinity();
    case Fold::kMin:
      return std::numeric_limits<float>::infinity();
    default:
      return 0.0f;
  }
}

float merge(Fold fold, float a, float b) {
  switch (fold) {
    case Fold::kProd:
      return a * b;
    case Fold::kMax:
      return a != a || a > b ? a : b;
    case Fold::kMin:
      return a != a || a < b ? a : b;
    default:
      return a + b;
  }
}

float finish(ReduceOp op, float value, float shift, std::int64_t count) {
  switch (op) {
    case ReduceOp::kMean:
      return value / static_cast<float>(count);
    case ReduceOp::kL2:
      return std::sqrt(value);
    case ReduceOp::kLogSum:
      return std::log(value);
    case ReduceOp::kLogSumExp:
      return std::log(value) + shift;
    default:
      return value;
  }
}

/// exp(x - shift) needs a finite shift: an infinite maximum is the answer by itself, or nothing at all.
float usable_shift(float highest) { return std::isinf(highest) ? 0.0f : highest; }

void fold_value(const ReduceTable& t, Fold fold, const Reduce& plan, const float* x, float shift, float* out) {
  const int last = plan.rank - 1;
  float value = neutral_of(fold);
  each_reduced(plan, last, [&](std::int64_t offset) {
    value = merge(fold, value, t.row[static_cast<int>(fold)](x + offset, plan.extent[last], shift));
  });
  *out = value;
}

void fold_block(const ReduceTable& t, Fold fold, const Reduce& plan, const float* x, const float* shift,
                std::int64_t columns, float* out) {
  std::fill_n(out, columns, neutral_of(fold));
  each_reduced(plan, plan.rank - 1,
               [&](std::int64_t offset) { t.columns[static_cast<int>(fold)](x + offset, shift, out, columns); });
}

// Portable types.

template <typename T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, T,
                                       std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

template <typename T>
T portable_value(ReduceOp op, const Reduce& plan, const T* x) {
  using A = Accumulator<T>;
  using U = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;
  const int last = plan.rank - 1;
  const bool row = plan.reduced[last];
  const std::int64_t n = row ? plan.extent[last] : 1;
  const auto each = [&](auto f) {
    each_reduced(plan, row ? last : plan.rank, [&](std::int64_t offset) {
      for (std::int64_t i = 0; i < n; ++i) f(x[offset + i]);
    });
  };
  switch (op) {
    case ReduceOp::kMax: {
      T best = std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
      each([&](T v) { best = best != best || best > v ? best : v; });
      return best;
    }
    case ReduceOp::kMin: {
      T best = std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
      each([&](T v) { best = best != best || best < v ? best : v; });
      return best;
    }
    case ReduceOp::kProd: {
      U product = 1;
      each([&](T v) { product *= static_cast<U>(v); });
      return static_cast<T>(product);
    }
    case ReduceOp::kSum:
    case ReduceOp::kMean:
    case ReduceOp::kL1:
    case ReduceOp::kSumSquare: {
      U sum = 0;
      each([&](T v) {
        const U u = static_cast<U>(v);
        sum += op == ReduceOp::kSumSquare ? u * u : op == ReduceOp::kL1 && v < 0 ? U{0} - u : u;
      });
      if (op != ReduceOp::kMean) return static_cast<T>(sum);
      if (std::is_integral_v<T> && plan.count == 0) return 0;
      return static_cast<T>(static_cast<A>(sum) / static_cast<A>(plan.count));
    }
    case ReduceOp::kL2: {
      double sum = 0;
      each([&](T v) { sum += static_cast<double>(v) * static_cast<double>(v); });
      return static_cast<T>(std::sqrt(sum));
    }
    case ReduceOp::kLogSum: {
      double sum = 0;
      each([&](T v) { sum += static_cast<double>(v); });
      const double out = std::log(sum);
      if (std::is_integral_v<T> && !std::isfinite(out)) return std::numeric_limits<T>::lowest();
      return static_cast<T>(out);
    }
    case ReduceOp::kLogSumExp: {
      double top = -std::numeric_limits<double>::infinity();
      each([&](T v) { top = std::max(top, static_cast<double>(v)); });
      const double shift = std::isinf(top) ? 0.0 : top;
      double sum = 0;
      each([&](T v) { sum += std::exp(static_cast<double>(v) - shift); });
      const double out = std::log(sum) + shift;
      if (std::is_integral_v<T> && !std::isfinite(out)) return std::numeric_limits<T>::lowest();
      return static_cast<T>(out);
    }
  }
  return T{};
}

template <typename Function>
void with_type(ElementType type, Function f) {
  switch (type) {
    case ElementType::kF32:
      return f(float{});
    case ElementType::kF64:
      return f(double{});
    case ElementType::kI8:
      return f(std::int8_t{});
    case ElementType::kI16:
      return f(std::int16_t{});
    case ElementType::kI32:
      return f(std::int32_t{});
    case ElementType::kI64:
      return f(std::int64_t{});
    case ElementType::kU8:
    case ElementType::kBool:
      return f(std::uint8_t{});
    case ElementType::kU16:
      return f(std::uint16_t{});
    case ElementType::kU32:
      return f(std::uint32_t{});
    case ElementType::kU64:
      return f(std::uint64_t{});
    default:
      return;
  }
}

}  // namespace

Reduce plan_reduce(int rank, const std::int64_t* extent, const bool* reduced) {
  Reduce plan;
  plan.rank = 0;
  plan.outputs = 1;
  plan.count = 1;
  for (int axis = 0; axis < rank; ++axis) {
    (reduced[axis] ? plan.count : plan.outputs) *= extent[axis];
    if (extent[axis] == 1) continue;
    if (plan.rank > 0 && plan.reduced[plan.rank - 1] == reduced[axis]) {
      plan.extent[plan.rank - 1] *= extent[axis];
    } else {
      plan.extent[plan.rank] = extent[axis];
      plan.reduced[plan.rank] = reduced[axis];
      ++plan.rank;
    }
  }
  if (plan.rank == 0) {
    plan.rank = 1;
    plan.extent[0] = 1;
    plan.reduced[0] = true;
  }
  std::int64_t stride = 1;
  for (int axis = plan.rank - 1; axis >= 0; --axis) {
    plan.stride[axis] = stride;
    stride *= plan.extent[axis];
  }
  plan.units = plan.outputs;
  const int last = plan.rank - 1;
  if (!plan.reduced[last] && plan.outputs > 0) {
    plan.columns = std::min(kColumns, plan.extent[last]);
    plan.units = plan.outputs / plan.extent[last] * ((plan.extent[last] + kColumns - 1) / kColumns);
  }
  return plan;
}

void reduce_f32(ReduceOp op, const Reduce& plan, const float* x, float* y, std::int64_t first, std::int64_t last,
                Isa isa) {
  const ReduceTable& t = table_of(isa);
  const Fold fold = fold_of(op);
  const bool row = plan.reduced[plan.rank - 1];
  for (std::int64_t u = first; u < last; ++u) {
    const Unit unit = unit_of(plan, u);
    const float* from = x + unit.input;
    float* to = y + unit.output;
    if (row) {
      float shift = 0;
      if (op == ReduceOp::kLogSumExp) {
        fold_value(t, Fold::kMax, plan, from, 0, &shift);
        shift = usable_shift(shift);
      }
      fold_value(t, fold, plan, from, shift, to);
      *to = finish(op, *to, shift, plan.count);
      continue;
    }
    float shift[kColumns];
    if (op == ReduceOp::kLogSumExp) {
      fold_block(t, Fold::kMax, plan, from, nullptr, unit.columns, shift);
      for (std::int64_t j = 0; j < unit.columns; ++j) shift[j] = usable_shift(shift[j]);
    }
    fold_block(t, fold, plan, from, shift, unit.columns, to);
    for (std::int64_t j = 0; j < unit.columns; ++j) {
      to[j] = finish(op, to[j], op == ReduceOp::kLogSumExp ? shift[j] : 0.0f, plan.count);
    }
  }
}

bool has_reduce(ReduceOp op, ElementType type) {
  if (type == ElementType::kBool) return op == ReduceOp::kMax || op == ReduceOp::kMin;
  return type == ElementType::kF32 || type == ElementType::kF64 ||
         (type >= ElementType::kI8 && type <= ElementType::kU64);
}

void reduce(ReduceOp op, ElementType type, const Reduce& plan, const void* x, void* y, std::int64_t first,
            std::int64_t last, Isa isa) {
  if (type == ElementType::kF32) {
    return reduce_f32(op, plan, static_cast<const float*>(x), static_cast<float*>(y), first, last, isa);
  }
  with_type(type, [&](auto value) {
    using T = decltype(value);
    for (std::int64_t u = first; u < last; ++u) {
      const Unit unit = unit_of(plan, u);
      for (std::int64_t j = 0; j < unit.columns; ++j) {
        static_cast<T*>(y)[unit.output + j] = portable_value<T>(op, plan, static_cast<const T*>(x) + unit.input + j);
      }
    }
  });
}

namespace {

/// Whether v replaces the extreme so far; NaN beats everything. No branches, so that columns advance together.
template <typename T>
bool takes_over(bool largest, bool last_of_equal, T v, T best) {
  const bool beats = largest ? v > best : v < best;
  const bool ties = last_of_equal & (v == best);
  return beats | ties | ((v != v) & ((best == best) | last_of_equal));
}

/// Index of the extreme of a row of floats without NaN; -1 where there is one.
std::int64_t extreme_of_row(bool largest, bool last_of_equal, const float* x, std::int64_t n) {
  constexpr std::int64_t kWidth = 16;
  float lanes[kWidth];
  std::int32_t nan[kWidth] = {};
  for (float& lane : lanes) lane = x[0];
  std::int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    for (std::int64_t j = 0; j < kWidth; ++j) {
      const float v = x[i + j];
      const float kept = lanes[j];
      lanes[j] = largest ? (v > kept ? v : kept) : (v < kept ? v : kept);
      nan[j] |= v != v ? 1 : 0;
    }
  }
  float extreme = lanes[0];
  bool any = x[0] != x[0];
  for (std::int64_t j = 0; j < kWidth; ++j) {
    if (largest ? lanes[j] > extreme : lanes[j] < extreme) extreme = lanes[j];
    any = any || nan[j] != 0;
  }
  for (; i < n; ++i) {
    if (largest ? x[i] > extreme : x[i] < extreme) extreme = x[i];
    any = any || x[i] != x[i];
  }
  if (any) return -1;
  if (last_of_equal) {
    for (i = n - 1; x[i] != extreme; --i) {
    }
  } else {
    for (i = 0; x[i] != extreme; ++i) {
    }
  }
  return i;
}

template <typename T>
void arg_extreme_of(bool largest, bool last_of_equal, std::int64_t axis, std::int64_t inner, const T* x,
                    std::int64_t* out, std::int64_t first, std::int64_t last) {
  constexpr std::int64_t kTogether = 64;
  for (std::int64_t u = first; u < last;) {
    const T* from = x + u / inner * axis * inner + u % inner;
    if constexpr (std::is_same_v<T, float>) {
      if (inner == 1) {
        out[u] = extreme_of_row(largest, last_of_equal, from, axis);
        if (out[u] >= 0) {
          ++u;
          continue;
        }
      }
    }
    const std::int64_t columns = std::min(std::min(kTogether, inner - u % inner), last - u);
    T best[kTogether];
    // As wide as an element, so that both are chosen by one mask.
    using Index = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
    Index at[kTogether];
    for (std::int64_t j = 0; j < columns; ++j) {
      best[j] = from[j];
      at[j] = 0;
    }
    for (std::int64_t i = 1; i < axis; ++i) {
      const T* row = from + i * inner;
      for (std::int64_t j = 0; j < columns; ++j) {
        const T v = row[j];
        const T kept = best[j];
        const bool takes = takes_over(largest, last_of_equal, v, kept);
        best[j] = takes ? v : kept;
        at[j] = takes ? static_cast<Index>(i) : at[j];
      }
    }
    for (std::int64_t j = 0; j < columns; ++j) out[u + j] = at[j];
    u += columns;
  }
}

}  // namespace

void arg_extreme(bool largest, bool last_of_equal, ElementType type, std::int64_t axis, std::int64_t inner,
                 const void* x, std::int64_t* out, std::int64_t first, std::int64_t last) {
  with_type(type, [&](auto value) {
    using T = decltype(value);
    arg_extreme_of<T>(largest, last_of_equal, axis, inner, static_cast<const T*>(x), out, first, last);
  });
}

}  // namespace oriel::kernels
