// The operations of two operands and the comparisons that elementwise kernels know.
#pragma once

#include <cstdint>

namespace oriel::kernels {

enum class BinaryOp : std::uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,  ///< integers truncate; division by zero gives 0, and the lowest integer over -1 wraps
  kMin,  ///< NaN in either operand gives NaN
  kMax,
  kPow,       ///< integers: repeated squaring with wrap-around; a negative exponent gives 0 unless |x| = 1
  kFmod,      ///< remainder with the sign of x; integers: 0 for y = 0
  kFloorMod,  ///< remainder with the sign of y; integers: 0 for y = 0
  kSquaredDifference,
  kPrelu,   ///< x < 0 ? x * y : x
  kAtan2,   ///< floats only
  kBitAnd,  ///< integers and bool only, as are the following
  kBitOr,
  kBitXor,
  kShiftLeft,   ///< by y bits; 0 for y beyond the width
  kShiftRight,  ///< logical for unsigned, arithmetic for signed types
  kCount,
};

enum class CompareOp : std::uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kCount };

}  // namespace oriel::kernels
