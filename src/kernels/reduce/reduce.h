// Reductions of any set of axes, and positions of extremes along one axis.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"
#include "base/element_type.h"

namespace oriel::kernels {

enum class ReduceOp : std::uint8_t {
  kSum,
  kMean,
  kMax,  ///< NaN anywhere gives NaN
  kMin,
  kProd,
  kL1,  ///< sum |x|
  kL2,  ///< sqrt(sum x^2)
  kSumSquare,
  kLogSum,     ///< log(sum x)
  kLogSumExp,  ///< max + log(sum(exp(x - max)))
};

constexpr int kMaxReduceRank = 16;

/// A dense array whose axes are merged so that reduced and kept ones alternate. Outputs are dense, in the order of the
/// kept axes.
struct Reduce {
  int rank = 1;
  std::int64_t extent[kMaxReduceRank] = {};
  std::int64_t stride[kMaxReduceRank] = {};
  bool reduced[kMaxReduceRank] = {};
  std::int64_t outputs = 0;  ///< product of kept extents
  std::int64_t count = 0;    ///< elements per output
  std::int64_t units = 0;    ///< independent pieces of work
  std::int64_t columns = 1;  ///< outputs of one unit: 1, or a block of the last, kept axis
};

/// rank is 0 to kMaxReduceRank. reduced[i] says whether axis i goes.
Reduce plan_reduce(int rank, const std::int64_t* extent, const bool* reduced);

/// Units [first, last). f32 sums run in lanes; over an empty set: 0 for sums, 1 for kProd, -inf for kMax, +inf for
/// kMin, NaN for kMean, -inf for kLogSum and kLogSumExp.
void reduce_f32(ReduceOp op, const Reduce& plan, const float* x, float* y, std::int64_t first, std::int64_t last,
                Isa isa = max_isa());

/// The same for f64, i8, u8, i32, u32, i64, u64 (i16 and u16 too), output in the input's type. Integers wrap; their
/// mean truncates (0 of an empty set), kL2 and the logarithms are computed in f64 and truncated; kMax and kMin of an
/// empty set give the type's limits. bool is accepted for kMax (any) and kMin (all). Portable loops.
bool has_reduce(ReduceOp op, ElementType type);
void reduce(ReduceOp op, ElementType type, const Reduce& plan, const void* x, void* y, std::int64_t first,
            std::int64_t last, Isa isa = max_isa());

/// Positions of the largest (or smallest) elements of [outer][axis][inner] along the middle axis, for units [first,
/// last) of outer * inner; out[o][i]. Of equal elements the first, or the last where asked. NaN counts as the extreme.
/// Types: those of reduce(), f32 included. axis > 0.
void arg_extreme(bool largest, bool last_of_equal, ElementType type, std::int64_t axis, std::int64_t inner,
                 const void* x, std::int64_t* out, std::int64_t first, std::int64_t last);

}  // namespace oriel::kernels
