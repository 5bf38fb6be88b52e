// Register transposes of blocks, by element size.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

/// y[q * to + p] = x[p * from + q] for p < np and q < nq, strides in elements.
template <typename T>
using TransposeFn = void (*)(const T* x, std::int64_t from, T* y, std::int64_t to, std::int64_t np, std::int64_t nq);

struct TransposeTable {
  TransposeFn<std::uint32_t> four_bytes;
  /// For from == nq of 2 to kMostInterleaved alone; null where the level has none.
  TransposeFn<std::uint8_t> interleaved_bytes;
};

/// Elements of neighbouring columns that loops of their own take apart.
constexpr std::int64_t kMostInterleaved = 4;

extern const TransposeTable kTransposeScalar;
extern const TransposeTable kTransposeAvx2;
extern const TransposeTable kTransposeAvx512;

/// The table of a level.
const TransposeTable& transpose_table(Isa isa);

/// The same at every level, on what x86-64 always has.
void transpose_1(const std::uint8_t* x, std::int64_t from, std::uint8_t* y, std::int64_t to, std::int64_t np,
                 std::int64_t nq);
void transpose_2(const std::uint16_t* x, std::int64_t from, std::uint16_t* y, std::int64_t to, std::int64_t np,
                 std::int64_t nq);
void transpose_8(const std::uint64_t* x, std::int64_t from, std::uint64_t* y, std::int64_t to, std::int64_t np,
                 std::int64_t nq);

}  // namespace oriel::kernels
