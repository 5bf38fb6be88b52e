// Products of f32 matrices by seven products of their quarters (Strassen), the sums of B's quarters packed once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_features.h"
#include "kernels/gemm/gemm_f32.h"

namespace oriel::kernels {

/// How a product will be computed: a deterministic function of problem, level and cache sizes, cheap to make again when
/// m changes. The packed form of B depends on n, k and level alone; it takes about 7/4 of B's bytes.
///
/// One level of Strassen's scheme on pairs of panels of C's columns and pairs of register tiles of its rows; products
/// are taken kStrassenPass at a time. Columns that make no pair of panels are computed as gemm_f32_run does.
///
/// Numeric promise: f32 throughout, in an order that does not depend on the number of threads. Against the exact
/// product, with u = 2^-24: |error| <= (3 k^2 + 25 k) u max|A| max|B|, the bound of N. Higham, Accuracy and Stability
/// of Numerical Algorithms, 2nd ed., theorem 23.2, for one level. It refers to the largest elements of the operands,
/// not to those of a row and a column as the bound of a plain product does. Where elements are of one size, errors are
/// about 1.4 times those of the plain product. An infinity or NaN in A may spread to all columns of up to 28 rows
/// around its own; sums of two elements of A or B must be finite.
struct StrassenPlan {
  GemmF32Problem problem;
  Isa isa = Isa::kScalar;
  int phases = 0;                        ///< two for each block of rows: sums of A, products
  std::size_t shared_scratch_bytes = 0;  ///< one buffer for the whole run, 64-byte aligned
  std::size_t thread_scratch_bytes = 0;  ///< for each thread, 64-byte aligned

  /// Rows whose sums are in scratch at the same time.
  struct Block {
    std::int64_t rows = 0;
    std::int64_t groups = 0;  // of rows: two register tiles each
    std::int64_t groups_per_unit = 0, row_units = 0;
    std::int64_t pairs_per_unit = 0, pair_units = 0;
    GemmF32Plan rest;  // of the columns without pair
  };
  Block block, last_block;
  bool prefetch = false;
};

/// Products of one pass over C.
constexpr std::int64_t kStrassenPass = 1536;

/// Whether there are columns and products to halve: two panels and two products at least.
bool strassen_serves(std::int64_t n, std::int64_t k, Isa isa = max_isa());

/// Bytes of the packed form of B, k x n; strassen_serves() must be true.
std::size_t strassen_packed_bytes(std::int64_t n, std::int64_t k, Isa isa = max_isa());

/// Packs units [first, last) of [0, strassen_pack_units) of B, stored [k][ldb], or [n][ldb] where transposed, in any
/// order and from several threads. `packed` is 64-byte aligned.
std::int64_t strassen_pack_units(std::int64_t n, std::int64_t k, Isa isa = max_isa());
void strassen_pack(const float* b, std::int64_t ldb, bool transposed, std::int64_t n, std::int64_t k,
                   std::int64_t first, std::int64_t last, float* packed, Isa isa = max_isa());

/// For a packed B, no transposed A and a batch of 1; strassen_serves() must be true.
StrassenPlan strassen_plan(const GemmF32Problem& problem, Isa isa = max_isa());

/// Independent pieces of work of a phase, 0 <= phase < plan.phases.
std::int64_t strassen_units(const StrassenPlan& plan, int phase);

/// Computes units [first, last) of a phase with the operands of gemm_f32_run, `b` being what strassen_pack
/// left. Calls of one phase on disjoint ranges may run at once, each with thread scratch of its own; the phases follow
/// one another. The rules of GemmF32Operands hold.
void strassen_run(const StrassenPlan& plan, const GemmF32Operands& operands, int phase, std::int64_t first,
                  std::int64_t last, void* shared_scratch, void* thread_scratch);

/// Estimates of the time of gemm_f32_run with a packed B and of strassen_run on `threads` cores of a nominal 3.6 GHz
/// processor. The second one holds from kStrassenRows rows on.
double gemm_f32_seconds(std::int64_t m, std::int64_t n, std::int64_t k, int threads, Isa isa = max_isa());
double strassen_seconds(std::int64_t m, std::int64_t n, std::int64_t k, int threads, Isa isa = max_isa());

/// With fewer rows the panels of B, more bytes than the plain ones, are not read often enough.
constexpr std::int64_t kStrassenRows = 64;

}  // namespace oriel::kernels
