// Rows of broadcast operations: f32 by level, every other type by portable loops.
#include "kernels/elementwise/binary.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/elementwise/binary_table.h"

namespace oriel::kernels {
namespace {

const BinaryTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kBinaryScalar;
  return isa == Isa::kAvx2 ? kBinaryAvx2 : kBinaryAvx512;
}

/// Integer arithmetic happens in the unsigned type of at least 32 bits, so that it wraps.
template <typename T>
using Wrapping = std::make_unsigned_t<std::conditional_t<(sizeof(T) < 4), std::int32_t, T>>;

template <typename T>
T integer_power(T base, T exponent) {
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) {
      if (base == 1) return 1;
      if (base == -1) return exponent % 2 == 0 ? 1 : -1;
      return 0;
    }
  }
  Wrapping<T> result = 1;
  auto factor = static_cast<Wrapping<T>>(base);
  for (auto left = static_cast<Wrapping<T>>(exponent); left != 0; left >>= 1) {
    if (left & 1) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

template <typename T>
T integer_remainder(T x, T y, bool floor) {
  if (y == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (y == -1) return 0;
  }
  const T r = static_cast<T>(x % y);
  if constexpr (std::is_signed_v<T>) {
    if (floor && r != 0 && (r < 0) != (y < 0)) return static_cast<T>(r + y);
  }
  return r;
}

template <BinaryOp kOp, typename T>
T compute(T x, T y) {
  if constexpr (std::is_floating_point_v<T>) {
    if constexpr (kOp == BinaryOp::kAdd) return x + y;
    if constexpr (kOp == BinaryOp::kSub) return x - y;
    if constexpr (kOp == BinaryOp::kMul) return x * y;
    if constexpr (kOp == BinaryOp::kDiv) return x / y;
    if constexpr (kOp == BinaryOp::kMin) return x != x || x < y ? x : y;
    if constexpr (kOp == BinaryOp::kMax) return x != x || x > y ? x : y;
    if constexpr (kOp == BinaryOp::kPow) return std::pow(x, y);
    if constexpr (kOp == BinaryOp::kFmod) return std::fmod(x, y);
    if constexpr (kOp == BinaryOp::kFloorMod) {
      const T r = std::fmod(x, y);
      return r != 0 && (r < 0) != (y < 0) ? r + y : r;
    }
    if constexpr (kOp == BinaryOp::kSquaredDifference) return (x - y) * (x - y);
    if constexpr (kOp == BinaryOp::kPrelu) return x < 0 ? x * y : x;
    if constexpr (kOp == BinaryOp::kAtan2) return std::atan2(x, y);
  } else {
    using W = Wrapping<T>;
    const auto a = static_cast<W>(x);
    const auto b = static_cast<W>(y);
    if constexpr (kOp == BinaryOp::kAdd) return static_cast<T>(a + b);
    if constexpr (kOp == BinaryOp::kSub) return static_cast<T>(a - b);
    if constexpr (kOp == BinaryOp::kMul) return static_cast<T>(a * b);
    if constexpr (kOp == BinaryOp::kDiv) {
      if (y == 0) return 0;
      if constexpr (std::is_signed_v<T>) {
        if (y == -1) return static_cast<T>(W{0} - a);
      }
      return static_cast<T>(x / y);
    }
    if constexpr (kOp == BinaryOp::kMin) return x < y ? x : y;
    if constexpr (kOp == BinaryOp::kMax) return x > y ? x : y;
    if constexpr (kOp == BinaryOp::kPow) return integer_power(x, y);
    if constexpr (kOp == BinaryOp::kFmod) return integer_remainder(x, y, false);
    if constexpr (kOp == BinaryOp::kFloorMod) return integer_remainder(x, y, true);
    if constexpr (kOp == BinaryOp::kSquaredDifference) return static_cast<T>((a - b) * (a - b));
    if constexpr (kOp == BinaryOp::kPrelu) return x < 0 ? static_cast<T>(a * b) : x;
    if constexpr (kOp == BinaryOp::kBitAnd) return static_cast<T>(x & y);
    if constexpr (kOp == BinaryOp::kBitOr) return static_cast<T>(x | y);
    if constexpr (kOp == BinaryOp::kBitXor) return static_cast<T>(x ^ y);
    const bool beyond = static_cast<std::make_unsigned_t<T>>(y) >= sizeof(T) * 8;
    if constexpr (kOp == BinaryOp::kShiftLeft) return beyond ? T{0} : static_cast<T>(a << b);
    if constexpr (kOp == BinaryOp::kShiftRight) {
      if (beyond) return x < 0 ? static_cast<T>(-1) : T{0};
      return static_cast<T>(x >> y);
    }
  }
  return x;
}

/// z[i] = c[i] ? a(i) : b(i). Both are read whatever the condition, so that no branch depends on it.
template <typename T, typename A, typename B>
void choose(const std::uint8_t* c, std::int64_t n, T* z, A a, B b) {
  for (std::int64_t i = 0; i < n; ++i) {
    const T yes = a(i);
    const T no = b(i);
    z[i] = c[i] != 0 ? yes : no;
  }
}

template <typename T, typename Out, typename Function>
void portable_rows(const Broadcast& shape, const void* x, const void* y, Out* z, std::int64_t first, std::int64_t last,
                   Function f) {
  const std::int64_t dx = shape.stride[0][shape.rank - 1];
  const std::int64_t dy = shape.stride[1][shape.rank - 1];
  for_each_row(shape, first, last, [&](const std::int64_t* at, std::int64_t out, std::int64_t n) {
    const T* a = static_cast<const T*>(x) + at[0];
    const T* b = static_cast<const T*>(y) + at[1];
    Out* c = z + out;
    if (dx == 1 && dy == 1) {
      for (std::int64_t i = 0; i < n; ++i) c[i] = f(a[i], b[i]);
    } else if (dx == 1) {
      const T scalar = *b;
      for (std::int64_t i = 0; i < n; ++i) c[i] = f(a[i], scalar);
    } else if (dy == 1) {
      const T scalar = *a;
      for (std::int64_t i = 0; i < n; ++i) c[i] = f(scalar, b[i]);
    } else {
      std::fill(c, c + n, f(*a, *b));
    }
  });
}

template <typename T>
void portable_binary(BinaryOp op, const Broadcast& shape, const void* x, const void* y, void* z, std::int64_t first,
                     std::int64_t last) {
  switch (op) {
#define ORIEL_CASE(name)                                                  \
  case BinaryOp::name:                                                    \
    return portable_rows<T>(shape, x, y, static_cast<T*>(z), first, last, \
                            [](T a, T b) { return compute<BinaryOp::name, T>(a, b); });
    ORIEL_CASE(kAdd)
    ORIEL_CASE(kSub)
    ORIEL_CASE(kMul)
    ORIEL_CASE(kDiv)
    ORIEL_CASE(kMin)
    ORIEL_CASE(kMax)
    ORIEL_CASE(kPow)
    ORIEL_CASE(kFmod)
    ORIEL_CASE(kFloorMod)
    ORIEL_CASE(kSquaredDifference)
    ORIEL_CASE(kPrelu)
    ORIEL_CASE(kAtan2)
    ORIEL_CASE(kBitAnd)
    ORIEL_CASE(kBitOr)
    ORIEL_CASE(kBitXor)
    ORIEL_CASE(kShiftLeft)
    ORIEL_CASE(kShiftRight)
#undef ORIEL_CASE
    case BinaryOp::kCount:
      return;
  }
}

template <typename T>
void portable_compare(CompareOp op, const Broadcast& shape, const void* x, const void* y, std::uint8_t* z,
                      std::int64_t first, std::int64_t last) {
  const auto run = [&](auto f) { portable_rows<T>(shape, x, y, z, first, last, f); };
  switch (op) {
    case CompareOp::kEqual:
      return run([](T a, T b) { return static_cast<std::uint8_t>(a == b); });
    case CompareOp::kNotEqual:
      return run([](T a, T b) { return static_cast<std::uint8_t>(a != b); });
    case CompareOp::kLess:
      return run([](T a, T b) { return static_cast<std::uint8_t>(a < b); });
    case CompareOp::kLessEqual:
      return run([](T a, T b) { return static_cast<std::uint8_t>(a <= b); });
    case CompareOp::kGreater:
      return run([](T a, T b) { return static_cast<std::uint8_t>(a > b); });
    case CompareOp::kGreaterEqual:
      return run([](T a, T b) { return static_cast<std::uint8_t>(a >= b); });
    case CompareOp::kCount:
      return;
  }
}

/// Calls f with a value of the C++ type behind an arithmetic element type.
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

/// Exponents that need no pow; false where the general loop has to serve.
bool simple_power(const BinaryTable& t, const Broadcast& shape, const float* x, float exponent, float* z,
                  std::int64_t first, std::int64_t last) {
  const bool dense = shape.stride[0][shape.rank - 1] == 1;
  if (!dense) return false;
  const auto rows = [&](auto f) {
    for_each_row(shape, first, last,
                 [&](const std::int64_t* at, std::int64_t out, std::int64_t n) { f(x + at[0], z + out, n); });
    return true;
  };
  const BinaryF32Fn mul = t.f32[static_cast<int>(BinaryOp::kMul)];
  const BinaryF32Fn div = t.f32[static_cast<int>(BinaryOp::kDiv)];
  const float one = 1.0f;
  if (exponent == 1.0f) return rows([&](const float* a, float* c, std::int64_t n) { mul(a, false, &one, true, c, n); });
  if (exponent == 2.0f) return rows([&](const float* a, float* c, std::int64_t n) { mul(a, false, a, false, c, n); });
  if (exponent == -1.0f)
    return rows([&](const float* a, float* c, std::int64_t n) { div(&one, true, a, false, c, n); });
  if (exponent == 3.0f) {
    return rows([&](const float* a, float* c, std::int64_t n) {
      for (std::int64_t i = 0; i < n; ++i) c[i] = a[i] * a[i] * a[i];
    });
  }
  return false;
}

}  // namespace

bool has_binary(BinaryOp op, ElementType type) {
  const bool bitwise = op >= BinaryOp::kBitAnd;
  switch (type) {
    case ElementType::kF32:
    case ElementType::kF64:
      return !bitwise;
    case ElementType::kBool:
      return op == BinaryOp::kBitAnd || op == BinaryOp::kBitOr || op == BinaryOp::kBitXor;
    case ElementType::kI8:
    case ElementType::kI16:
    case ElementType::kI32:
    case ElementType::kI64:
    case ElementType::kU8:
    case ElementType::kU16:
    case ElementType::kU32:
    case ElementType::kU64:
      return op != BinaryOp::kAtan2;
    default:
      return false;
  }
}

void binary(BinaryOp op, ElementType type, const Broadcast& shape, const void* x, const void* y, void* z,
            std::int64_t first, std::int64_t last, Isa isa) {
  if (first >= last) return;
  const bool x_scalar = shape.stride[0][shape.rank - 1] == 0;
  const bool y_scalar = shape.stride[1][shape.rank - 1] == 0;
  if (type == ElementType::kF32) {
    const BinaryTable& t = table_of(isa);
    const auto* a = static_cast<const float*>(x);
    const auto* b = static_cast<const float*>(y);
    auto* c = static_cast<float*>(z);
    if (const BinaryF32Fn fn = t.f32[static_cast<int>(op)]) {
      return for_each_row(shape, first, last, [&](const std::int64_t* at, std::int64_t out, std::int64_t n) {
        fn(a + at[0], x_scalar, b + at[1], y_scalar, c + out, n);
      });
    }
    if (op == BinaryOp::kPow) {
      bool constant = true;
      for (int axis = 0; axis < shape.rank; ++axis) constant = constant && shape.stride[1][axis] == 0;
      if (constant && simple_power(t, shape, a, *b, c, first, last)) return;
    }
  }
  with_type(type, [&](auto value) { portable_binary<decltype(value)>(op, shape, x, y, z, first, last); });
}

void compare(CompareOp op, ElementType type, const Broadcast& shape, const void* x, const void* y, std::uint8_t* out,
             std::int64_t first, std::int64_t last, Isa isa) {
  if (first >= last) return;
  if (type == ElementType::kF32) {
    const bool x_scalar = shape.stride[0][shape.rank - 1] == 0;
    const bool y_scalar = shape.stride[1][shape.rank - 1] == 0;
    const CompareF32Fn fn = table_of(isa).compare_f32[static_cast<int>(op)];
    return for_each_row(shape, first, last, [&](const std::int64_t* at, std::int64_t to, std::int64_t n) {
      fn(static_cast<const float*>(x) + at[0], x_scalar, static_cast<const float*>(y) + at[1], y_scalar, out + to, n);
    });
  }
  with_type(type, [&](auto value) { portable_compare<decltype(value)>(op, shape, x, y, out, first, last); });
}

void select_elements(int element_bytes, const Broadcast& shape, const std::uint8_t* condition, const void* x,
                     const void* y, void* out, std::int64_t first, std::int64_t last) {
  struct Wide {
    std::uint64_t low, high;
  };
  const int inner = shape.rank - 1;
  const auto run = [&](auto value) {
    using T = decltype(value);
    for_each_row(shape, first, last, [&](const std::int64_t* at, std::int64_t to, std::int64_t n) {
      const std::uint8_t* c = condition + at[0];
      const T* a = static_cast<const T*>(x) + at[1];
      const T* b = static_cast<const T*>(y) + at[2];
      T* z = static_cast<T*>(out) + to;
      const std::int64_t dc = shape.stride[0][inner];
      const std::int64_t da = shape.stride[1][inner];
      const std::int64_t db = shape.stride[2][inner];
      if (dc == 0) {
        const T* from = *c ? a : b;
        const std::int64_t step = *c ? da : db;
        for (std::int64_t i = 0; i < n; ++i) z[i] = from[i * step];
      } else if (da == 1 && db == 1) {
        choose(
            c, n, z, [a](std::int64_t i) { return a[i]; }, [b](std::int64_t i) { return b[i]; });
      } else if (da == 1) {
        choose(
            c, n, z, [a](std::int64_t i) { return a[i]; }, [other = *b](std::int64_t) { return other; });
      } else if (db == 1) {
        choose(
            c, n, z, [one = *a](std::int64_t) { return one; }, [b](std::int64_t i) { return b[i]; });
      } else {
        choose(
            c, n, z, [one = *a](std::int64_t) { return one; }, [other = *b](std::int64_t) { return other; });
      }
    });
  };
  switch (element_bytes) {
    case 1:
      return run(std::uint8_t{});
    case 2:
      return run(std::uint16_t{});
    case 4:
      return run(std::uint32_t{});
    case 8:
      return run(std::uint64_t{});
    case 16:
      return run(Wide{});
    default:
      return;
  }
}

}  // namespace oriel::kernels
