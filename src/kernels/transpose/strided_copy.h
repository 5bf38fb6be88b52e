// Copies between arrays of any strides: transpose, slice, split, concatenate, expand, pad's interior, pixel shuffles.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

constexpr int kMaxCopyRank = 16;

/// y[sum(i * to)] = x[sum(i * from)] for every index i, as loops that suit the strides: whole runs, register transposes
/// of the two axes that are dense on either side, or single elements.
struct StridedCopy {
  enum class Kind : std::uint8_t { kRuns, kTiles, kElements };
  Kind kind = Kind::kRuns;
  int rank = 0;  ///< axes that remain outside the innermost loops
  std::int64_t extent[kMaxCopyRank] = {};
  std::int64_t from[kMaxCopyRank] = {};  ///< bytes
  std::int64_t to[kMaxCopyRank] = {};    ///< bytes
  std::int64_t element = 0;              ///< bytes moved at once: a run, or one element of 1, 2, 4, 8 or 16
  std::int64_t inner[2] = {
      1, 1};  ///< kTiles: extents of the axes dense in y and in x; kElements: [0] alone; kRuns: [0] = bytes
  std::int64_t inner_from = 0;  ///< bytes along inner[0] in x
  std::int64_t inner_to = 0;    ///< bytes along inner[1] (kElements: inner[0]) in y
  std::int64_t unit_inner = 1;  ///< steps of inner[0] in one unit
  std::int64_t units = 0;       ///< independent pieces; 0 where an extent is 0
};

/// Strides count elements of element_bytes (1, 2, 4, 8 or 16) and may be zero or negative in `from`; the elements
/// written must be distinct. rank is 0 to kMaxCopyRank.
StridedCopy plan_strided_copy(int rank, const std::int64_t* extent, const std::int64_t* from, const std::int64_t* to,
                              int element_bytes);

/// The copy of a dense array x into a dense y whose axis i is axis order[i] of x.
StridedCopy plan_transpose(int rank, const std::int64_t* extent, const int* order, int element_bytes);

/// Units [first, last). x and y must not overlap; no alignment needed.
void strided_copy(const StridedCopy& plan, const void* x, void* y, std::int64_t first, std::int64_t last,
                  Isa isa = max_isa());

/// out[i] = row indices[i] of a table of `rows` rows, row_bytes each, for i in [first, last). Indices are i64, or i32
/// where not wide; negative ones count from the end. Returns false, rows before it written, at an index out of range.
bool gather_rows(const void* table, std::int64_t rows, std::int64_t row_bytes, const void* indices, bool wide,
                 std::int64_t first, std::int64_t last, void* out);

}  // namespace oriel::kernels
